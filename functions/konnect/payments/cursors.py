"""eventCursors/{gateway}: how far a sweep has come in a list of the gateway's. It moves after a page, never before:
what fails, or is down, is asked for again."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from konnect.context import Context
from konnect.errors import KonnectError
from konnect.store import Doc, Tx

log = logging.getLogger(__name__)

COLLECTION = "eventCursors"
SETTLED = timedelta(minutes=10)
"""Webhooks have so long; and all that has happened by then is in the gateway's list."""
PAGE = 100
MAX_PAGES = 5
"""A run, beside all else that a sweep does. What is left is still to come at the next."""


def follow(ctx: Context, gateway: str, page: Callable[[Doc | None], Doc | None], *, now: datetime) -> bool:
    """`page` handles what comes after the cursor, and returns where that is then; None: there is nothing to do yet.
    False if it could not: then the page is still to come."""
    for _ in range(MAX_PAGES):
        kept = ctx.db.get(COLLECTION, gateway)
        try:
            moved = page(kept)
            if moved is None or not ctx.run(partial(_move, gateway=gateway, kept=kept, moved=moved, now=now)):
                break
        except KonnectError as error:
            log.warning("page not followed", extra={"gateway": gateway, "error": error.message})
            return False
    return True


def second(moment: datetime) -> datetime:
    """The gateways' times are whole seconds."""
    return datetime.fromtimestamp(int(moment.timestamp()), UTC)


def _move(tx: Tx, gateway: str, kept: Doc | None, moved: Doc, now: datetime) -> bool:
    """Whether it was where it was read; else another sweep is under way, and further."""
    if tx.get(COLLECTION, gateway) != kept:
        return False
    tx.set((COLLECTION, gateway), {**moved, "updatedAt": now})
    return True
