"""Which mentors are active and which students come again, over the whole platform: sums that an index counts. No client
reads these documents.

A mentor is active who is approved and has a booking to come, or has held one that was for a time within the last 30
days. mentorActivity/{expertId}: {upcoming, lastHeldAt, activeUntil: FOREVER while one is to come, None for who is not
approved}; …/bookings/{id}: what was counted of each, so that events that repeat, or come late, count once.
studentActivity/{uid}: {completed}.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from konnect.store import Database, Doc, Query, Tx

MENTORS, STUDENTS = "mentorActivity", "studentActivity"
ACTIVE_FOR = timedelta(days=30)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
State = Literal["upcoming", "completed"]


def state(booking: Doc | None) -> State | None:
    """What a booking counts as: paid and not over, or held. None: neither."""
    if booking is None or booking["confirmedAt"] is None:
        return None
    if booking["isOpen"]:
        return "upcoming"
    return "completed" if booking["status"] == "completed" else None


def count(tx: Tx, booking_id: str, *, now: datetime) -> None:
    """Bring the sums in line with what a booking is now. Repeats change nothing."""
    booking = tx.get("bookings", booking_id)
    if booking is None:
        return
    expert_id, uid = booking["mentorId"], booking["studentId"]
    mentor, student = (MENTORS, expert_id), (STUDENTS, uid)
    counted = (*mentor, "bookings", booking_id)
    tx.prefetch(counted, mentor, student, ("experts", expert_id))
    before, after = (tx.get(*counted) or {}).get("state"), state(booking)
    if before == after:
        return
    doc = tx.get(*mentor) or {"upcoming": 0, "lastHeldAt": None}
    held_at = doc["lastHeldAt"]
    if after == "completed":
        held_at = max(held_at or booking["scheduledAt"], booking["scheduledAt"])
    upcoming = doc["upcoming"] + (after == "upcoming") - (before == "upcoming")
    _write(tx, expert_id, upcoming, held_at)
    tx.set(counted, {"state": after, "countedAt": now})
    change = (after == "completed") - (before == "completed")
    if change:
        tx.set(student, {"completed": (tx.get(*student) or {"completed": 0})["completed"] + change})


def approval_changed(tx: Tx, expert_id: str) -> None:
    """A mentor was approved, or is so no longer. Repeats change nothing."""
    tx.prefetch((MENTORS, expert_id), ("experts", expert_id))
    doc = tx.get(MENTORS, expert_id)
    if doc is not None:
        _write(tx, expert_id, doc["upcoming"], doc["lastHeldAt"])


def count_active(db: Database, now: datetime) -> int:
    """How many mentors are active: a read for a thousand of them."""
    return Query((MENTORS,)).filter("activeUntil", ">", now).count(db)


def count_students(db: Database, *, completed: int) -> int:
    """How many students have had at least so many bookings: a read for a thousand of them."""
    return Query((STUDENTS,)).filter("completed", ">=", completed).count(db)


def _write(tx: Tx, expert_id: str, upcoming: int, held_at: datetime | None) -> None:
    until = FOREVER if upcoming else held_at and held_at + ACTIVE_FOR
    approved = (tx.get("experts", expert_id) or {}).get("mentorStatus") == "approved"
    doc = {"upcoming": upcoming, "lastHeldAt": held_at, "activeUntil": until if approved else None}
    tx.set((MENTORS, expert_id), doc)
