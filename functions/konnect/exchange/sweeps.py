"""Once an hour: exchanges whose time is over, those that lie idle among them."""

import logging
from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context

from . import repository, service

log = logging.getLogger(__name__)
PAGES_MAX = 20


def sweep(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, int]:
    """End what is overdue. One that fails is logged and left to the next sweep."""
    expired = failures = 0
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        found = repository.overdue(ctx.db, now, cursor)
        for exchange in found.items:
            try:
                expired += ctx.run(partial(service.expire, exchange_id=exchange["id"], now=now))
            except Exception:
                log.exception("exchange not ended", extra={"exchange": exchange["id"]})
                failures += 1
        cursor = found.next_cursor
        if cursor is None:
            break
    return {"exchanges": expired, "failures": failures}
