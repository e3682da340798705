"""Once a minute: consults whose task was lost."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from konnect.clock import after
from konnect.clock import now as current_time
from konnect.context import Context
from konnect.sessions import overdue
from konnect.sessions.metering import Pace
from konnect.store import Doc

from . import course, repository

log = logging.getLogger(__name__)


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """Bring overdue consults up to date, each at its own time. One that fails is logged and left to the next sweep."""
    pace, before = Pace.of(ctx.settings), after(now, -ctx.settings.seconds(overdue.LATE_S))

    def progress(consult: Doc) -> bool:
        try:
            ctx.run(partial(course.progress, consult_id=consult["id"], pace=pace, now=clock()))
        except Exception:
            log.exception("consult not brought up to date", extra={"consult": consult["id"]})
            return False
        return True

    seen, failures = overdue.each("consult", partial(repository.overdue, ctx.db, before), progress, clock=clock)
    return {"consults": seen, "failures": failures}
