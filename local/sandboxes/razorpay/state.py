"""What the sandbox remembers: entities by collection, webhook events, idempotency keys. No network, no clock.

A collection is named as in Razorpay's paths (`orders`, `payments`, `refunds`); a further resource adds its own by
using it. Everything is JSON, so that a snapshot is a copy.
"""

import copy
import secrets
import string
from collections.abc import Iterable
from typing import Any

from local.sandboxes.razorpay.errors import id_invalid, id_not_found

Entity = dict[str, Any]

ID_LENGTH = 14
ID_CHARACTERS = string.ascii_letters + string.digits
# A long load test must not fill the memory: the oldest go first.
MAX_ENTITIES = 100_000
MAX_EVENTS = 10_000


def new_id(prefix: str = "") -> str:
    """An id as Razorpay's: `order_` and 14 letters and digits; without a prefix, a webhook event's."""
    return prefix + "".join(secrets.choice(ID_CHARACTERS) for _ in range(ID_LENGTH))


def _trim(entries: dict[str, Any], limit: int) -> None:
    while len(entries) > limit:
        del entries[next(iter(entries))]


class State:
    """The sandbox's memory. Insertion order is time order in every collection."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[str, Entity]] = {}
        self.events: dict[str, Entity] = {}
        self.idempotency: dict[str, Entity] = {}

    def add(self, collection: str, entity: Entity) -> Entity:
        entities = self.collections.setdefault(collection, {})
        entities[entity["id"]] = entity
        _trim(entities, MAX_ENTITIES)
        return entity

    def all(self, collection: str) -> Iterable[Entity]:
        return self.collections.get(collection, {}).values()

    def get(self, collection: str, prefix: str, entity_id: str) -> Entity:
        """The live entity (changes are kept). Raises RazorpayError for a malformed or unknown id."""
        tail = entity_id.removeprefix(prefix)
        if tail == entity_id or len(tail) != ID_LENGTH or not tail.isalnum():
            raise id_invalid(entity_id)
        entity = self.collections.get(collection, {}).get(entity_id)
        if entity is None:
            raise id_not_found()
        return entity

    def find(self, collection: str, entity_id: str) -> Entity | None:
        return self.collections.get(collection, {}).get(entity_id)

    def order(self, order_id: str) -> Entity:
        return self.get("orders", "order_", order_id)

    def payment(self, payment_id: str) -> Entity:
        return self.get("payments", "pay_", payment_id)

    def refund(self, refund_id: str) -> Entity:
        return self.get("refunds", "rfnd_", refund_id)

    def payout(self, payout_id: str) -> Entity:
        return self.get("payouts", "pout_", payout_id)

    def add_event(self, event: Entity) -> None:
        self.events[event["id"]] = event
        _trim(self.events, MAX_EVENTS)

    def remember(self, key: str, record: Entity) -> None:
        """Keep the result of an idempotent request under its key."""
        self.idempotency[key] = record
        _trim(self.idempotency, MAX_ENTITIES)

    def snapshot(self) -> dict[str, Any]:
        return copy.deepcopy(
            {"collections": self.collections, "events": self.events, "idempotency": self.idempotency},
        )

    def restore(self, snapshot: dict[str, Any]) -> None:
        kept = copy.deepcopy(snapshot)
        self.collections = kept["collections"]
        self.events = kept["events"]
        self.idempotency = kept["idempotency"]
