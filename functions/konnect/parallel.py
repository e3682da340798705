"""Reads that don't wait for each other: each is a call over the network."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any


def together(**reads: Callable[[], Any]) -> dict[str, Any]:
    """What each of `reads` returns, by its name; the first that fails raises. They count and log as their caller's."""
    with ThreadPoolExecutor(len(reads)) as pool:
        running = {name: pool.submit(copy_context().run, read) for name, read in reads.items()}
        return {name: one.result() for name, one in running.items()}
