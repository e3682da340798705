"""Cloud Tasks handlers of sessions."""

from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.platform import platform_config
from konnect.store import Tx

from . import queue, service
from .metering import Pace


def progress(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"sessionId", "userId", "due"}: a tick, the end of a grace, or the end of an absence."""
    session_id, uid = payload["sessionId"], payload["userId"]
    pace, due = Pace.of(ctx.settings), datetime.fromisoformat(payload["due"])

    def work(tx: Tx) -> None:
        tx.prefetch(("sessions", session_id), ("wallets", uid))
        service.progress(tx, session_id, pace=pace, now=now, due=due)

    ctx.run(work)


def advance(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"expertId"}: the expert may be free; start whoever is next, and tell the others their place."""
    expert_id = payload["expertId"]
    config, pace = platform_config(ctx.db), Pace.of(ctx.settings)
    if ctx.run(lambda tx: queue.start_next(tx, expert_id, config=config, pace=pace, now=now)):
        ctx.emit(queue.positions(ctx.db, expert_id))
