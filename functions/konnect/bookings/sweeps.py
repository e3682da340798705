"""Once a minute: holds, reminders and sessions whose task was lost, and recordings whose time is over."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from konnect import overdue
from konnect.clock import after
from konnect.clock import now as current_time
from konnect.context import Context
from konnect.sessions.metering import Pace
from konnect.store import Doc

from . import course, recordings, repository


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """Bring overdue bookings up to date, each at its own time. One that fails is logged and left to the next sweep.

    Page by page, so that those that fail each time do not keep the others waiting.
    """
    pace, before = Pace.of(ctx.settings), after(now, -ctx.settings.seconds(overdue.LATE_S))

    def progress(booking: Doc) -> None:
        ctx.run(partial(course.progress, booking_id=booking["id"], pace=pace, now=clock()))

    seen, failures = overdue.each("booking", partial(repository.overdue, ctx.db, before), progress, clock=clock)
    failures += recordings.sweep(ctx, now=clock())
    return {"bookings": seen, "failures": failures}
