"""Once an hour: exchanges whose time is over, those that lie idle among them."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from konnect import overdue
from konnect.clock import now as current_time
from konnect.context import Context
from konnect.store import Doc

from . import repository, service


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """End what is overdue. One that fails is logged and left to the next sweep."""
    expired = 0

    def end(exchange: Doc) -> None:
        nonlocal expired
        expired += ctx.run(partial(service.expire, exchange_id=exchange["id"], now=now))

    _, failures = overdue.each("exchange", partial(repository.overdue, ctx.db, now), end, clock=clock)
    return {"exchanges": expired, "failures": failures}
