"""Claims that the other side did not come, by the evidence of who was at the call.

Nothing happens unasked: not to have been seen (attendance.py) is too weak for that. Where both were seen, or who claims
was not, a dispute is the way.
"""

from datetime import datetime, timedelta

from konnect import clock
from konnect.errors import Conflict
from konnect.platform import PlatformConfig
from konnect.sessions.booked.policy import Split
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import attendance, messages, repository, reversal, settlement

UNTIL_MINS = 24 * 60
"""After its end a booking can be claimed so long."""
MENTOR, STUDENT = "mentor-no-show", "student-no-show"


def claim(tx: Tx, booking: Doc, uid: str, *, config: PlatformConfig, pace: Pace, now: datetime) -> Doc:
    """The caller was there, the other side was not. The mentor's absence gives all back and counts as called off by
    the mentor; the student's leaves the booking as if it had taken place. A repeat answers the same.

    Raises Forbidden (NOT_A_PARTICIPANT), Conflict (NOT_CONFIRMED, TOO_EARLY_TO_CLAIM, TOO_LATE_TO_CLAIM, DISPUTED,
    NO_EVIDENCE).
    """
    claimant = repository.side_of(booking, uid)
    absent: attendance.Side = "mentor" if claimant == "student" else "student"
    if booking["statusReason"] == f"{absent}-no-show":
        return booking
    if booking["status"] in {"pending", "cancelled"}:
        raise Conflict(f"the booking is {booking['status']}", code="NOT_CONFIRMED")
    if booking.get("dispute") is not None:
        raise Conflict("there is a dispute about this booking, which settles it", code="DISPUTED")
    from_ = booking["scheduledAt"] + timedelta(seconds=config.noShowMins * pace.minute_s)
    if now < from_:
        details = [{"from": clock.iso(from_)}]
        raise Conflict("give them some minutes to come", code="TOO_EARLY_TO_CLAIM", details=details)
    if now > booking["endsAt"] + timedelta(seconds=UNTIL_MINS * pace.minute_s):
        raise Conflict("a day has passed since its end; open a dispute", code="TOO_LATE_TO_CLAIM")
    seen = attendance.of(tx, booking["id"])
    if seen[claimant] is None or seen[absent] is not None:
        who = "you were not seen in the call" if seen[claimant] is None else f"the {absent} was seen in the call"
        details = [{"way": "open a dispute", "path": f"/api/bookings/{booking['id']}/dispute"}]
        raise Conflict(f"{who}; open a dispute, and we look into it", code="NO_EVIDENCE", details=details)
    if absent == "mentor":
        return _mentor_absent(tx, booking, uid, now)
    return _student_absent(tx, booking, now)


def called_off(tx: Tx, booking: Doc, *, now: datetime) -> Doc:
    """A completed booking turns out not to have taken place, by the mentor's fault."""
    ended: Doc = {"status": "cancelled", "statusReason": MENTOR, "cancelledAt": now, "completedAt": None}
    repository.update(tx, booking["id"], now=now, **ended)
    return {**booking, **ended, "updatedAt": now}


def _mentor_absent(tx: Tx, booking: Doc, by: str, now: datetime) -> Doc:
    if booking["isOpen"]:
        split = Split(0, booking["heldPaise"])
        fields: Doc = {"cancelledAt": now}
        booking = settlement.close(tx, booking, split, status="cancelled", reason=MENTOR, fields=fields, now=now)
    else:
        split = Split(0, reversal.left(tx, booking))
        if split.returned_paise:
            given = reversal.Request(booking["id"], f"{booking['id']}-no-show", None, MENTOR, by)
            reversal.give_back(tx, given, now=now)
        booking = called_off(tx, repository.get(tx, booking["id"]), now=now)
    messages.not_held(tx, booking, "mentor", split, now=now)
    return booking


def _student_absent(tx: Tx, booking: Doc, now: datetime) -> Doc:
    if booking["isOpen"]:
        split = Split(booking["heldPaise"], 0)
        fields: Doc = {"completedAt": now}
        booking = settlement.close(tx, booking, split, status="completed", reason=STUDENT, fields=fields, now=now)
    else:
        split = Split(reversal.left(tx, booking), 0)
        repository.update(tx, booking["id"], now=now, statusReason=STUDENT)
        booking = {**booking, "statusReason": STUDENT, "updatedAt": now}
    messages.not_held(tx, booking, "student", split, now=now)
    return booking
