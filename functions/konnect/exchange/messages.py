"""What the two are notified of; each once, in the transaction of what it tells of."""

from datetime import datetime
from typing import Any

from konnect import clock
from konnect.notifications import service as notifications
from konnect.notifications.types import Type
from konnect.store import Doc, Tx

from . import access

_WHY = {
    "withdrawn": "It was withdrawn.",
    "cancelled": "The other side has left it.",
    "expired": "Nobody has accepted it in time.",
    "idle": "Nothing has happened in it for a long time.",
    "account-closed": "The other side has closed their account.",
}


def requested(tx: Tx, exchange: Doc, *, now: datetime) -> None:
    """To the one who is asked; an open offer asks nobody."""
    if exchange["providerId"] is None:
        return
    text = (
        f"{exchange['requesterName']} offers you {exchange['offeredSkill']} for {exchange['requestedSkill']}. "
        f"Answer it until {clock.in_india(exchange['expiresAt'])}."
    )
    title = "You are asked for a skill exchange"
    _tell(tx, exchange, exchange["providerId"], "exchange_requested", title, text, {}, now)


def accepted(tx: Tx, exchange: Doc, *, now: datetime) -> None:
    text = f"{exchange['providerName']} has accepted your exchange: {_skills(exchange)}. You can write to each other."
    title = "Your skill exchange is accepted"
    _tell(tx, exchange, exchange["requesterId"], "exchange_accepted", title, text, {}, now)


def rejected(tx: Tx, exchange: Doc, *, now: datetime) -> None:
    said = f" They say: {exchange['note']}" if exchange["note"] else ""
    text = f"{exchange['providerName']} does not want to exchange {_skills(exchange)}.{said}"
    title = "Your skill exchange was declined"
    _tell(tx, exchange, exchange["requesterId"], "exchange_rejected", title, text, {}, now)


def cancelled(tx: Tx, exchange: Doc, *, but: str | None = None, now: datetime) -> None:
    """To who has not ended it, without `but`."""
    said = f" They say: {exchange['note']}" if exchange["note"] else ""
    text = f"The exchange of {_skills(exchange)} has ended. {_WHY[exchange['endReason']]}{said}"
    for uid in exchange["participants"]:
        if uid not in (exchange["endedBy"], but):
            reason = {"reason": exchange["endReason"]}
            _tell(tx, exchange, uid, "exchange_cancelled", "A skill exchange has ended", text, reason, now)


def session_planned(tx: Tx, exchange: Doc, session: Doc, *, by: str, now: datetime) -> None:
    """Planned, moved or cancelled: to the other side."""
    at = clock.in_india(session["scheduledAt"])
    is_off = session["status"] == "cancelled"
    title = "A session of your exchange is cancelled" if is_off else "A session of your exchange is planned"
    topic = f" about {session['topic']}" if session["topic"] else ""
    text = f"The session{topic}, of {session['durationMins']} minutes, on {at}{' is cancelled' if is_off else ''}."
    data = {
        "sessionId": session["id"],
        "scheduledAt": clock.iso(session["scheduledAt"]),
        "duration": session["durationMins"],
        "status": session["status"],
    }
    about = (session["id"], session["status"], data["scheduledAt"], session["durationMins"])
    _tell(tx, exchange, access.other(exchange, by), "exchange_session", title, text, data, now, about=about)


def to_confirm(tx: Tx, exchange: Doc, by: str, *, now: datetime) -> None:
    said = f"{_name(exchange, by)} says that your exchange of {_skills(exchange)} is complete."
    text = f"{said} If it is, please say so too."
    title = "Is your skill exchange complete?"
    data = {"status": exchange["status"]}
    _tell(tx, exchange, access.other(exchange, by), "exchange_completed", title, text, data, now, about=("confirm",))


def completed(tx: Tx, exchange: Doc, *, now: datetime) -> None:
    text = f"Your exchange of {_skills(exchange)} is complete. Please tell each other how it was."
    data = {"status": exchange["status"]}
    for uid in exchange["participants"]:
        _tell(tx, exchange, uid, "exchange_completed", "Your skill exchange is complete", text, data, now)


def rated(tx: Tx, exchange: Doc, by: str, *, now: datetime) -> None:
    given = exchange["feedback"][by]
    said = f": {given['comment']}" if given["comment"] else "."
    text = f"{_name(exchange, by)} gives you {given['rating']} of 5 stars for your exchange{said}"
    data = {"rating": given["rating"]}
    title = "You have feedback on a skill exchange"
    _tell(tx, exchange, access.other(exchange, by), "exchange_feedback", title, text, data, now)


def _tell(
    tx: Tx,
    exchange: Doc,
    uid: str,
    type: Type,
    title: str,
    body: str,
    data: dict[str, Any],
    now: datetime,
    *,
    about: tuple[Any, ...] = (),
) -> None:
    partners = [one for one in exchange["participants"] if one != uid]
    whole: dict[str, Any] = {
        "exchangeId": exchange["id"],
        "with": _name(exchange, partners[0]) if partners else None,
        "offeredSkill": exchange["offeredSkill"],
        "requestedSkill": exchange["requestedSkill"],
        **data,
    }
    about = (exchange["id"], *about)
    notifications.notify(tx, uid, type, about=about, title=title, body=body, data=whole, now=now)


def _skills(exchange: Doc) -> str:
    return f"{exchange['offeredSkill']} and {exchange['requestedSkill']}"


def _name(exchange: Doc, uid: str) -> str:
    return str(exchange["requesterName" if uid == exchange["requesterId"] else "providerName"])
