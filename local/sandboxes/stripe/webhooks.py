"""Webhooks: recorded as Stripe's envelope, signed with the time over the raw body. Stripe retries for three days.

An event record is {"id", "type", "about": [ids]} beside what a sender keeps.
"""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterable
from typing import Any

from local.sandboxes.webhooks import RetryPolicy, Sender

API_VERSION = "2026-10-28.endive"
MAX_EVENTS = 10_000


def sign(body: str, secret: str, at: int) -> str:
    """The header Stripe-Signature: t=…,v1=hex HMAC-SHA256 of "t.body"."""
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Webhooks(Sender):
    """Sends the events of one sandbox. `off`: they are recorded alone."""

    def __init__(self, secret: str, url: str | None, retry: RetryPolicy) -> None:
        super().__init__(url, retry)
        self.off = False
        self.events: dict[str, dict[str, Any]] = {}
        self._secret = secret

    def recorded(self) -> Iterable[dict[str, Any]]:
        return self.events.values()

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
            self.spawn(self.deliver(event))

    def request(self, event: dict[str, Any], kind: str) -> tuple[str, dict[str, str]]:
        body: str = event["body"]
        # Signed anew at each attempt: the time is part of what is signed.
        return body, {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(body, self._secret, int(time.time())),
        }
