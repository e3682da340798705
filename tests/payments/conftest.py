"""A shop: the API, a wallet's owner, and Razorpay's sandbox, whose webhooks go to the API."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests

from konnect import ids
from konnect.config import Settings
from konnect.context import Context
from konnect.integrations.razorpay import signatures
from konnect.money import rupees
from konnect.store import Doc, Query
from local.sandboxes.razorpay import RazorpaySandbox
from tests.support import kept_tasks, movements, sum_of_all_legs, wallet_of

from .api import TIMEOUT_S, Api, User
from .gateway import KEY_ID, KEY_SECRET, WEBHOOK_SECRET, Running, opening, running, settings_of

OWNER = "asha"


@dataclass(frozen=True)
class Checkout:
    """What the browser's handler gets."""

    order_id: str
    payment_id: str
    signature: str

    def body(self, **changed: str) -> dict[str, str]:
        return {
            "razorpay_order_id": self.order_id,
            "razorpay_payment_id": self.payment_id,
            "razorpay_signature": self.signature,
            **changed,
        }


class Shop:
    def __init__(self, ctx: Context, api: Api, sandbox: RazorpaySandbox, loop: asyncio.AbstractEventLoop) -> None:
        self.ctx = ctx
        self.api = api
        self.sandbox = sandbox
        self.owner: User = api.user(OWNER)
        self._loop = loop

    # The customer

    def deposit(self, amount: float = 500, *, key: str | None = None) -> Doc:
        response = self.owner.post("/api/wallet/deposit", {"amount": amount}, key=key)
        assert response.status_code == 201, response.text
        return dict(response.json())

    def pay(self, order_id: str, outcome: str = "captured", **fields: Any) -> Checkout:
        """Pay at the checkout and wait until no webhook is under way."""
        paid = self._sandbox("POST", f"/sandbox/orders/{order_id}/pay", {"outcome": outcome, **fields})
        self.drain()
        if "error" in paid:
            metadata = paid["error"]["metadata"]
            return Checkout(metadata["order_id"], metadata["payment_id"], "")
        return Checkout(paid["razorpay_order_id"], paid["razorpay_payment_id"], paid["razorpay_signature"])

    def verify(self, checkout: Checkout, **changed: str) -> requests.Response:
        return self.owner.post("/api/payments/verify", checkout.body(**changed))

    # Razorpay

    def fault(self, **fault: Any) -> None:
        self._sandbox("POST", "/sandbox/faults", fault)

    def no_webhooks(self) -> None:
        self.fault(webhooks={"off": True})

    def redeliver(self, **which: Any) -> list[int]:
        """Send recorded events again; the statuses they were answered with."""
        sent = self._sandbox("POST", "/sandbox/webhooks/redeliver", which)
        return [delivery["status"] for delivery in sent["deliveries"]]

    def drain(self) -> None:
        asyncio.run_coroutine_threadsafe(self.sandbox.drain(), self._loop).result(TIMEOUT_S)

    def refund(self, payment_id: str, amount_paise: int | None = None) -> Doc:
        body = {"amount": amount_paise} if amount_paise else {}
        refund = self._sandbox("POST", f"/v1/payments/{payment_id}/refund", body)
        self.drain()
        return refund

    def lapse(self, payment_id: str) -> None:
        """Razorpay gives back what nobody has captured in time."""
        self._sandbox("POST", f"/sandbox/payments/{payment_id}/lapse")
        self.drain()

    def provider_orders(self) -> list[Doc]:
        return list(self._sandbox("GET", "/v1/orders")["items"])

    def event(
        self, name: str, entities: dict[str, Any], *, event_id: str | None = None, secret: str = WEBHOOK_SECRET
    ) -> requests.Response:
        """An event of our own making, as Razorpay signs them."""
        payload = {kind: {"entity": entity} for kind, entity in entities.items()}
        return self.signed({"entity": "event", "event": name, "payload": payload}, event_id=event_id, secret=secret)

    def signed(self, body: Any, *, event_id: str | None = None, secret: str = WEBHOOK_SECRET) -> requests.Response:
        raw = json.dumps(body).encode()
        headers = {
            "X-Razorpay-Signature": signatures.sign(raw, secret),
            "x-razorpay-event-id": event_id or ids.new(),
        }
        return requests.post(self.api.url + "/api/payments/webhook", data=raw, headers=headers, timeout=TIMEOUT_S)

    def _sandbox(self, method: str, path: str, body: Any = None) -> Doc:
        response = requests.request(
            method, self.sandbox.url + path, json=body, auth=(KEY_ID, KEY_SECRET), timeout=TIMEOUT_S
        )
        answer = response.json()
        assert response.ok or "metadata" in answer.get("error", {}), answer
        return dict(answer)

    # What we hold

    @property
    def balance_paise(self) -> int:
        return int(wallet_of(self.ctx, OWNER)["balancePaise"])

    def order(self, order_id: str) -> Doc:
        found = self.ctx.db.get("orders", order_id)
        assert found is not None
        return found

    def payment(self, payment_id: str) -> Doc:
        found = self.ctx.db.get("payments", payment_id)
        assert found is not None
        return found

    def transaction(self, transaction_id: str) -> Doc:
        found = self.ctx.db.get("transactions", transaction_id)
        assert found is not None
        return found

    def all(self, collection: str) -> list[Doc]:
        return Query((collection,)).run(self.ctx.db)

    def outcomes(self, order_id: str) -> list[str]:
        """What became of the events about an order."""
        return sorted(e["outcome"] for e in self.all("externalEvents") if e["subject"].get("orderId") == order_id)

    def scheduled(self) -> list[Doc]:
        return [task.payload for task in kept_tasks(self.ctx).keyed("collect")]

    def check_credited_once(self, deposit: Doc, checkout: Checkout) -> None:
        """One movement, a completed transaction, a paid order, the balance, and nothing from nowhere."""
        assert [m["id"] for m in movements(self.ctx)] == [f"payment:{checkout.payment_id}"]
        assert self.balance_paise == deposit["amountPaise"]
        transaction = self.transaction(deposit["transactionId"])
        assert (transaction["status"], transaction["amount"]) == ("completed", rupees(deposit["amountPaise"]))
        order = self.order(deposit["orderId"])
        assert (order["status"], order["nextCheckAt"]) == ("paid", None)
        self.check_sums()

    def check_sums(self) -> None:
        assert sum_of_all_legs(self.ctx) == 0
        wallet = f"wallet:{OWNER}"
        legs = [leg for m in movements(self.ctx) for leg in m["legs"] if leg["account"] == wallet]
        assert self.balance_paise == sum(leg["amountPaise"] for leg in legs)
        assert self.balance_paise >= 0


@dataclass(frozen=True)
class Crashing(Context):
    """A context whose process dies at its next transactions: `crash` is called before and after each commit."""

    crash: Callable[[str], None] = lambda moment: None

    def run(self, function: Any) -> Any:
        self.crash("before")
        result = super().run(function)
        self.crash("after")
        return result


class Crash(BaseException):
    """No error that anybody could go on after."""


def crashing(ctx: Context, moment: str, nth: int = 1) -> Crashing:
    """`ctx`, dying before or after its nth commit."""
    left = [nth]

    def crash(at: str) -> None:
        if at == moment:
            left[0] -= 1
            if left[0] == 0:
                raise Crash

    fields = {name: getattr(ctx, name) for name in ("settings", "db", "tasks", "realtime")}
    return Crashing(**fields, crash=crash)


@pytest.fixture(scope="module")
def razorpay() -> Iterator[Running]:
    with running() as made:
        yield made


@pytest.fixture
def settings(razorpay: Running) -> Settings:
    return settings_of(razorpay[0])


@pytest.fixture
def open_shop(razorpay: Running, settings: Settings) -> Iterator[Callable[..., Shop]]:
    """Make a shop, with settings changed as named."""
    with opening(Shop, razorpay, settings) as make:
        yield make


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    return open_shop()


def with_scheduler(ctx: Context, tasks: Any) -> Context:
    return replace(ctx, tasks=tasks)
