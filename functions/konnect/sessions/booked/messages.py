"""What both are told of a booked session; each once, in the transaction of what it tells of."""

from datetime import datetime
from typing import Any

from konnect import clock
from konnect.money import inr
from konnect.notifications import service as notifications
from konnect.notifications.types import Type
from konnect.store import Doc, Tx

from . import events
from .policy import By, Outcome, Split

_KINDS = {"chat": "chat", "call": "voice call", "video": "video call"}


def read_ahead(tx: Tx, session_id: str, uids: tuple[str, ...], type: Type) -> None:
    """Read what telling both reads, in one call."""
    tx.peek(*(path for uid in uids for path in notifications.paths(uid, type, (session_id,))))


def booked(tx: Tx, session: Doc, *, now: datetime) -> None:
    what = f"{_what(session)} of {session['bookedMinutes']} minutes on {_when(session)}"
    _tell(tx, session, "user", "booking_confirmed", "Your session is booked", f"A {what}.", now, invites=True)
    _tell(tx, session, "expert", "booking_confirmed", "You have a booking", f"A {what}.", now, invites=True)


def remind(tx: Tx, session: Doc, *, now: datetime) -> None:
    text = f"Your {_what(session)} begins on {_when(session)}."
    for side in ("user", "expert"):
        _tell(tx, session, side, "booking_reminder", "Your session begins soon", text, now)


def cancelled(tx: Tx, session: Doc, by: By, split: Split, *, now: datetime) -> None:
    what = f"The {_what(session)} on {_when(session)} is cancelled"
    whom = {"user": session["userName"], "expert": session["expertName"]}.get(by)
    for side in ("user", "expert"):
        by_whom = "" if whom is None else " by you" if side == by else f" by {whom}"
        money = _money_back(split) if side == "user" else _money_kept(session, split)
        text = f"{what}{by_whom}. {money}"
        _tell(tx, session, side, "booking_cancelled", "A session is cancelled", text, now, invites=True)


def not_held(tx: Tx, session: Doc, outcome: Outcome, split: Split, *, now: datetime) -> None:
    what = f"The {_what(session)} on {_when(session)} has not taken place"
    names = {"user": session["userName"], "expert": session["expertName"]}
    missing = {"expert-no-show": "expert", "user-no-show": "user"}.get(outcome)
    for side in ("user", "expert"):
        why = ""
        if missing is not None:
            why = ": you were not there" if side == missing else f": {names[missing]} did not come"
        money = _money_back(split) if side == "user" else _money_kept(session, split)
        _tell(tx, session, side, "session_not_held", "A session has not taken place", f"{what}{why}. {money}", now)


def _tell(
    tx: Tx, session: Doc, side: str, type: Type, title: str, body: str, now: datetime, *, invites: bool = False
) -> None:
    """`invites`: the mail puts the session into the calendar, or takes it out."""
    data: dict[str, Any] = {
        "sessionId": session["id"],
        "scheduledAt": clock.iso(session["scheduledAt"]),
        "endsAt": clock.iso(session["endsAt"]),
        "duration": session["bookedMinutes"],
        "side": side,
        "with": session["expertName"] if side == "user" else session["userName"],
        "amount": session["totalAmount"],
    }
    uid = session["userId"] if side == "user" else session["expertUid"]
    text = body.replace("{with}", data["with"]).strip()
    gone = type == "booking_cancelled"
    event = events.of(session, side, changed_at=now, cancelled=gone) if invites else None
    about = (session["id"],)
    notifications.notify(tx, uid, type, about=about, title=title, body=text, data=data, invitation=event, now=now)


def _what(session: Doc) -> str:
    return f"{_KINDS[session['type']]} with {{with}}"


def _when(session: Doc) -> str:
    return clock.in_india(session["scheduledAt"])


def _money_back(split: Split) -> str:
    if not split.returned_paise:
        return "Nothing is refunded."
    rest = f"; {inr(split.kept_paise)} is kept" if split.kept_paise else ""
    return f"{inr(split.returned_paise)} is back in your wallet{rest}."


def _money_kept(session: Doc, split: Split) -> str:
    return "Your share of what was kept is in your wallet." if split.kept_paise else ""
