"""Once an hour: packages whose task was lost."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from konnect.clock import now as current_time
from konnect.context import Context
from konnect.sessions import overdue
from konnect.store import Doc

from . import repository, service

log = logging.getLogger(__name__)

LATE = timedelta(minutes=5)
"""A task this late is taken to be lost."""


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """End the packages whose time is up. One that fails is logged and left to the next sweep."""

    def progress(purchase: Doc) -> bool:
        try:
            ctx.run(partial(service.progress, purchase_id=purchase["id"], now=now))
        except Exception:
            log.exception("package not brought up to date", extra={"package": purchase["id"]})
            return False
        return True

    find = partial(repository.overdue, ctx.db, now - LATE)
    seen, failures = overdue.each("package", find, progress, clock=clock)
    return {"packages": seen, "failures": failures}
