"""Delivering webhooks as payment providers do: at least once, in no promised order, with back-off until they are taken.

A recorded event has, beside what each sandbox keeps of it, {"body": the raw text that is signed, "state", "attempts",
"deliveries": [{"at", "kind", "status" | "error", "duration_ms"}]}. `state` is pending, delivered, failed (attempts
exhausted) or held (no URL, or switched off). A delivery's `kind` is first, retry or redelivery, or what a sandbox adds.
"""

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp

MAX_SENDING = 64
MAX_RECORDED_DELIVERIES = 200

Event = dict[str, Any]


@dataclass(frozen=True)
class RetryPolicy:
    """Providers retry with back-off for a day (Razorpay) or three (Stripe); here the same shape in about three minutes.

    An answer other than 2xx, or none within `timeout_s`, is a failure.
    """

    first_delay_s: float = 0.5
    max_delay_s: float = 60.0
    max_attempts: int = 10
    timeout_s: float = 5.0

    def delay_s(self, failures: int) -> float:
        return min(self.first_delay_s * 2.0 ** (failures - 1), self.max_delay_s)


class Sender(ABC):
    """Sends the events of one sandbox to one URL."""

    def __init__(self, url: str | None, retry: RetryPolicy) -> None:
        self.url = url
        self._retry = retry
        self._session: aiohttp.ClientSession | None = None
        # Ours, not the connector's limit: waiting for a place must not count against the time-out.
        self._places = asyncio.Semaphore(MAX_SENDING)
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    def recorded(self) -> Iterable[Event]:
        """All events, a restored snapshot's too."""

    @abstractmethod
    def request(self, event: Event, kind: str) -> tuple[str, dict[str, str]]:
        """The body and the headers of a delivery that is sent now."""

    async def attempt(self, event: Event) -> bool:
        """One attempt. True once the receiver has said 2xx."""
        kind = "retry" if event["attempts"] else "first"
        event["attempts"] += 1
        return await self.send(event, kind)

    async def start(self) -> None:
        """Open the connection pool and go on with what a restored snapshot had not delivered."""
        self._session = aiohttp.ClientSession(
            # A kept connection that the receiver closes in the same moment would be a failure of our making.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=self._retry.timeout_s),
        )
        for event in [event for event in self.recorded() if event["state"] == "pending"]:
            self.spawn(self.deliver(event))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def drain(self) -> None:
        """Wait until nothing is being delivered or retried."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside, until `stop`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def deliver(self, event: Event) -> None:
        """Attempts, with back-off from the second on, until one is accepted or there were enough."""
        while event["attempts"] < self._retry.max_attempts:
            if event["attempts"]:
                await asyncio.sleep(self._retry.delay_s(event["attempts"]))
            # A redelivery may have come first.
            if event["state"] == "delivered" or await self.attempt(event):
                return
        event["state"] = "failed"

    async def redeliver(self, events: list[Event], times: int, *, concurrent: bool = True) -> list[Event]:
        """Send recorded events again, `times` each, without faults or retries. Returns their delivery records."""
        wanted = [event for _ in range(times) for event in events]
        sends = [self._send(event, "redelivery") for event in wanted]
        deliveries = list(await asyncio.gather(*sends)) if concurrent else [await send for send in sends]
        for event, delivery in zip(wanted, deliveries, strict=True):
            if _accepted(delivery):
                event["state"] = "delivered"
        return deliveries

    async def send(self, event: Event, *kinds: str) -> bool:
        """A delivery of each kind, at once. Whether one was accepted: so the event is delivered when all have ended."""
        delivered = any(map(_accepted, await asyncio.gather(*(self._send(event, kind) for kind in kinds))))
        if delivered:
            event["state"] = "delivered"
        return delivered

    async def _send(self, event: Event, kind: str) -> Event:
        """One delivery, recorded."""
        async with self._places:
            delivery: Event = {"at": time.time(), "kind": kind}
            started = time.monotonic()
            try:
                delivery["status"] = await self._post(*self.request(event, kind))
            except TimeoutError:
                delivery["error"] = f"no answer within {self._retry.timeout_s:g} s"
            except (aiohttp.ClientError, OSError, ValueError) as error:
                delivery["error"] = str(error) or type(error).__name__
            delivery["duration_ms"] = round((time.monotonic() - started) * 1000, 1)
        record(event, delivery)
        return delivery

    async def _post(self, body: str, headers: dict[str, str]) -> int:
        assert self._session is not None, "the sandbox is not started"
        if self.url is None:
            raise ValueError("no webhook URL is set")
        async with self._session.post(self.url, data=body.encode(), headers=headers, allow_redirects=False) as response:
            # An answer that never ends is no answer: it is read within the time-out.
            with contextlib.suppress(aiohttp.ClientPayloadError):
                await response.read()
            return response.status


def _accepted(delivery: Event) -> bool:
    status: int = delivery.get("status", 0)
    return 200 <= status < 300


def record(event: Event, delivery: Event) -> None:
    event["deliveries"].append(delivery)
    del event["deliveries"][:-MAX_RECORDED_DELIVERIES]
