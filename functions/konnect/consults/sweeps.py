"""Once a minute: consults whose task was lost."""

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
SWEEP_S = 50
"""So long a sweep goes on to further pages; the function has 120 s."""


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """Bring overdue consults up to date, each at its own time. One that fails is logged and left to the next sweep."""
    pace, seen, failures = Pace.of(ctx.settings), 0, 0
    before, until = after(now, -ctx.settings.seconds(LATE_S)), after(clock(), SWEEP_S)
    cursor: str | None = None
    while True:
        found = repository.overdue(ctx.db, before, cursor)
        for consult in found.items:
            try:
                ctx.run(partial(course.progress, consult_id=consult["id"], pace=pace, now=clock()))
            except Exception:
                log.exception("consult not brought up to date", extra={"consult": consult["id"]})
                failures += 1
        seen, cursor = seen + len(found.items), found.next_cursor
        if cursor is None:
            break
        if clock() >= until:
            log.warning("sweep left the rest to the next", extra={"kind": "consult", "seen": seen})
            break
    return {"consults": seen, "failures": failures}
