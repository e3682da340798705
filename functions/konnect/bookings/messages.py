"""What the two are told of a booking; each once, in the transaction of what it tells of."""

from datetime import datetime
from typing import Any, Literal

from konnect import clock
from konnect.money import inr, rupees
from konnect.notifications import service as notifications
from konnect.notifications.types import Type
from konnect.sessions.booked.policy import Split
from konnect.store import Doc, Tx

from . import benefits, events
from .pricing import Parts

_SIDES = ("student", "mentor")


def confirmed(tx: Tx, booking: Doc, parts: Parts, *, now: datetime) -> None:
    about = (clock.iso(booking["scheduledAt"]),)
    for side, title in (("student", "Your session is booked"), ("mentor", "You have a booking")):
        body = f"A session with {_other(booking, side)} of {booking['duration']} minutes on {_when(booking, side)}."
        _tell(tx, booking, side, "booking_confirmed", title, body, now, about=about, invites=True)
    money: dict[str, Any] = {"fee": rupees(parts.total_paise - parts.mentor_paise), "net": rupees(parts.mentor_paise)}
    body = f"{booking['studentName']} has paid for the session on {_when(booking, 'mentor')}."
    _tell(tx, booking, "mentor", "payment_received", "A payment was received", body, now, **money)


def moved(tx: Tx, booking: Doc, *, now: datetime) -> None:
    about = (clock.iso(booking["scheduledAt"]),)
    was: dict[str, Any] = {"movedFrom": clock.iso(booking["rescheduledFrom"])}
    for side in _SIDES:
        body = f"The session with {_other(booking, side)} is now on {_when(booking, side)}."
        _tell(
            tx, booking, side, "booking_confirmed", "A session was moved", body, now, about=about, invites=True, **was
        )


def cancelled(tx: Tx, booking: Doc, by: str, split: Split, *, now: datetime) -> None:
    name = {"student": booking["studentName"], "mentor": booking["mentorName"]}.get(by)
    reason = {"reason": booking["cancellationReason"]} if booking["cancellationReason"] else {}
    for side in _SIDES:
        by_whom = "" if name is None else " by you" if side == by else f" by {name}"
        body = f"The session with {_other(booking, side)} on {_when(booking, side)} is cancelled{by_whom}."
        money: dict[str, Any] = {}
        if side == "student" and booking["payment"]["status"] == "paid":
            body += _money_back(booking, split)
            money = _cash_back(booking, split)
        elif side == "mentor" and split.kept_paise:
            body += " Your share of what was kept is added to your earnings."
        _tell(
            tx, booking, side, "booking_cancelled", "A session is cancelled", body, now, invites=True, **reason, **money
        )


def paid_back(tx: Tx, booking: Doc, payment_id: str, amount_paise: int, *, now: datetime) -> None:
    """A payment that could not be used: it came too late, or was a second one."""
    body = (
        f"Your payment of {inr(amount_paise)} for the session with {booking['mentorName']} on "
        f"{_when(booking, 'student')} could not be used and is returned to you."
    )
    amount: dict[str, Any] = {"refundAmount": rupees(amount_paise)}
    title = "Your payment is returned"
    _tell(tx, booking, "student", "booking_cancelled", title, body, now, about=(payment_id,), **amount)


def lapsed(tx: Tx, booking: Doc, *, now: datetime) -> None:
    """It was not paid in time. Without a mail: whoever has closed the checkout knows."""
    failed = booking["statusReason"] == "payment-failed"
    why = "Your payment did not go through" if failed else "You have not paid in time"
    body = f"{why}, so the session with {booking['mentorName']} on {_when(booking, 'student')} is not booked. "
    body += "As long as the time is free you can book it again."
    title = "Your session is not booked"
    _tell(tx, booking, "student", "booking_cancelled", title, body, now, about=("lapsed",), by_mail=False)


def noted(tx: Tx, booking: Doc, day: str, *, now: datetime) -> None:
    """The mentor has written notes. `day`: they are told of once a day."""
    items: dict[str, Any] = {"actionItems": booking["sessionNotes"]["actionItems"]}
    body = f"{booking['mentorName']} has written notes of your session on {_when(booking, 'student')}."
    _tell(tx, booking, "student", "session_notes", "Notes of your session", body, now, about=(day,), **items)


def remind(tx: Tx, booking: Doc, at: datetime, *, lead_mins: int, now: datetime) -> None:
    """What comes; `at` is the time of the reminder, of which there is more than one: so long before, by the plan."""
    title = "Your session begins soon" if lead_mins <= 60 else "A reminder of your session"
    lead: dict[str, Any] = {"leadMinutes": lead_mins}
    about = (clock.iso(booking["scheduledAt"]), clock.iso(at))
    for side in _SIDES:
        body = f"Your session with {_other(booking, side)} begins on {_when(booking, side)}."
        _tell(tx, booking, side, "booking_reminder", title, body, now, about=about, **lead)


def started(tx: Tx, booking: Doc, *, now: datetime) -> None:
    """Both are in the call."""
    for side in _SIDES:
        body = f"You and {_other(booking, side)} are in the call."
        _tell(tx, booking, side, "session_started", "Your session has started", body, now)


def completed(tx: Tx, booking: Doc, *, now: datetime) -> None:
    for side in _SIDES:
        body = f"The session with {_other(booking, side)} on {_when(booking, side)} is completed."
        _tell(tx, booking, side, "session_completed", "A session is completed", body, now)


def not_held(tx: Tx, booking: Doc, absent: str, split: Split, *, now: datetime) -> None:
    """One side did not come, as the other has claimed and was seen."""
    name = booking["mentorName"] if absent == "mentor" else booking["studentName"]
    for side in _SIDES:
        who = "you" if side == absent else name
        body = f"The session with {_other(booking, side)} on {_when(booking, side)} has not taken place: "
        body += f"{who} did not come."
        if side == "student":
            body += _money_back(booking, split)
        elif split.kept_paise:
            body += " Your share is added to your earnings."
        money = _cash_back(booking, split) if side == "student" else {}
        title = "A session has not taken place"
        _tell(tx, booking, side, "session_not_held", title, body, now, about=(absent,), **money)


def refunded(tx: Tx, booking: Doc, made: Doc, *, now: datetime) -> None:
    """An admin has given money back: `made` of it (reversal.py)."""
    share = inr(made["mentorPaise"])
    bodies = {
        "student": f"Of the session with {booking['mentorName']} on {_when(booking, 'student')}, "
        + _given_back(made["amountPaise"], made["cashPaise"]),
        "mentor": f"The session with {booking['studentName']} on {_when(booking, 'mentor')} was refunded: {share} of "
        "your share is taken back.",
    }
    for side in _SIDES:
        money = _part_of(made, side)
        if side == "student" or money:
            title = "A session was refunded"
            _tell(tx, booking, side, "booking_refunded", title, bodies[side], now, about=(made["id"],), **money)


def disputed(
    tx: Tx, booking: Doc, type: Literal["dispute_opened", "dispute_answered"], by: str, *, now: datetime
) -> None:
    """`by` has opened a dispute, or answered one: the other side is told."""
    side = "mentor" if by == "student" else "student"
    of = f"the session with {_other(booking, side)} on {_when(booking, side)}"
    if type == "dispute_opened":
        title, body = "A dispute was opened", f"{_other(booking, side)} has opened a dispute about {of}."
        body += " You can answer once, before we decide."
    else:
        title, body = "Your dispute was answered", f"{_other(booking, side)} has answered your dispute about {of}."
    _tell(tx, booking, side, type, title, body, now, dispute=_said(booking))


def decided(tx: Tx, booking: Doc, made: Doc | None, note: str, *, now: datetime) -> None:
    """A dispute's end, for both. `made`: what was given back (reversal.py), if anything."""
    for side in _SIDES:
        body = f"The dispute about the session with {_other(booking, side)} on {_when(booking, side)} is decided: "
        if made is None:
            body += "nothing is refunded."
        elif side == "student":
            body += _given_back(made["amountPaise"], made["cashPaise"])
        else:
            share = inr(made["mentorPaise"])
            body += f"{inr(made['amountPaise'])} goes back to the student, {share} of it your share."
        money = _part_of(made, side) if made is not None else {}
        _tell(tx, booking, side, "dispute_decided", "A dispute is decided", body, now, note=note, **money)


def _part_of(made: Doc, side: str) -> dict[str, Any]:
    """What goes back to the student in cash, or is taken from the mentor."""
    name, paise = ("refundAmount", made["cashPaise"]) if side == "student" else ("takenBack", made["mentorPaise"])
    return {name: rupees(paise)} if paise > 0 else {}


def _said(booking: Doc) -> Doc:
    """What the other side has written last in a dispute."""
    dispute = booking["dispute"]
    said = dispute["answer"] or dispute
    return {"reason": said["reason"], "description": said["description"]}


def _tell(
    tx: Tx,
    booking: Doc,
    side: str,
    type: Type,
    title: str,
    body: str,
    now: datetime,
    *,
    about: tuple[Any, ...] = (),
    invites: bool = False,
    by_mail: bool = True,
    **more: Any,
) -> None:
    """`invites`: the mail puts the session into the calendar, or takes it out."""
    data = {
        "bookingId": booking["id"],
        "scheduledAt": clock.iso(booking["scheduledAt"]),
        "endsAt": clock.iso(booking["endsAt"]),
        "duration": booking["duration"],
        "topic": booking["topic"],
        "agenda": booking["agenda"],
        "timeZone": zone_of(booking, side),
        "side": "user" if side == "student" else "expert",
        "with": _other(booking, side),
        "amount": booking["payable" if side == "student" else "total"],
        **more,
    }
    uid = booking["studentId"] if side == "student" else booking["mentorUid"]
    event = events.of(booking, side, changed_at=now) if invites else None
    notifications.notify(
        tx,
        uid,
        type,
        about=(booking["id"], *about),
        title=title,
        body=body,
        data=data,
        by_mail=by_mail,
        invitation=event,
        now=now,
    )


def _other(booking: Doc, side: str) -> str:
    return str(booking["mentorName"] if side == "student" else booking["studentName"])


def zone_of(booking: Doc, side: str) -> str | None:
    """The time zone of one side, as far as it is known."""
    zone: str | None = booking.get(f"{side}TimeZone")
    return zone


def _when(booking: Doc, side: str) -> str:
    """As the reader's clock shows it."""
    return clock.in_zone(booking["scheduledAt"], zone_of(booking, side))


def _money_back(booking: Doc, split: Split) -> str:
    if not split.returned_paise:
        return " Nothing is refunded."
    cash_paise, portions = benefits.returned(booking, _before(booking, split), split.returned_paise)
    in_all_paise, _ = benefits.returned(booking, 0, booking["totalPaise"] - split.kept_paise)
    said, kept_paise = "", booking["payablePaise"] - in_all_paise
    if cash_paise:
        rest = f"; {inr(kept_paise)} is kept" if kept_paise else ""
        said = f" {inr(cash_paise)} goes back to where you paid from{rest}."
    for one, paise in zip(benefits.of(booking), portions, strict=True):
        if not split.kept_paise:
            said += f" You can use again: {one.label}."
        elif one.kind == "package" and paise:
            said += f" {inr(paise)} goes back to where you paid for your package from."
    return said


def _cash_back(booking: Doc, split: Split) -> dict[str, Any]:
    cash_paise, _ = benefits.returned(booking, _before(booking, split), split.returned_paise)
    return {"refundAmount": rupees(cash_paise)} if cash_paise else {}


def _before(booking: Doc, split: Split) -> int:
    """What had gone back before."""
    return int(booking["totalPaise"] - split.kept_paise - split.returned_paise)


def _given_back(amount_paise: int, cash_paise: int) -> str:
    rest = f"{inr(amount_paise - cash_paise)} to what else you have used for it"
    if not cash_paise:
        return f"{rest} goes back."
    both = f", {rest}" if cash_paise < amount_paise else ""
    return f"{inr(cash_paise)} goes back to where you paid from{both}."
