"""Once a minute: live classes whose task was lost."""

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

from . import course, repository, tasks


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """Bring overdue classes up to date, each at its own time. One that fails is logged and left to the next sweep."""
    pace, before = Pace.of(ctx.settings), after(now, -ctx.settings.seconds(overdue.LATE_S))

    def progress(session: Doc) -> None:
        if session["status"] == "ended":
            tasks.close(ctx, {"sessionId": session["id"]}, clock())
        else:
            ctx.run(partial(course.progress, session_id=session["id"], pace=pace, now=clock()))

    seen, failures = overdue.each("live class", partial(repository.overdue, ctx.db, before), progress, clock=clock)
    return {"liveSessions": seen, "failures": failures}
