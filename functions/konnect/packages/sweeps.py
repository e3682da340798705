"""Once an hour: packages whose task was lost."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from konnect import overdue
from konnect.clock import now as current_time
from konnect.context import Context
from konnect.store import Doc

from . import repository, service

LATE = timedelta(minutes=5)
"""A task this late is taken to be lost."""


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """End the packages whose time is up. One that fails is logged and left to the next sweep."""

    def progress(purchase: Doc) -> None:
        ctx.run(partial(service.progress, purchase_id=purchase["id"], now=now))

    find = partial(repository.overdue, ctx.db, now - LATE)
    seen, failures = overdue.each("package", find, progress, clock=clock)
    return {"packages": seen, "failures": failures}
