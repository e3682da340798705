"""POST /api/payments/verify: what the browser's checkout says, once Razorpay confirms it."""

from collections.abc import Callable

import pytest

from konnect import clock
from konnect.integrations.razorpay import signatures
from konnect.integrations.razorpay.client import gateway
from konnect.payments import service
from tests.support import at_once, movements

from .api import error_code
from .conftest import KEY_SECRET, OWNER, Crash, Shop, crashing


def test_verify_credits_the_wallet(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit(500)
    checkout = shop.pay(made["orderId"])
    response = shop.verify(checkout)
    assert response.status_code == 200
    assert response.json() == {
        "status": "completed",
        "orderId": made["orderId"],
        "paymentId": checkout.payment_id,
        "amount": 500,
        "amountPaise": 50000,
        "currency": "INR",
        "bookingId": None,
        "bookingStatus": None,
        "packagePurchaseId": None,
        "packageStatus": None,
        "transactionId": made["transactionId"],
        "balance": 500,
        "balancePaise": 50000,
    }
    shop.check_credited_once(made, checkout)


def test_again_and_again(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    answers = [shop.verify(checkout).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    shop.check_credited_once(made, checkout)


def test_twenty_at_once(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    assert at_once(20, lambda _: shop.verify(checkout).status_code) == [200] * 20
    shop.check_credited_once(made, checkout)


@pytest.mark.parametrize(
    "names",
    [
        ("orderId", "paymentId", "signature"),
        ("order_id", "payment_id", "signature"),
        ("orderId", "razorpay_payment_id", "razorpay_signature"),
    ],
)
def test_other_names_of_the_fields(shop: Shop, names: tuple[str, str, str]) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    body = dict(zip(names, checkout.body().values(), strict=True))
    assert shop.owner.post("/api/payments/verify", body).status_code == 200
    shop.check_credited_once(made, checkout)


@pytest.mark.parametrize("forged", ["0" * 64, "", "é", "x" * 300, "other secret", "other payment"])
def test_a_forged_signature_changes_nothing(shop: Shop, forged: str) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    message = f"{checkout.order_id}|{checkout.payment_id}".encode()
    signature = {
        "other secret": signatures.sign(message, "guess"),
        "other payment": signatures.sign(f"{checkout.order_id}|pay_other".encode(), KEY_SECRET),
    }.get(forged, forged)
    response = shop.verify(checkout, razorpay_signature=signature)
    assert response.status_code == 400
    assert error_code(response) in {"INVALID_SIGNATURE", "INVALID_INPUT"}
    assert movements(shop.ctx) == shop.all("payments") == []
    assert shop.transaction(made["transactionId"])["status"] == "pending"


def test_nothing_is_valid_without_a_secret(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(razorpay_key_secret="", razorpay_webhook_secret="")
    body = {"orderId": "order_1", "paymentId": "pay_1", "signature": signatures.sign(b"order_1|pay_1", "")}
    assert error_code(shop.owner.post("/api/payments/verify", body)) == "INVALID_SIGNATURE"
    assert error_code(shop.event("payment.captured", {}, secret="")) == "INVALID_SIGNATURE"


def test_the_order_of_somebody_else_is_not_there(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    response = shop.api.user("ravi").post("/api/payments/verify", checkout.body())
    assert (response.status_code, error_code(response)) == (404, "ORDER_NOT_FOUND")
    assert movements(shop.ctx) == []
    assert shop.api.user(None).post("/api/payments/verify", checkout.body()).status_code == 401


@pytest.mark.parametrize("order_id", ["order_unknown", "../../x", "a/b", ".."])
def test_an_unknown_order(shop: Shop, order_id: str) -> None:
    signature = signatures.sign(f"{order_id}|pay_1".encode(), KEY_SECRET)
    response = shop.owner.post(
        "/api/payments/verify", {"orderId": order_id, "paymentId": "pay_1", "signature": signature}
    )
    assert (response.status_code, error_code(response)) == (404, "ORDER_NOT_FOUND")


def test_missing_fields_are_named(shop: Shop) -> None:
    response = shop.owner.post("/api/payments/verify", {"razorpay_order_id": "order_1"})
    assert response.status_code == 400
    assert {detail["field"] for detail in response.json()["error"]["details"]} == {
        "razorpay_payment_id",
        "razorpay_signature",
    }


def test_an_authorized_payment_is_captured(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    checkout = shop.pay(made["orderId"], "authorized")
    assert shop.verify(checkout).json()["status"] == "completed"
    shop.check_credited_once(made, checkout)


def test_a_payment_that_is_not_captured_yet_is_pending(shop: Shop) -> None:
    shop.fault(api={"status": 400, "path": "*/capture"})
    shop.fault(notes={"kind": "deposit"}, webhooks={"off": True})
    made = shop.deposit()
    checkout = shop.pay(made["orderId"], "authorized")
    response = shop.verify(checkout)
    assert (response.status_code, response.json()["status"]) == (202, "pending")
    assert response.json()["transactionId"] == made["transactionId"]
    assert movements(shop.ctx) == []


def test_a_failed_payment_is_said_so_and_another_attempt_pays(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    failed = shop.pay(made["orderId"], "failed")
    signature = signatures.sign(f"{failed.order_id}|{failed.payment_id}".encode(), KEY_SECRET)
    response = shop.verify(failed, razorpay_signature=signature)
    assert (response.status_code, error_code(response)) == (409, "PAYMENT_FAILED")
    checkout = shop.pay(made["orderId"])
    assert shop.verify(checkout).status_code == 200
    shop.check_credited_once(made, checkout)


def test_a_payment_of_another_order_does_not_pay_this_one(shop: Shop) -> None:
    shop.no_webhooks()
    cheap, dear = shop.deposit(1), shop.deposit(10_000)
    checkout = shop.pay(cheap["orderId"])
    # Only a leaked secret could sign this pair; the provider's own answer is checked all the same.
    signature = signatures.sign(f"{dear['orderId']}|{checkout.payment_id}".encode(), KEY_SECRET)
    response = shop.verify(checkout, razorpay_order_id=dear["orderId"], razorpay_signature=signature)
    assert (response.status_code, error_code(response)) == (409, "PAYMENT_MISMATCH")
    assert movements(shop.ctx) == []


def test_a_provider_that_fails_twice_changes_nothing(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    shop.fault(order_id=made["orderId"], api={"status": 500, "times": 2})
    response = shop.verify(checkout)
    assert (response.status_code, error_code(response)) == (503, "UNAVAILABLE")
    assert movements(shop.ctx) == []
    # One failure is bridged by trying again.
    shop.fault(order_id=made["orderId"], api={"status": 500, "times": 1})
    assert shop.verify(checkout).status_code == 200
    shop.check_credited_once(made, checkout)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_commit_is_made_good_by_a_repeat(shop: Shop, moment: str) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    with pytest.raises(Crash):
        service.verify(
            crashing(shop.ctx, moment),
            gateway(shop.ctx.settings),
            OWNER,
            order_id=checkout.order_id,
            payment_id=checkout.payment_id,
            signature=checkout.signature,
            now=clock.now(),
        )
    assert len(movements(shop.ctx)) == (1 if moment == "after" else 0)
    assert shop.verify(checkout).json()["balance"] == 500
    shop.check_credited_once(made, checkout)
