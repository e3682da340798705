"""What the resources (orders, payments, refunds, and those to come) share."""

from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from local.sandboxes.razorpay.faults import Faults
from local.sandboxes.razorpay.state import Entity, State
from local.sandboxes.razorpay.webhooks import Webhooks


@dataclass
class Core:
    key_id: str
    key_secret: str
    account_number: str
    webhooks: Webhooks
    state: State = field(default_factory=State)
    faults: Faults = field(default_factory=Faults)

    def order_of(self, payment: Entity) -> Entity | None:
        return self.state.find("orders", payment["order_id"])


class Resource(Protocol):
    """One group of API paths; the server mounts each in turn."""

    def routes(self) -> list[web.RouteDef]: ...
