"""Once a minute: whatever a lost task, a crashed instance or an expired wait has left behind."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from konnect import clock
from konnect.context import Context
from konnect.errors import KonnectError
from konnect.platform import platform_config
from konnect.presence import service as presence

from . import attendance, queue, repository, service, tasks
from .metering import Pace

log = logging.getLogger(__name__)
LATE_S = 15
"""A task this late is taken to be lost."""


def sweep(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, int]:
    """Reap dead instances' connections, bring overdue sessions up to date, move queues of free experts.

    One that fails is logged and left to the next sweep. Returns how many of each were looked at.
    """
    pace = Pace.of(ctx.settings)
    reaped = reap(ctx, now)
    sessions = repository.overdue(ctx.db, clock.after(now, -ctx.settings.seconds(LATE_S)))
    for session in sessions:
        progress = partial(service.progress, session_id=session["id"], pace=pace, now=now)
        _try("session", session["id"], partial(ctx.run, progress))
    waiting = queue.experts_with_queues(ctx.db)
    for expert_id in waiting:
        _try("queue", expert_id, partial(tasks.advance, ctx, {"expertId": expert_id}, now))
    return {"connectionsReaped": reaped, "sessionsOverdue": len(sessions), "queues": len(waiting)}


def reap(ctx: Context, now: datetime) -> int:
    """Disconnect whoever was connected through an instance whose lease ran out."""
    config, pace = platform_config(ctx.db), Pace.of(ctx.settings)
    reaped = 0
    for instance_id in presence.dead_instances(ctx.db, now=now):
        for uid, connection_ids in presence.connections_of(ctx.db, instance_id):
            reaped += len(connection_ids)
            ctx.run(
                partial(
                    attendance.disconnected, uid=uid, connection_ids=connection_ids, config=config, pace=pace, now=now
                )
            )
        presence.release(ctx.db, instance_id)
    return reaped


def _try(kind: str, of: str, work: Callable[[], object]) -> None:
    try:
        work()
    except KonnectError as error:
        log.warning("sweep left one", extra={"kind": kind, "id": of, "error": error.message})
