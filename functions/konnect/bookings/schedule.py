"""When something is due with a booking: one task at a time, named by the booking and its moment, and `nextActionAt` for
the sweep. Each handler schedules the next, so a far time is reached in several steps."""

from datetime import datetime

from konnect import clock
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx
from konnect.tasks import FURTHEST_AHEAD, Task

from . import reminders

PROGRESS = "/bookings/progress"
HOLD_MINS = 10
"""A slot is held so long for who is paying."""
SETTLE_AFTER_MINS = 5
"""After its end a session counts as held, unless somebody says otherwise."""


def held_until(scheduled_at: datetime, pace: Pace, now: datetime) -> datetime:
    return min(clock.after(now, HOLD_MINS * pace.minute_s), scheduled_at)


def next_action_at(booking: Doc, pace: Pace) -> datetime | None:
    """The end of the hold; a reminder, and the beginning; some minutes after the end."""
    due: dict[str, datetime | None] = {
        "pending": booking["heldUntil"],
        "confirmed": reminders.next_action_at(booking),
        "in_progress": clock.after(booking["endsAt"], SETTLE_AFTER_MINS * pace.minute_s),
    }
    return due.get(booking["status"])


def pending(tx: Tx, booking: Doc, now: datetime) -> None:
    """Schedule what is due next, again, whoever asks: what a crash left out is made good."""
    if booking["nextActionAt"] is None:
        return
    at = min(booking["nextActionAt"], now + FURTHEST_AHEAD)
    payload = {"bookingId": booking["id"], "due": at.isoformat()}
    tx.enqueue(Task(PROGRESS, ("booking", booking["id"], at.isoformat()), payload, at))
