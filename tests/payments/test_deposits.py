"""POST /api/wallet/deposit: an order at Razorpay and a pending transaction, or nothing."""

from collections.abc import Callable

import pytest

from konnect import clock, idempotency
from konnect.errors import Conflict
from konnect.integrations.razorpay.client import gateway
from konnect.payments import deposits
from tests.support import at_once, movements

from .api import error_code
from .conftest import OWNER, Crash, Shop, crashing
from .gateway import KEY_ID


def test_a_deposit_opens_an_order_and_waits(shop: Shop) -> None:
    made = shop.deposit(500.5)
    assert made == {
        "transactionId": made["transactionId"],
        "status": "pending",
        "orderId": made["orderId"],
        "receipt": f"dep_{made['transactionId']}",
        "amount": 500.5,
        "amountPaise": 50050,
        "currency": "INR",
        "keyId": KEY_ID,
        "customerId": None,
    }
    assert len(made["receipt"]) <= 40
    opened = shop.provider_orders()[0]
    assert (opened["id"], opened["amount"], opened["receipt"]) == (made["orderId"], 50050, made["receipt"])
    assert opened["notes"] == {"kind": "deposit", "uid": OWNER, "transactionId": made["transactionId"]}
    order = shop.order(made["orderId"])
    assert order["purpose"] == {"kind": "deposit", "uid": OWNER, "transactionId": made["transactionId"]}
    assert (order["status"], order["amountPaise"], order["currency"]) == ("created", 50050, "INR")
    transaction = shop.transaction(made["transactionId"])
    assert (transaction["type"], transaction["status"], transaction["amount"]) == ("deposit", "pending", 500.5)
    assert transaction["referenceId"] == made["orderId"]
    assert movements(shop.ctx) == []


@pytest.mark.parametrize("amount", [1, 10_000, 1.01, 9999.99, 1.1])
def test_amounts_at_the_limits(shop: Shop, amount: float) -> None:
    assert shop.deposit(amount)["amountPaise"] == round(amount * 100)


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "-5",
        "0.99",
        "10000.01",
        "10001",
        "1.005",
        "500.123",
        '"500"',
        "NaN",
        "Infinity",
        "1e400",
        "true",
        "null",
        "[500]",
        "{}",
    ],
)
def test_a_bad_amount_is_refused_by_name(shop: Shop, amount: str) -> None:
    before = len(shop.provider_orders())
    response = shop.owner.post("/api/wallet/deposit", raw=f'{{"amount": {amount}}}')
    assert response.status_code == 400
    assert error_code(response) in {"INVALID_INPUT", "INVALID_JSON"}
    if error_code(response) == "INVALID_INPUT":
        assert [detail["field"] for detail in response.json()["error"]["details"]] == ["amount"]
    assert len(shop.provider_orders()) == before
    assert shop.all("orders") == shop.all("transactions") == []


def test_a_body_without_amount_or_none_at_all(shop: Shop) -> None:
    for raw in ("{}", "", "[]", "{"):
        assert shop.owner.post("/api/wallet/deposit", raw=raw).status_code == 400


def test_anonymous(shop: Shop) -> None:
    assert shop.api.user(None).post("/api/wallet/deposit", {"amount": 5}).status_code == 401


def test_a_repeat_with_its_key_is_the_first_one(shop: Shop) -> None:
    first = shop.deposit(500, key="k1")
    assert shop.deposit(500, key="k1") == first
    assert len(shop.all("orders")) == len(shop.all("transactions")) == 1
    other = shop.owner.post("/api/wallet/deposit", {"amount": 501}, key="k1")
    assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert shop.deposit(500, key="k2")["orderId"] != first["orderId"]


def test_twenty_at_once_with_one_key_are_one_deposit(shop: Shop) -> None:
    def ask(_: int) -> tuple[int, str]:
        response = shop.owner.post("/api/wallet/deposit", {"amount": 500}, key="k1")
        made = response.status_code == 201
        return response.status_code, response.json()["orderId"] if made else error_code(response)

    answers = set(at_once(20, ask))
    [order] = shop.all("orders")
    assert (201, order["id"]) in answers
    assert answers <= {(201, order["id"]), (409, "IN_PROGRESS")}
    assert len(shop.all("transactions")) == 1


@pytest.mark.parametrize(("status", "expected"), [(500, 503), (504, 503), (429, 503), (400, 502)])
def test_a_failure_of_the_provider_leaves_nothing(shop: Shop, status: int, expected: int) -> None:
    shop.fault(api={"status": status, "times": 1, "path": "/v1/orders"})
    response = shop.owner.post("/api/wallet/deposit", {"amount": 500}, key="k1")
    assert response.status_code == expected
    assert error_code(response) == {503: "UNAVAILABLE", 502: "PROVIDER_REFUSED"}[expected]
    assert ("Retry-After" in response.headers) == (expected == 503)
    assert shop.all("orders") == shop.all("transactions") == shop.all("idempotency") == []
    # The key is free again: the same request succeeds.
    assert shop.deposit(500, key="k1")["status"] == "pending"


def test_a_provider_that_does_not_answer(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(razorpay_timeout_s=0.2)
    shop.fault(api={"timeout_ms": 600_000, "times": 1, "path": "/v1/orders"})
    response = shop.owner.post("/api/wallet/deposit", {"amount": 500})
    assert (response.status_code, error_code(response)) == (503, "UNAVAILABLE")
    assert shop.all("orders") == shop.all("transactions") == []


def test_a_crash_before_the_order_is_recorded_leaves_only_a_claim_that_lapses(shop: Shop) -> None:
    now = clock.now()
    key = idempotency.key(OWNER, "deposit", "k1", {"amountPaise": 50000})
    with pytest.raises(Crash):
        deposits.start(crashing(shop.ctx, "before", 2), gateway(shop.ctx.settings), OWNER, 50000, key=key, now=now)
    assert shop.all("orders") == shop.all("transactions") == []
    with pytest.raises(Conflict):
        deposits.start(shop.ctx, gateway(shop.ctx.settings), OWNER, 50000, key=key, now=now)
    later = clock.after(now, idempotency.RESERVED_S)
    assert deposits.start(shop.ctx, gateway(shop.ctx.settings), OWNER, 50000, key=key, now=later)
    assert len(shop.all("orders")) == len(shop.all("transactions")) == 1


def test_a_crash_after_it_is_recorded_loses_only_the_answer(shop: Shop) -> None:
    now = clock.now()
    key = idempotency.key(OWNER, "deposit", "k1", {"amountPaise": 50000})
    with pytest.raises(Crash):
        deposits.start(crashing(shop.ctx, "after", 2), gateway(shop.ctx.settings), OWNER, 50000, key=key, now=now)
    [order] = shop.all("orders")
    again = deposits.start(shop.ctx, gateway(shop.ctx.settings), OWNER, 50000, key=key, now=now)
    assert again["orderId"] == order["id"]
    assert len(shop.all("orders")) == 1
