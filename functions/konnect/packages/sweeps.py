"""Once an hour: packages whose task was lost."""

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from konnect.context import Context

from . import repository, service

log = logging.getLogger(__name__)

LATE = timedelta(minutes=5)
"""A task this late is taken to be lost."""
BATCH = 200


def sweep(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, int]:
    """End the packages whose time is up. One that fails is logged and left to the next sweep."""
    failures = 0
    overdue = repository.overdue(ctx.db, now - LATE, limit=BATCH)
    for purchase in overdue:
        try:
            ctx.run(partial(service.progress, purchase_id=purchase["id"], now=now))
        except Exception:
            log.exception("package not brought up to date", extra={"package": purchase["id"]})
            failures += 1
    return {"packages": len(overdue), "failures": failures}
