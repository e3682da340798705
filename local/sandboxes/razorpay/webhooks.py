"""Webhooks: recorded as Razorpay's envelope, signed over the raw body. Razorpay retries for 24 hours.

An event record is {"id", "event", "order_id", "payment_id", "refund_id", "payout_id", "subscription_id", "created_at"}
beside what a sender keeps. A delivery's `kind` is also duplicate, dropped (never sent) or corrupted.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterable

from local.sandboxes.razorpay.faults import Faults, WebhookFault
from local.sandboxes.razorpay.state import Entity, State, new_id
from local.sandboxes.webhooks import RetryPolicy, Sender, record

ACCOUNT_ID = "acc_KonnectLocal00"


def sign(body: str, secret: str) -> str:
    """Hex HMAC-SHA256, as in X-Razorpay-Signature."""
    return hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()


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


class Webhooks(Sender):
    """Sends the events of one sandbox, as the faults want it."""

    def __init__(
        self, state: State, faults: Faults, secret: str, payout_secret: str, url: str | None, retry: RetryPolicy
    ) -> None:
        super().__init__(url, retry)
        self._state = state
        self._faults = faults
        self._secret = secret
        self._payout_secret = payout_secret

    def recorded(self) -> Iterable[Entity]:
        return self._state.events.values()

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
                self.spawn(self._deliver_in_turn([event]))
        if reordered:
            self.spawn(self._deliver_in_turn(reordered))

    def _fault_of(self, event: Entity) -> WebhookFault:
        if event["payout_id"]:
            return self._faults.webhooks(self._state.find("payouts", event["payout_id"]), event["event"])
        if event["subscription_id"]:
            return self._faults.webhooks(self._state.find("subscriptions", event["subscription_id"]), event["event"])
        order_id = event["order_id"]
        return self._faults.webhooks(self._state.find("orders", order_id) if order_id else None, event["event"])

    async def _deliver_in_turn(self, events: list[Entity]) -> None:
        """First attempts one after the other; what fails is retried by itself, so that it delays no other."""
        for event in events:
            fault = self._fault_of(event)
            await self._faults.wait(fault, fault.delay_ms)
            if not await self.attempt(event):
                self.spawn(self.deliver(event))

    async def attempt(self, event: Entity) -> bool:
        fault = self._fault_of(event)
        number = event["attempts"]
        event["attempts"] += 1
        if number < fault.fail:
            record(event, {"at": time.time(), "kind": "dropped", "error": "lost on purpose", "duration_ms": 0})
            return False
        kind = "retry" if number else "first"
        if number < fault.fail + fault.corrupt:
            return await self.send(event, "corrupted")
        # Copies go with the first sound attempt only: a duplicate is a duplicate of something sent.
        copies = fault.duplicate if number == fault.fail + fault.corrupt else 0
        return await self.send(event, kind, *["duplicate"] * copies)

    def request(self, event: Entity, kind: str) -> tuple[str, dict[str, str]]:
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
        return body, headers
