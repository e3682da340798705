"""bookings/{id}: what both participants see of a booking; bookings/{id}/private/terms: what the mentor alone sees.

A booking: {studentId, studentName, mentorId, mentorUid, mentorName, mentorSlug, participants, scheduledAt, endsAt,
duration, topic, agenda, policyAgreedAt, status, statusReason, isOpen, heldUntil, price, total, currency, payment,
refund, cancelledBy, cancelledAt, cancellationReason, rescheduledFrom, jitsiRoomName, heldPaise, nextActionAt,
createdAt, updatedAt, confirmedAt, startedAt, completedAt}, amounts with their twins in paise. `price` is the mentor's,
`total` what the student pays. Status: pending (held, unpaid) → confirmed → in_progress → completed, or → cancelled;
`isOpen` until one of the last two. `nextActionAt` is when something is due, None once nothing is.

The terms: the rates frozen when it was made (rates.Rates) and {mentorPaise, commissionPaise, platformFeePaise,
gstPaise, gatewayFeePaise, settledAt}: of the price, and once it is closed of what was kept.
"""

from datetime import datetime
from typing import Any

from konnect import ids
from konnect.errors import Forbidden, NotFound
from konnect.store import Database, Doc, Page, Query, Tx, numbered, page

OPEN = ("pending", "confirmed", "in_progress")
SIDES = {"student": "studentId", "mentor": "mentorUid"}


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
    if number is not None:
        return numbered(db, query, number=number, limit=limit)
    return page(db, query, limit=limit, cursor=cursor)


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


def overdue(db: Database, before: datetime, limit: int = 200) -> list[Doc]:
    """Bookings whose next action should have happened, the longest due first."""
    return Query(("bookings",), (("nextActionAt", "<=", before),), (("nextActionAt", "asc"),), limit).run(db)


def open_of(uid: str, *, limit: int) -> list[Query]:
    """Queries for somebody's open bookings, on either side."""
    return [
        Query(("bookings",), limit=limit).filter(field, "==", uid).filter("isOpen", "==", True)
        for field in SIDES.values()
    ]


def unpaid(db: Database, uid: str) -> int:
    """How many bookings a student holds without having paid."""
    return Query(("bookings",)).filter("studentId", "==", uid).filter("status", "==", "pending").count(db)


def _not_found() -> NotFound:
    return NotFound("there is no such booking", code="BOOKING_NOT_FOUND")
