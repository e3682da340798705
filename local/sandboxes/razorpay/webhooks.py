"""Webhooks: recorded as Razorpay's envelope, signed over the raw body, delivered at least once, in no promised order.

An event record is {"id", "event", "order_id", "payment_id", "refund_id", "payout_id", "subscription_id", "created_at",
"body": the raw text that is signed, "state", "attempts", "deliveries": [{"at", "kind", "status" | "error",
"duration_ms"}]}. `state` is pending, delivered, failed (attempts exhausted) or held (no URL, or switched off). A
delivery's `kind` is first, retry, duplicate, dropped (never sent), corrupted or redelivery.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import aiohttp

from local.sandboxes.razorpay.faults import Faults, WebhookFault
from local.sandboxes.razorpay.state import Entity, State, new_id

ACCOUNT_ID = "acc_KonnectLocal00"
MAX_SENDING = 64
MAX_RECORDED_DELIVERIES = 200


@dataclass(frozen=True)
class RetryPolicy:
    """Razorpay retries with back-off for 24 hours; here the same shape in about three minutes.

    An answer other than 2xx, or none within `timeout_s`, is a failure.
    """

    first_delay_s: float = 0.5
    max_delay_s: float = 60.0
    max_attempts: int = 10
    timeout_s: float = 5.0

    def delay_s(self, failures: int) -> float:
        return min(self.first_delay_s * 2.0 ** (failures - 1), self.max_delay_s)


def sign(body: str, secret: str) -> str:
    """Hex HMAC-SHA256, as in X-Razorpay-Signature."""
    return hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()


def _accepted(delivery: Entity) -> bool:
    status: int = delivery.get("status", 0)
    return 200 <= status < 300


def event_of(name: str, order_id: str | None, **entities: Entity) -> Entity:
    """The record of an event about `entities` (payment=…, order=…, in the order of `contains`), as they are now."""
    created_at = int(time.time())
    envelope = {
        "entity": "event",
        "account_id": ACCOUNT_ID,
        "event": name,
        "contains": list(entities),
        "payload": {kind: {"entity": entity} for kind, entity in entities.items()},
        "created_at": created_at,
    }
    return {
        "id": new_id(),
        "event": name,
        "order_id": order_id,
        "payment_id": entities["payment"]["id"] if "payment" in entities else None,
        "refund_id": entities["refund"]["id"] if "refund" in entities else None,
        "payout_id": entities["payout"]["id"] if "payout" in entities else None,
        "subscription_id": entities["subscription"]["id"] if "subscription" in entities else None,
        "created_at": created_at,
        "body": json.dumps(envelope, separators=(",", ":")),
        "state": "pending",
        "attempts": 0,
        "deliveries": [],
    }


class Webhooks:
    """Sends the events of one sandbox to one URL."""

    def __init__(
        self, state: State, faults: Faults, secret: str, payout_secret: str, url: str | None, retry: RetryPolicy
    ) -> None:
        self.url = url
        self._state = state
        self._faults = faults
        self._secret = secret
        self._payout_secret = payout_secret
        self._retry = retry
        self._session: aiohttp.ClientSession | None = None
        # Ours, not the connector's limit: waiting for a place must not count against the time-out.
        self._places = asyncio.Semaphore(MAX_SENDING)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the connection pool and go on with what a restored snapshot had not delivered."""
        self._session = aiohttp.ClientSession(
            # A kept connection that the receiver closes in the same moment would be a failure of our making.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=self._retry.timeout_s),
        )
        for event in [event for event in self._state.events.values() if event["state"] == "pending"]:
            self._spawn(self._retry_until_delivered(event))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def emit(self, *events: Entity) -> None:
        """Record the events of one action and deliver each on its own: as in production, no order is promised."""
        reordered: list[Entity] = []
        for event in events:
            self._state.add_event(event)
            fault = self._fault_of(event)
            if fault.off or self.url is None:
                event["state"] = "held"
            elif fault.reorder:
                reordered.insert(0, event)
            else:
                self._spawn(self._deliver([event]))
        if reordered:
            self._spawn(self._deliver(reordered))

    async def redeliver(self, events: list[Entity], times: int, *, concurrent: bool) -> list[Entity]:
        """Send recorded events again, `times` each, without faults or retries. Returns their delivery records."""
        sends = [self._redeliver(event) for _ in range(times) for event in events]
        if concurrent:
            return list(await asyncio.gather(*sends))
        return [await send for send in sends]

    async def _redeliver(self, event: Entity) -> Entity:
        delivery = await self._send(event, "redelivery")
        if _accepted(delivery):
            event["state"] = "delivered"
        return delivery

    async def drain(self) -> None:
        """Wait until nothing is being delivered or retried."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fault_of(self, event: Entity) -> WebhookFault:
        if event["payout_id"]:
            return self._faults.webhooks(self._state.find("payouts", event["payout_id"]), event["event"])
        if event["subscription_id"]:
            return self._faults.webhooks(self._state.find("subscriptions", event["subscription_id"]), event["event"])
        order_id = event["order_id"]
        return self._faults.webhooks(self._state.find("orders", order_id) if order_id else None, event["event"])

    async def _deliver(self, events: list[Entity]) -> None:
        """First attempts one after the other; what fails is retried by itself, so that it delays no other."""
        for event in events:
            await asyncio.sleep(self._fault_of(event).delay_ms / 1000)
            if not await self._attempt(event):
                self._spawn(self._retry_until_delivered(event))

    async def _retry_until_delivered(self, event: Entity) -> None:
        while event["attempts"] < self._retry.max_attempts:
            if event["attempts"]:
                await asyncio.sleep(self._retry.delay_s(event["attempts"]))
            # A redelivery may have come first.
            if event["state"] == "delivered":
                return
            if await self._attempt(event):
                return
        event["state"] = "failed"

    async def _attempt(self, event: Entity) -> bool:
        """One attempt, as the fault wants it. True once the receiver has said 2xx."""
        fault = self._fault_of(event)
        number = event["attempts"]
        event["attempts"] += 1
        if number < fault.fail:
            self._record(event, {"at": time.time(), "kind": "dropped", "error": "lost on purpose", "duration_ms": 0})
            return False
        kind = "retry" if number else "first"
        if number < fault.fail + fault.corrupt:
            sends = [self._send(event, "corrupted")]
        else:
            # Copies go with the first sound attempt only: a duplicate is a duplicate of something sent.
            copies = fault.duplicate if number == fault.fail + fault.corrupt else 0
            sends = [self._send(event, kind), *(self._send(event, "duplicate") for _ in range(copies))]
        deliveries = await asyncio.gather(*sends)
        delivered = any(_accepted(delivery) for delivery in deliveries)
        if delivered:
            event["state"] = "delivered"
        return delivered

    async def _send(self, event: Entity, kind: str) -> Entity:
        body: str = event["body"]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Razorpay-Webhook/v1",
            # RazorpayX has webhooks of its own, with a secret of their own.
            "X-Razorpay-Signature": sign(body, self._payout_secret if event["payout_id"] else self._secret),
            "x-razorpay-event-id": event["id"],
        }
        if kind == "corrupted":
            # More money than was signed: a receiver that does not verify would show it.
            body = body.replace('"amount":', '"amount":9')
        async with self._places:
            delivery: Entity = {"at": time.time(), "kind": kind}
            started = time.monotonic()
            try:
                delivery["status"] = await self._post(body, headers)
            except TimeoutError:
                delivery["error"] = f"no answer within {self._retry.timeout_s:g} s"
            except (aiohttp.ClientError, OSError, ValueError) as error:
                delivery["error"] = str(error) or type(error).__name__
            delivery["duration_ms"] = round((time.monotonic() - started) * 1000, 1)
        self._record(event, delivery)
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

    def _record(self, event: Entity, delivery: Entity) -> None:
        event["deliveries"].append(delivery)
        del event["deliveries"][:-MAX_RECORDED_DELIVERIES]
