"""Once a minute: holds and sessions whose task was lost."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from konnect.clock import after
from konnect.clock import now as current_time
from konnect.context import Context
from konnect.sessions.metering import Pace

from . import course, repository

log = logging.getLogger(__name__)
LATE_S = 15
"""A task this late is taken to be lost."""


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """Bring overdue bookings up to date, each at its own time. One that fails is logged and left to the next sweep."""
    pace, failures = Pace.of(ctx.settings), 0
    overdue = repository.overdue(ctx.db, after(now, -ctx.settings.seconds(LATE_S)))
    for booking in overdue:
        try:
            ctx.run(partial(course.progress, booking_id=booking["id"], pace=pace, now=clock()))
        except Exception:
            log.exception("booking not brought up to date", extra={"booking": booking["id"]})
            failures += 1
    return {"bookings": len(overdue), "failures": failures}
