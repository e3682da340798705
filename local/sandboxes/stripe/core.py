"""What the resources share: the memory of entities by collection, faults, idempotency keys, webhooks."""

import copy
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from local.sandboxes.stripe.errors import missing
from local.sandboxes.stripe.webhooks import Webhooks

Entity = dict[str, Any]
_CHARACTERS = string.ascii_letters + string.digits
MAX_KEPT = 100_000
KINDS = {
    "sessions": "checkout.session",
    "intents": "payment_intent",
    "charges": "charge",
    "refunds": "refund",
    "disputes": "dispute",
}


def new_id(prefix: str, length: int = 24) -> str:
    return prefix + "".join(secrets.choice(_CHARACTERS) for _ in range(length))


@dataclass
class Fault:
    """`status`: answer this, so often; `applied`: the request takes effect, and only its answer is lost."""

    status: int
    times: int = 1
    applied: bool = False
    path: str = ""


@dataclass
class Core:
    secret_key: str
    webhooks: Webhooks
    url: str = ""
    collections: dict[str, dict[str, Entity]] = field(default_factory=dict)
    idempotency: dict[str, Entity] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    refunds_are: str = "succeeded"

    def add(self, collection: str, entity: Entity) -> Entity:
        kept = self.collections.setdefault(collection, {})
        kept[entity["id"]] = entity
        while len(kept) > MAX_KEPT:
            del kept[next(iter(kept))]
        return entity

    def all(self, collection: str, **where: Any) -> Iterable[Entity]:
        found = self.collections.get(collection, {}).values()
        return [one for one in found if all(one[name] == value for name, value in where.items())]

    def get(self, collection: str, entity_id: str, param: str | None = None) -> Entity:
        """The live entity. Raises StripeError."""
        found = self.collections.get(collection, {}).get(entity_id)
        if found is None:
            raise missing(KINDS[collection], entity_id, param)
        return found

    def take_fault(self, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.path in path:
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault
        return None

    def expanded(self, entity: Entity, params: dict[str, Any], prefix: str = "") -> Entity:
        """A copy with what `expand` names in the place of its ids: "payment_intent", "payment_intent.latest_charge"."""
        asked = params.get("expand") or params.get("expand[]") or []
        wanted = [asked] if isinstance(asked, str) else asked
        shown = copy.deepcopy(entity)
        for path in (one.removeprefix(prefix) for one in wanted if one.startswith(prefix)):
            place = shown
            for name in path.split("."):
                collection = {"payment_intent": "intents", "latest_charge": "charges"}.get(name)
                if collection is None or not isinstance(place.get(name), str | dict):
                    break
                if isinstance(place[name], str):
                    place[name] = copy.deepcopy(self.get(collection, place[name]))
                place = place[name]
        return shown

    def snapshot(self) -> dict[str, Any]:
        kept = {"collections": self.collections, "idempotency": self.idempotency, "events": self.webhooks.events}
        return copy.deepcopy(kept)

    def restore(self, snapshot: dict[str, Any]) -> None:
        kept = copy.deepcopy(snapshot)
        self.collections, self.idempotency = kept["collections"], kept["idempotency"]
        self.webhooks.events = kept["events"]
