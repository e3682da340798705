"""Webhooks: Stripe's envelope, signed with the time over the raw body, delivered at least once, in no promised order.

A recorded event is {"id", "type", "about": [ids], "body", "state": pending | delivered | failed | held, "attempts",
"deliveries": [{"at", "status" | "error"}]}.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import aiohttp

API_VERSION = "2026-10-28.endive"
MAX_EVENTS = 10_000
MAX_SENDING = 64


@dataclass(frozen=True)
class RetryPolicy:
    """Stripe retries for three days with back-off; here the same shape in about three minutes."""

    first_delay_s: float = 0.5
    max_delay_s: float = 60.0
    max_attempts: int = 10
    timeout_s: float = 5.0

    def delay_s(self, failures: int) -> float:
        return min(self.first_delay_s * 2.0 ** (failures - 1), self.max_delay_s)


def sign(body: str, secret: str, at: int) -> str:
    """The header Stripe-Signature: t=…,v1=hex HMAC-SHA256 of "t.body"."""
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Webhooks:
    """Sends the events of one sandbox to one URL. `off`: they are recorded alone."""

    def __init__(self, secret: str, url: str | None, retry: RetryPolicy) -> None:
        self.url = url
        self.off = False
        self.events: dict[str, dict[str, Any]] = {}
        self._secret = secret
        self._retry = retry
        self._session: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(MAX_SENDING)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the connection pool and go on with what a restored snapshot had not delivered."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=self._retry.timeout_s),
        )
        for event in [one for one in self.events.values() if one["state"] == "pending"]:
            self._spawn(self._deliver(event))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def emit(self, type: str, entity: dict[str, Any], *about: str) -> None:
        """Record an event about an entity as it is now, and deliver it by itself."""
        event_id = f"evt_{secrets.token_hex(12)}"
        envelope = {
            "id": event_id,
            "object": "event",
            "api_version": API_VERSION,
            "created": int(time.time()),
            "data": {"object": entity},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": type,
        }
        event = {
            "id": event_id,
            "type": type,
            "about": [entity["id"], *about],
            "body": json.dumps(envelope),
            "state": "held" if self.off or self.url is None else "pending",
            "attempts": 0,
            "deliveries": [],
        }
        self.events[event_id] = event
        while len(self.events) > MAX_EVENTS:
            del self.events[next(iter(self.events))]
        if event["state"] == "pending":
            self._spawn(self._deliver(event))

    async def redeliver(self, events: list[dict[str, Any]], times: int) -> list[dict[str, Any]]:
        """Send recorded events again, all at once; returns the deliveries."""
        return list(await asyncio.gather(*(self._send(event) for _ in range(times) for event in events)))

    async def drain(self) -> None:
        """Wait until nothing is being delivered or retried."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, event: dict[str, Any]) -> None:
        while event["attempts"] < self._retry.max_attempts:
            if event["attempts"]:
                await asyncio.sleep(self._retry.delay_s(event["attempts"]))
            event["attempts"] += 1
            await self._send(event)
            if event["state"] == "delivered":
                return
        event["state"] = "failed"

    async def _send(self, event: dict[str, Any]) -> dict[str, Any]:
        assert self._session is not None, "the sandbox is not started"
        body: str = event["body"]
        # Signed anew at each attempt: the time is part of what is signed.
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(body, self._secret, int(time.time())),
        }
        delivery: dict[str, Any] = {"at": time.time()}
        async with self._places:
            try:
                async with self._session.post(self.url or "", data=body.encode(), headers=headers) as response:
                    await response.read()
                    delivery["status"] = response.status
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                delivery["error"] = str(error) or type(error).__name__
        event["deliveries"] = [*event["deliveries"], delivery][-50:]
        if 200 <= delivery.get("status", 0) < 300:
            event["state"] = "delivered"
        return delivery
