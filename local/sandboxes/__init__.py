"""Sandboxes of what Google ships no emulator for: Razorpay, Stripe, mail, push, Google Sheets, Cloud Storage. Deployed
code never imports them.

Each is a class with `async start()`, `async stop()` and `url`; several share the supervisor's one event loop.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Service(Protocol):
    """What the supervisor and `background` start and stop."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@contextmanager
def background(*services: Service) -> Iterator[asyncio.AbstractEventLoop]:
    """Run `services` in an event loop of their own thread, for callers that block (the stock clients do).

    Yields the loop. Started in the given order, stopped in reverse; a start that raises stops those before it.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandboxes", daemon=True)
    thread.start()
    started: list[Service] = []
    try:
        for service in services:
            asyncio.run_coroutine_threadsafe(service.start(), loop).result()
            started.append(service)
        yield loop
    finally:
        for service in reversed(started):
            asyncio.run_coroutine_threadsafe(service.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
