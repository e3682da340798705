"""Going through what is overdue, page by page, so that those that fail each time do not keep the others waiting."""

import logging
from collections.abc import Callable
from datetime import datetime

from konnect.clock import after
from konnect.errors import KonnectError
from konnect.store import Doc, Page

log = logging.getLogger(__name__)
LATE_S = 15
"""A task this late is taken to be lost."""
SWEEP_S = 50
"""So long a sweep goes on to further pages; the function has 120 s."""


def tell(message: str, error: Exception, **about: str) -> None:
    """Of one that failed: anything that is none of our errors is a fault here, for somebody to look at."""
    unexpected = not isinstance(error, KonnectError)
    level = logging.ERROR if unexpected else logging.WARNING
    log.log(level, message, extra={**about, "error": str(error)}, exc_info=error if unexpected else None)


def each(
    kind: str, find: Callable[[str | None], Page], handle: Callable[[Doc], object], *, clock: Callable[[], datetime]
) -> tuple[int, int]:
    """`handle` each document of `find(cursor)`'s pages. One that fails, whatever is wrong with it, is logged and left
    to the next sweep. Returns how many there were, and how many failed."""
    until, cursor, seen, failures = after(clock(), SWEEP_S), None, 0, 0
    while True:
        found = find(cursor)
        for one in found.items:
            try:
                handle(one)
            except Exception:
                log.exception("%s not brought up to date", kind, extra={"kind": kind, "id": one["id"]})
                failures += 1
        seen, cursor = seen + len(found.items), found.next_cursor
        if cursor is None:
            return seen, failures
        if clock() >= until:
            log.warning("sweep left the rest to the next", extra={"kind": kind, "seen": seen})
            return seen, failures
