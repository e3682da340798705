"""Cloud Tasks handlers of bookings."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.packages import tasks as packages
from konnect.sessions.metering import Pace
from konnect.store import Tx
from konnect.tasks import Task

from . import course, repository

CANCEL_ALL = "/bookings/cancel-all"
BATCH = 100


def progress(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"bookingId", "due"}: the end of a hold, the beginning of a session, or some minutes after its end."""
    pace, due = Pace.of(ctx.settings), datetime.fromisoformat(payload["due"])
    ctx.run(partial(course.progress, booking_id=payload["bookingId"], pace=pace, now=now, due=due))


def schedule_cancelling(tx: Tx, uid: str, *, now: datetime) -> None:
    """Cancel, soon, all that somebody whose account is closed is booked for: all money goes back."""
    tx.enqueue(Task(CANCEL_ALL, ("cancel-bookings", uid, now.isoformat()), {"uid": uid}))


def cancel_all(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"uid"}: an account is closed; what has not begun is cancelled, each in a transaction of its own."""
    pace, done = Pace.of(ctx.settings), set[str]()

    def cancel(tx: Tx, booking_id: str) -> None:
        booking = repository.get(tx, booking_id)
        if booking["status"] in {"pending", "confirmed"}:
            course.cancel(tx, booking, "admin", reason=None, pace=pace, now=now)

    while True:
        queries = repository.open_of(payload["uid"], limit=BATCH)
        found = {booking["id"] for query in queries for booking in query.run(ctx.db)} - done
        if not found:
            break
        for booking_id in found:
            ctx.run(partial(cancel, booking_id=booking_id))
        done |= found
    # After the bookings, which give their sessions back.
    packages.close_all(ctx, payload["uid"], now)
