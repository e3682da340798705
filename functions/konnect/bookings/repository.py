"""bookings/{id}: what both participants see of a booking; bookings/{id}/private/terms: what the mentor alone sees.

A booking: {studentId, studentName, mentorId, mentorUid, mentorName, mentorSlug, mentorTimeZone, studentTimeZone,
participants, scheduledAt, endsAt, duration, topic, agenda, policyAgreedAt, status, statusReason, isOpen, heldUntil,
price, total, currency, payment, benefits, payable, refund, reversedPaise, dispute, cancelledBy, cancelledAt,
cancellationReason, rescheduledFrom, jitsiRoomName, recording, sessionNotes, review, remindersAt, reminderSent,
heldPaise, nextActionAt, createdAt, updatedAt, confirmedAt, startedAt, completedAt}, amounts with their twins in paise.
`jitsiRoomName` is None until the call is open (call.py); recordings.py and reminders.py say what theirs are. `price` is
the mentor's, `total` what it costs the student, of which `payable` is paid in cash and the rest comes from `benefits`
(konnect.benefits). Status: pending (held, unpaid) → confirmed → in_progress → completed, or → cancelled; `isOpen` until
one of the last two. `nextActionAt` is when something is due, None once nothing is. `reversedPaise` is what has gone
back after it was settled (reversal.py), `refund` the last refund in cash, `payment.refundedPaise` what Razorpay has
paid back in all. `dispute` is what both see of one (konnect.disputes), None without.

The terms: the rates frozen when it was made (rates.Rates) and {mentorPaise, commissionPaise, platformFeePaise,
gstPaise, gatewayFeePaise, settledAt, reversedPaise}: of the price; once it is closed of what was kept; after a reversal
of what is still kept, so `mentorPaise` is always what the mentor has of it. Once there is something for the mentor:
{bookingId, mentorUid, payoutId: None until it is in a weekly payout}, and `disputed` while a dispute is open.
"""

from datetime import datetime
from typing import Any

from konnect import ids
from konnect.errors import Forbidden, NotFound
from konnect.store import Database, Doc, Page, Query, Tx, page

OPEN = ("pending", "confirmed", "in_progress")
SIDES = {"student": "studentId", "mentor": "mentorUid"}
SWEEP_LIMIT = 200


def find(tx: Tx, booking_id: str) -> Doc | None:
    found = tx.get("bookings", booking_id)
    return {**found, "id": booking_id} if found is not None else None


def get(tx: Tx, booking_id: str) -> Doc:
    """Raises NotFound (BOOKING_NOT_FOUND)."""
    found = find(tx, booking_id)
    if found is None:
        raise _not_found()
    return found


def of_participant(tx: Tx, booking_id: str, uid: str) -> Doc:
    """Raises NotFound (BOOKING_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT)."""
    found = get(tx, booking_id)
    side_of(found, uid)
    return found


def side_of(booking: Doc, uid: str) -> str:
    """ "student" or "mentor". Raises Forbidden (NOT_A_PARTICIPANT)."""
    if uid not in booking["participants"]:
        raise Forbidden("this is a booking of others", code="NOT_A_PARTICIPANT")
    return "student" if uid == booking["studentId"] else "mentor"


def update(tx: Tx, booking_id: str, *, now: datetime, **fields: Any) -> None:
    tx.update(("bookings", booking_id), {**fields, "updatedAt": now})


def terms(tx: Tx, booking_id: str) -> Doc:
    found = tx.get("bookings", booking_id, "private", "terms")
    assert found is not None, f"{booking_id} has no terms"
    return found


def candidates(day: str, many: int = 4) -> list[str]:
    """Ids for a booking made on `day` (YYYYMMDD): GRP-YYYYMMDD-XXX, longer ones for a day on which those are taken. No
    counter, which all bookings of a day would wait for."""
    sizes = (3, 3, 5, 10)[:many]
    return [f"GRP-{day}-{ids.crockford(size)}" for size in sizes]


def listed(
    db: Database,
    *,
    side: str,
    uid: str,
    when: str | None,
    status: str | None,
    limit: int,
    cursor: str | None,
    number: int | None,
) -> Page:
    """Somebody's bookings on one side: upcoming ones with the next first, all others with the latest first."""
    query = Query(("bookings",), order=(("scheduledAt", "asc" if when == "upcoming" else "desc"),))
    query = query.filter(SIDES[side], "==", uid)
    if when is not None:
        query = query.filter("isOpen", "==", when == "upcoming")
    if status is not None:
        query = query.filter("status", "==", status)
    return page(db, query, limit=limit, cursor=cursor, number=number)


def past_of_mentor(uid: str) -> Query:
    """A mentor's bookings that are over, whatever their end, the latest first."""
    query = Query(("bookings",), order=(("scheduledAt", "desc"),))
    return query.filter("mentorUid", "==", uid).filter("isOpen", "==", False)


def searched(
    db: Database,
    *,
    status: str | None,
    mentor_id: str | None,
    student_id: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    cursor: str | None,
) -> Page:
    """Everybody's, for a time from `since` to before `until`, the latest first."""
    query = Query(("bookings",), order=(("scheduledAt", "desc"),))
    for field, value in (("status", status), ("mentorId", mentor_id), ("studentId", student_id)):
        if value is not None:
            query = query.filter(field, "==", value)
    if since is not None:
        query = query.filter("scheduledAt", ">=", since)
    if until is not None:
        query = query.filter("scheduledAt", "<", until)
    return page(db, query, limit=limit, cursor=cursor)


def scheduled(db: Database, uid: str, side: str, since: datetime, *, limit: int) -> list[Doc]:
    """Somebody's bookings on one side for `since` or later, the first first."""
    query = Query(("bookings",), order=(("scheduledAt", "asc"),), limit=limit).filter(SIDES[side], "==", uid)
    return query.filter("scheduledAt", ">=", since).run(db)


def overdue(db: Database, before: datetime, cursor: str | None = None) -> Page:
    """Bookings whose next action should have happened, the longest overdue first."""
    query = Query(("bookings",), (("nextActionAt", "<=", before),), (("nextActionAt", "asc"),))
    return page(db, query, limit=SWEEP_LIMIT, cursor=cursor)


def count_confirmed(db: Database, since: datetime, until: datetime) -> int:
    """How many bookings were paid for from `since` to before `until`, whatever became of them."""
    return Query(("bookings",)).filter("confirmedAt", ">=", since).filter("confirmedAt", "<", until).count(db)


def open_of(uid: str, *, limit: int) -> list[Query]:
    """Queries for somebody's open bookings, on either side."""
    return [
        Query(("bookings",), limit=limit).filter(field, "==", uid).filter("isOpen", "==", True)
        for field in SIDES.values()
    ]


def is_first(tx: Tx, uid: str) -> bool:
    """Whether a student has no booking that is confirmed, running or completed. Read without a lock, which would keep
    other students' bookings waiting."""
    query = Query(("bookings",), limit=1).filter("studentId", "==", uid)
    return not query.filter("status", "in", ["confirmed", "in_progress", "completed"]).run(tx.db)


def unpaid(db: Database, uid: str) -> int:
    """How many bookings a student holds without having paid."""
    return Query(("bookings",)).filter("studentId", "==", uid).filter("status", "==", "pending").count(db)


def _not_found() -> NotFound:
    return NotFound("there is no such booking", code="BOOKING_NOT_FOUND")
