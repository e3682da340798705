"""What the two are told of a booking; each once, in the transaction of what it tells of."""

from datetime import datetime
from typing import Any

from konnect import clock
from konnect.money import rupees
from konnect.notifications import service as notifications
from konnect.notifications.types import Type
from konnect.sessions.booked.policy import Split
from konnect.store import Doc, Tx

from .pricing import Parts

_SIDES = ("student", "mentor")


def confirmed(tx: Tx, booking: Doc, parts: Parts, *, now: datetime) -> None:
    about = (clock.iso(booking["scheduledAt"]),)
    what = f"of {booking['duration']} minutes on {_when(booking)}"
    for side, title in (("student", "Your session is booked"), ("mentor", "You have a booking")):
        body = f"A session with {_other(booking, side)} {what}."
        _tell(tx, booking, side, "booking_confirmed", title, body, now, about=about)
    money: dict[str, Any] = {"fee": rupees(parts.total_paise - parts.mentor_paise), "net": rupees(parts.mentor_paise)}
    body = f"{booking['studentName']} has paid for the session on {_when(booking)}."
    _tell(tx, booking, "mentor", "payment_received", "A payment was received", body, now, **money)


def moved(tx: Tx, booking: Doc, *, now: datetime) -> None:
    about = (clock.iso(booking["scheduledAt"]),)
    for side in _SIDES:
        body = f"The session with {_other(booking, side)} is now on {_when(booking)}."
        _tell(tx, booking, side, "booking_confirmed", "A session was moved", body, now, about=about)


def cancelled(tx: Tx, booking: Doc, by: str, split: Split, *, now: datetime) -> None:
    name = {"student": booking["studentName"], "mentor": booking["mentorName"]}.get(by)
    reason = {"reason": booking["cancellationReason"]} if booking["cancellationReason"] else {}
    for side in _SIDES:
        by_whom = "" if name is None else " by you" if side == by else f" by {name}"
        body = f"The session with {_other(booking, side)} on {_when(booking)} is cancelled{by_whom}."
        money: dict[str, Any] = {}
        if side == "student" and booking["payment"]["status"] == "paid":
            body += _money_back(split)
            money = {"refundAmount": rupees(split.returned_paise)} if split.returned_paise else {}
        elif side == "mentor" and split.kept_paise:
            body += " Your share of what was kept is added to your earnings."
        _tell(tx, booking, side, "booking_cancelled", "A session is cancelled", body, now, **reason, **money)


def paid_back(tx: Tx, booking: Doc, payment_id: str, amount_paise: int, *, now: datetime) -> None:
    """A payment that could not be used: it came too late, or was a second one."""
    body = (
        f"Your payment of {rupees(amount_paise)} INR for the session with {booking['mentorName']} on {_when(booking)} "
        "could not be used and is returned to you."
    )
    amount = {"refundAmount": rupees(amount_paise)}
    title = "Your payment is returned"
    _tell(tx, booking, "student", "booking_cancelled", title, body, now, about=(payment_id,), **amount)


def completed(tx: Tx, booking: Doc, *, now: datetime) -> None:
    for side in _SIDES:
        body = f"The session with {_other(booking, side)} on {_when(booking)} is completed."
        _tell(tx, booking, side, "session_completed", "A session is completed", body, now)


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
    **more: Any,
) -> None:
    data = {
        "bookingId": booking["id"],
        "scheduledAt": clock.iso(booking["scheduledAt"]),
        "endsAt": clock.iso(booking["endsAt"]),
        "duration": booking["duration"],
        "topic": booking["topic"],
        "side": "user" if side == "student" else "expert",
        "with": _other(booking, side),
        "amount": booking["total"],
        **more,
    }
    uid = booking["studentId"] if side == "student" else booking["mentorUid"]
    notifications.notify(tx, uid, type, about=(booking["id"], *about), title=title, body=body, data=data, now=now)


def _other(booking: Doc, side: str) -> str:
    return str(booking["mentorName"] if side == "student" else booking["studentName"])


def _when(booking: Doc) -> str:
    return clock.in_india(booking["scheduledAt"])


def _money_back(split: Split) -> str:
    if not split.returned_paise:
        return " Nothing is refunded."
    rest = f"; {rupees(split.kept_paise)} INR are kept" if split.kept_paise else ""
    return f" {rupees(split.returned_paise)} INR go back to where you paid from{rest}."
