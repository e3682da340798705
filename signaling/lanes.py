"""Blocking calls in one bounded pool of threads, in order within a lane (a chat, a user)."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from konnect.errors import RateLimited

T = TypeVar("T")

THREADS = 64
WAITING_MAX = 100


class Pool(ThreadPoolExecutor):
    """Threads in which the caller's context goes on: its trace, the fields of its log lines."""

    @property
    def waiting(self) -> int:
        """Calls that wait for a thread."""
        return self._work_queue.qsize()

    def submit(self, function: Callable[..., T], /, *args: Any, **options: Any) -> "Future[T]":
        return super().submit(copy_context().run, function, *args, **options)


class Lanes:
    """One call at a time in a lane, first come first served; lanes run side by side. All of it on one event loop."""

    def __init__(self, pool: ThreadPoolExecutor, *, waiting_max: int = WAITING_MAX) -> None:
        self._pool = pool
        self._waiting_max = waiting_max
        # A lane exists while a call of it runs; its deque holds those that wait.
        self._lanes: dict[str, deque[asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn, in all lanes."""
        return sum(len(waiting) for waiting in self._lanes.values())

    async def run(self, lane: str, work: Callable[[], T]) -> T:
        """What `work` returns or raises, after every earlier call of the lane. Raises RateLimited when it is full."""
        loop = asyncio.get_running_loop()
        waiting = self._lanes.get(lane)
        if waiting is None:
            self._lanes[lane] = deque()
        else:
            if len(waiting) >= self._waiting_max:
                raise RateLimited("too much at once; please slow down", retry_after_s=1)
            turn: asyncio.Future[None] = loop.create_future()
            waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    # Cancelled between getting the turn and taking it.
                    self._next(lane)
                raise
        try:
            job = loop.run_in_executor(self._pool, work)
        except BaseException:
            self._next(lane)
            raise
        # The lane goes on when the thread is done, even if whoever waits for the result has gone.
        job.add_done_callback(lambda _: self._next(lane))
        return await asyncio.shield(job)

    def _next(self, lane: str) -> None:
        waiting = self._lanes[lane]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._lanes[lane]
