"""Faults on request: what the sandbox does wrong, for everyone or for one order alone.

A fault is {"order_id"?, "notes"?, "webhooks"?, "api"?, "refunds"?, "payouts"?}:
- `order_id` limits it to one order, its payments and refunds; `notes` to orders and payouts that carry these notes
  (also while they are created). Without either it holds for all. The narrowest fault applies; one a scope, the latest.
- `webhooks`: {"duplicate": n more copies at once, "delay_ms", "reorder": the events of one action in reverse, "fail":
  the first n attempts of each event are lost, "corrupt": the next n arrive with another amount than was signed, "off":
  recorded and not sent, "events": only these names}.
- `api`: {"status": answer this, "timeout_ms": wait so long first, "times": so often (always, if absent), "path": a
  pattern with `*`, "method", "applied": true lets the request take effect and loses only its answer}.
- `refunds`: {"outcome": "processed" | "pending" | "failed"} of new refunds; failed ones are pending first.
- `payouts`: {"outcome": "processed" | "processing" | "pending" | "queued" | "failed" | "reversed"} of new payouts;
  those that end are processing first.

What a fault delays goes on at once when the fault is replaced or cleared.
"""

import asyncio
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from local.sandboxes.razorpay.errors import not_applicable
from local.sandboxes.razorpay.state import Entity

MAX_FAULTS = 1_000
MAX_WAIT_MS = 600_000
MAX_COPIES = 100


@dataclass
class WebhookFault:
    duplicate: int = 0
    delay_ms: int = 0
    reorder: bool = False
    fail: int = 0
    corrupt: int = 0
    off: bool = False
    events: list[str] = field(default_factory=list)

    def applies_to(self, event: str) -> bool:
        return not self.events or event in self.events


NO_WEBHOOK_FAULT = WebhookFault()


@dataclass
class ApiFault:
    status: int | None = None
    timeout_ms: int = 0
    times: int | None = None
    path: str = "*"
    method: str | None = None
    applied: bool = False

    def matches(self, method: str, path: str) -> bool:
        left = self.times is None or self.times > 0
        return left and self.method in (None, method) and fnmatchcase(path, self.path)


@dataclass
class RefundFault:
    outcome: str = "processed"


@dataclass
class PayoutFault:
    outcome: str = "processed"


OUTCOMES = {
    "refunds": ("processed", "pending", "failed"),
    "payouts": ("processed", "processing", "pending", "queued", "failed", "reversed"),
}


@dataclass
class Fault:
    order_id: str | None = None
    notes: dict[str, str] | None = None
    webhooks: WebhookFault | None = None
    api: ApiFault | None = None
    refunds: RefundFault | None = None
    payouts: PayoutFault | None = None

    @property
    def scope(self) -> tuple[str | None, tuple[tuple[str, str], ...]]:
        return self.order_id, tuple(sorted((self.notes or {}).items()))

    @property
    def width(self) -> int:
        """How much it covers: one order, orders with some notes, all."""
        return 0 if self.order_id else 1 if self.notes else 2

    def covers(self, order: Entity | None) -> bool:
        if self.order_id is not None and (order is None or order.get("id") != self.order_id):
            return False
        if not self.notes:
            return True
        notes = order.get("notes") if order else None
        return isinstance(notes, dict) and all(str(notes.get(name)) == value for name, value in self.notes.items())


def _whole(name: str, value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise not_applicable(f"{name} must be an integer from 0 to {most}")
    return value


def _part(kind: type[Any], name: str, value: Any) -> Any:
    """One part of a fault, refused with the name of what is unknown or wrong."""
    if not isinstance(value, dict):
        raise not_applicable(f"{name} must be an object")
    known = {item.name: item for item in fields(kind)}
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise not_applicable(f"{name} does not know {', '.join(unknown)}; it knows {', '.join(known)}")
    for key, given in value.items():
        if key in ("duplicate", "fail", "corrupt", "times"):
            _whole(f"{name}.{key}", given, MAX_COPIES)
        elif key in ("delay_ms", "timeout_ms"):
            _whole(f"{name}.{key}", given, MAX_WAIT_MS)
        elif key in ("reorder", "off", "applied") and not isinstance(given, bool):
            raise not_applicable(f"{name}.{key} must be true or false")
        elif key == "status" and _whole(f"{name}.status", given, 599) < 400:
            raise not_applicable(f"{name}.status must be an error, 400 to 599")
        elif key in ("path", "method") and not isinstance(given, str):
            raise not_applicable(f"{name}.{key} must be a string")
        elif key == "events" and not (isinstance(given, list) and all(isinstance(event, str) for event in given)):
            raise not_applicable(f"{name}.events must be a list of event names")
        elif key == "outcome" and given not in OUTCOMES[name]:
            raise not_applicable(f"{name}.outcome must be one of {', '.join(OUTCOMES[name])}")
    return kind(**value)


def parse(body: dict[str, Any]) -> Fault:
    """A fault from its JSON. Raises RazorpayError that names what is wrong."""
    unknown = sorted(set(body) - {item.name for item in fields(Fault)})
    if unknown:
        raise not_applicable(f"a fault does not know {', '.join(unknown)}")
    if not isinstance(body.get("order_id", ""), str):
        raise not_applicable("order_id must be a string")
    notes = body.get("notes")
    if notes is not None and not isinstance(notes, dict):
        raise not_applicable("notes must be an object")
    fault = Fault(
        order_id=body.get("order_id"),
        notes={name: str(value) for name, value in notes.items()} if notes else None,
        webhooks=_part(WebhookFault, "webhooks", body["webhooks"]) if "webhooks" in body else None,
        api=_part(ApiFault, "api", body["api"]) if "api" in body else None,
        refunds=_part(RefundFault, "refunds", body["refunds"]) if "refunds" in body else None,
        payouts=_part(PayoutFault, "payouts", body["payouts"]) if "payouts" in body else None,
    )
    if not (fault.webhooks or fault.api or fault.refunds or fault.payouts):
        raise not_applicable("a fault needs webhooks, api, refunds or payouts")
    if fault.api is not None and fault.api.status is None and not fault.api.timeout_ms:
        raise not_applicable("api needs a status or a timeout_ms")
    return fault


class Faults:
    """The faults in force, one a scope."""

    def __init__(self) -> None:
        self._faults: dict[Any, Fault] = {}
        self._changed = asyncio.Event()

    def set(self, fault: Fault) -> None:
        if len(self._faults) >= MAX_FAULTS and fault.scope not in self._faults:
            raise not_applicable(f"at most {MAX_FAULTS} faults")
        self._faults[fault.scope] = fault
        self._wake()

    def clear(self, order_id: str | None = None) -> None:
        """Drop the fault of one order, or all of them."""
        if order_id is None:
            self._faults.clear()
        else:
            self._faults = {scope: fault for scope, fault in self._faults.items() if fault.order_id != order_id}
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, part: ApiFault | WebhookFault, wait_ms: int) -> None:
        """As long as it says, or until its fault is replaced or cleared."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1000):
                while any(part is fault.api or part is fault.webhooks for fault in self._faults.values()):
                    await self._changed.wait()

    def items(self) -> list[dict[str, Any]]:
        return [
            {name: value for name, value in asdict(fault).items() if value is not None}
            for fault in self._faults.values()
        ]

    def _covering(self, order: Entity | None) -> list[Fault]:
        return sorted((fault for fault in self._faults.values() if fault.covers(order)), key=lambda fault: fault.width)

    def webhooks(self, order: Entity | None, event: str) -> WebhookFault:
        for fault in self._covering(order):
            if fault.webhooks is not None and fault.webhooks.applies_to(event):
                return fault.webhooks
        return NO_WEBHOOK_FAULT

    def take_api(self, order: Entity | None, method: str, path: str) -> ApiFault | None:
        """The fault of this request, counted as used."""
        for fault in self._covering(order):
            if fault.api is not None and fault.api.matches(method, path):
                if fault.api.times is not None:
                    fault.api.times -= 1
                return fault.api
        return None

    def refund_outcome(self, order: Entity | None) -> str:
        for fault in self._covering(order):
            if fault.refunds is not None:
                return fault.refunds.outcome
        return "processed"

    def payout_outcome(self, payout: Entity) -> str:
        for fault in self._covering(payout):
            if fault.payouts is not None:
                return fault.payouts.outcome
        return "processed"
