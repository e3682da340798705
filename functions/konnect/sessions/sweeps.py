"""Once a minute: whatever a lost task, a crashed instance or an expired wait has left behind."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from konnect import overdue
from konnect.clock import after
from konnect.clock import now as current_time
from konnect.context import Context
from konnect.errors import KonnectError
from konnect.platform import platform_config
from konnect.presence import service as presence
from konnect.store import Doc

from . import attendance, offers, queue, repository, service, tasks
from .metering import Pace

log = logging.getLogger(__name__)


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """Reap dead instances' connections, bring overdue sessions up to date, clear and move queues.

    `now` says what is late; each item is then handled at its own time, since a sweep can take a minute. One that fails
    is logged and left to the next sweep. Returns how many of each were looked at.
    """
    pace = Pace.of(ctx.settings)
    reaped = reap(ctx, clock)
    sessions = _bring_up_to_date(ctx, after(now, -ctx.settings.seconds(overdue.LATE_S)), pace, clock)
    expired = repository.expired_entries(ctx.db, now)
    for entry in expired:
        _try("queue entry", entry["id"], partial(_expire, ctx, entry, clock))
    waiting = queue.experts_with_queues(ctx.db)
    for expert_id in waiting:
        _try("queue", expert_id, partial(_advance, ctx, expert_id, clock))
    return {
        "connectionsReaped": reaped,
        "sessionsOverdue": sessions,
        "entriesExpired": len(expired),
        "queues": len(waiting),
    }


def _bring_up_to_date(ctx: Context, before: datetime, pace: Pace, clock: Callable[[], datetime]) -> int:
    """Returns how many there were."""

    def handle(session: Doc) -> None:
        late = _time_out if repository.is_offer(session) else _progress
        _try("session", session["id"], partial(late, ctx, session["id"], pace, clock))

    return overdue.each("session", partial(repository.overdue, ctx.db, before), handle, clock=clock)[0]


def reap(ctx: Context, clock: Callable[[], datetime] = current_time) -> int:
    """Disconnect whoever was connected through an instance whose lease ran out."""
    config, pace = platform_config(ctx.db), Pace.of(ctx.settings)
    reaped = 0
    for lease in presence.dead_instances(ctx.db, now=clock()):
        instance_id, whole = lease["id"], True
        for uid, connection_ids in presence.connections_of(ctx.db, instance_id):
            gone = partial(
                attendance.disconnected, uid=uid, connection_ids=connection_ids, config=config, pace=pace, now=clock()
            )
            done = _try("connections", uid, partial(ctx.run, gone))
            whole = whole and done
            reaped += len(connection_ids) if done else 0
        if whole:
            presence.reaped(ctx.db, instance_id, lease["expiresAt"], now=clock())
    return reaped


def _progress(ctx: Context, session_id: str, pace: Pace, clock: Callable[[], datetime]) -> None:
    ctx.run(partial(service.progress, session_id=session_id, pace=pace, now=clock()))


def _time_out(ctx: Context, session_id: str, pace: Pace, clock: Callable[[], datetime]) -> None:
    ctx.run(partial(offers.time_out, session_id=session_id, now=clock()))


def _expire(ctx: Context, entry: Doc, clock: Callable[[], datetime]) -> None:
    now = clock()
    if ctx.run(partial(queue.expire, entry=entry, now=now)):
        ctx.emit(queue.positions(ctx.db, entry["expertId"], config=platform_config(ctx.db), now=now))


def _advance(ctx: Context, expert_id: str, clock: Callable[[], datetime]) -> None:
    tasks.advance(ctx, {"expertId": expert_id}, clock())


def _try(kind: str, of: str, work: Callable[[], object]) -> bool:
    """Whether it went well. One that fails must not stand before all others, whatever is wrong with it."""
    try:
        work()
    except KonnectError as error:
        log.warning("sweep left one", extra={"kind": kind, "id": of, "error": error.message})
        return False
    except Exception:
        log.exception("sweep left one", extra={"kind": kind, "id": of})
        return False
    return True
