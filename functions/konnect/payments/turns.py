"""One at a time for an order, within a process.

News of one payment come in a burst: two or three events and the browser, within milliseconds. Transactions that meet
are correct but cost each other retries; waiting in line is cheaper. It is only that: instances don't see each other's
lines, and who has waited too long goes ahead.
"""

import threading
import zlib
from collections.abc import Callable
from typing import TypeVar

from konnect.context import Context
from konnect.store import Tx

T = TypeVar("T")

LONGEST_WAIT_S = 3.0
_lines = tuple(threading.Lock() for _ in range(256))


def run(ctx: Context, order_id: str, work: Callable[[Tx], T]) -> T:
    """`ctx.run(work)` in the order's turn."""
    line = _lines[zlib.crc32(order_id.encode()) % len(_lines)]
    mine = line.acquire(timeout=LONGEST_WAIT_S)
    try:
        return ctx.run(work)
    finally:
        if mine:
            line.release()
