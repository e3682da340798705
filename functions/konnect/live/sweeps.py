"""Once a minute: live classes whose task was lost."""

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

from . import course, repository, tasks

log = logging.getLogger(__name__)


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """Bring overdue classes up to date, each at its own time. One that fails is logged and left to the next sweep."""
    pace, before = Pace.of(ctx.settings), after(now, -ctx.settings.seconds(overdue.LATE_S))

    def progress(session: Doc) -> bool:
        try:
            if session["status"] == "ended":
                tasks.close(ctx, {"sessionId": session["id"]}, clock())
            else:
                ctx.run(partial(course.progress, session_id=session["id"], pace=pace, now=clock()))
        except Exception:
            log.exception("live class not brought up to date", extra={"session": session["id"]})
            return False
        return True

    seen, failures = overdue.each("live class", partial(repository.overdue, ctx.db, before), progress, clock=clock)
    return {"liveSessions": seen, "failures": failures}
