"""Cloud Tasks handlers of sessions."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.platform import platform_config
from konnect.store import Tx

from . import offers, queue, service
from .booked import service as booked
from .metering import Pace


def progress(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"sessionId", "userId", "due"}: a tick, the end of a grace, or the end of an absence."""
    session_id, uid = payload["sessionId"], payload["userId"]
    pace, due = Pace.of(ctx.settings), datetime.fromisoformat(payload["due"])

    def work(tx: Tx) -> None:
        tx.prefetch(("sessions", session_id), ("wallets", uid))
        service.progress(tx, session_id, pace=pace, now=now, due=due)

    ctx.run(work)


def cancel_all(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"uid"}: an account is closed; what it is booked for is cancelled, each in a transaction of its own."""
    pace = Pace.of(ctx.settings)
    done: set[str] = set()
    while found := booked.confirmed_of(ctx.db, payload["uid"]) - done:
        for session_id in found:
            ctx.run(partial(booked.cancel_for_platform, session_id=session_id, pace=pace, now=now))
        done |= found


def advance(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"expertId", "tell"}: the expert may be free; start whoever is next. If the queue has changed, or if `tell`, tell
    those who wait their place."""
    expert_id = payload["expertId"]
    config, pace = platform_config(ctx.db), Pace.of(ctx.settings)
    changed = ctx.run(lambda tx: queue.start_next(tx, expert_id, config=config, pace=pace, now=now))
    if changed or payload.get("tell"):
        ctx.emit(queue.positions(ctx.db, expert_id, config=config, now=now))


def acceptance(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"sessionId", "due"}: an expert's time to accept a request is over."""
    ctx.run(lambda tx: offers.time_out(tx, payload["sessionId"], now=now))
