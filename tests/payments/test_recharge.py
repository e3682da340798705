"""POST /wallet/recharge: a deposit told by its receipt, order or payment, credited once Razorpay confirms it."""

from typing import Any

import pytest

from konnect import clock
from konnect.integrations.razorpay.client import gateway
from konnect.payments import policy, recharge, sweeps
from tests.support import at_once, movements

from .api import User, error_code
from .conftest import OWNER, Checkout, Crash, Shop, crashing


def asked(shop: Shop, receipt_id: str, amount: float = 500, *, user: User | None = None, **changed: Any) -> Any:
    body = {"userId": OWNER, "amount": amount, "paymentMethod": "razorpay", "receiptId": receipt_id, **changed}
    return (user or shop.owner).post("/wallet/recharge", body)


def paid(shop: Shop, outcome: str = "captured", **fields: Any) -> tuple[dict[str, Any], Checkout]:
    """A deposit that was paid, of which no webhook tells."""
    shop.no_webhooks()
    made = shop.deposit(500)
    return made, shop.pay(made["orderId"], outcome, **fields)


@pytest.mark.parametrize("by", ["receipt", "order", "payment"])
@pytest.mark.parametrize("outcome", ["captured", "authorized"])
def test_credits_once(shop: Shop, by: str, outcome: str) -> None:
    made, checkout = paid(shop, outcome)
    receipt_id = {"receipt": made["receipt"], "order": made["orderId"], "payment": checkout.payment_id}[by]
    answers = [asked(shop, receipt_id) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.json() for answer in answers] == [
        {"transactionId": made["transactionId"], "status": "success", "balance": 500, "balancePaise": 50000}
    ] * 3
    shop.check_credited_once(made, checkout)


def test_twenty_at_once_beside_the_webhook(shop: Shop) -> None:
    made, checkout = paid(shop)
    ids = [made["receipt"], made["orderId"], checkout.payment_id]

    def one(index: int) -> int:
        if index % 5 == 4:
            return max(shop.redeliver(order_id=made["orderId"]))
        return int(asked(shop, ids[index % 3]).status_code)

    assert set(at_once(20, one)) <= {200, 503}
    assert asked(shop, made["receipt"]).json()["balance"] == 500
    shop.check_credited_once(made, checkout)


def test_after_the_webhook(shop: Shop) -> None:
    made = shop.deposit(500)
    checkout = shop.pay(made["orderId"])
    shop.check_credited_once(made, checkout)
    assert asked(shop, made["receipt"]).json()["status"] == "success"
    shop.check_credited_once(made, checkout)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_leaves_nothing_half_done(shop: Shop, moment: str) -> None:
    made, checkout = paid(shop)
    with pytest.raises(Crash):
        recharge.recharge(
            crashing(shop.ctx, moment),
            gateway(shop.ctx.settings),
            OWNER,
            amount_paise=50000,
            receipt_id=made["receipt"],
            now=clock.now(),
        )
    assert len(movements(shop.ctx)) == (moment == "after")
    assert asked(shop, made["receipt"]).json()["balance"] == 500
    shop.check_credited_once(made, checkout)


def test_pending_until_it_is_paid(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit(500)
    answer = asked(shop, made["receipt"])
    assert (answer.status_code, answer.json()["status"], answer.json()["balance"]) == (202, "pending", 0)
    checkout = shop.pay(made["orderId"])
    assert asked(shop, made["receipt"]).status_code == 200
    shop.check_credited_once(made, checkout)


@pytest.mark.parametrize(("back", "left"), [((20000,), 300), ((20000, 10000), 200), ((None,), 0)])
@pytest.mark.parametrize("by", ["recharge", "verify", "sweep"])
def test_what_went_back_before_it_was_known_is_not_credited(
    shop: Shop, by: str, back: tuple[int | None, ...], left: int
) -> None:
    made, checkout = paid(shop)
    for amount_paise in back:
        shop.refund(checkout.payment_id, amount_paise)
    if by == "recharge":
        assert asked(shop, made["receipt"]).json()["balance"] == left
    elif by == "verify":
        assert shop.verify(checkout).json()["balance"] == left
    else:
        sweeps.sweep(shop.ctx, {}, clock.now() + policy.FIRST_CHECK)
    assert shop.balance_paise == left * 100
    # The news of it that comes late changes nothing.
    assert set(shop.redeliver(order_id=made["orderId"])) <= {200}
    assert (asked(shop, made["receipt"]).json()["balance"], shop.balance_paise) == (left, left * 100)
    assert shop.transaction(made["transactionId"])["status"] == "completed"
    shop.check_sums()


@pytest.mark.parametrize("by", ["recharge", "verify", "sweep", "webhook"])
def test_what_lapsed_uncaptured_is_not_credited(shop: Shop, by: str) -> None:
    """It is "refunded" by Razorpay's word, and was never ours."""
    made, checkout = paid(shop, "authorized")
    shop.lapse(checkout.payment_id)
    if by == "recharge":
        for receipt_id in (made["receipt"], checkout.payment_id):
            assert error_code(asked(shop, receipt_id)) == "PAYMENT_FAILED"
    elif by == "verify":
        assert error_code(shop.verify(checkout)) == "PAYMENT_FAILED"
    elif by == "sweep":
        sweeps.sweep(shop.ctx, {}, clock.now() + policy.FIRST_CHECK)
    else:
        assert set(shop.redeliver(order_id=made["orderId"])) == {200}
    assert (movements(shop.ctx), shop.order(made["orderId"])["status"]) == ([], "created")
    again = shop.pay(made["orderId"])
    assert asked(shop, made["receipt"]).json()["balance"] == 500
    shop.check_credited_once(made, again)


def test_a_failed_payment(shop: Shop) -> None:
    made, checkout = paid(shop, "failed")
    for receipt_id in (made["receipt"], checkout.payment_id):
        answer = asked(shop, receipt_id)
        assert (answer.status_code, error_code(answer)) == (409, "PAYMENT_FAILED")
    assert movements(shop.ctx) == []
    # The next attempt.
    checkout = shop.pay(made["orderId"])
    assert asked(shop, made["receipt"]).status_code == 200
    shop.check_credited_once(made, checkout)


def test_another_amount_changes_nothing(shop: Shop) -> None:
    made, _ = paid(shop)
    answer = asked(shop, made["receipt"], 5000)
    assert (answer.status_code, error_code(answer)) == (409, "AMOUNT_MISMATCH")
    assert movements(shop.ctx) == []


def test_what_is_nobody_s_or_somebody_else_s_is_not_there(shop: Shop) -> None:
    made, checkout = paid(shop)
    ravi = shop.api.user("ravi")
    for receipt_id in (made["receipt"], made["orderId"], checkout.payment_id):
        answer = asked(shop, receipt_id, user=ravi, userId="ravi")
        assert (answer.status_code, error_code(answer)) == (404, "ORDER_NOT_FOUND")
    for receipt_id in ("rcp_123", "dep_unknown", "order_unknown", "pay_unknown", "../../x", "dep_", "pay_"):
        assert asked(shop, receipt_id).status_code == 404, receipt_id
    assert movements(shop.ctx) == []


def test_who_may(shop: Shop) -> None:
    made, _ = paid(shop)
    assert asked(shop, made["receipt"], user=shop.api.user(None)).status_code == 401
    assert asked(shop, made["receipt"], userId="ravi").status_code == 403
    assert movements(shop.ctx) == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"userId": ""}, "userId"),
        ({"amount": 0}, "amount"),
        ({"amount": 10_001}, "amount"),
        ({"paymentMethod": "stripe"}, "paymentMethod"),
        ({"receiptId": ""}, "receiptId"),
    ],
)
def test_bad_input_names_the_field(shop: Shop, changed: dict[str, Any], field: str) -> None:
    answer = asked(shop, "dep_1", **changed)
    assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, field)
