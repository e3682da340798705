"""The sweep: what neither a webhook nor a browser told, and what is never paid."""

from datetime import timedelta

import pytest

from konnect.integrations.razorpay.client import gateway
from konnect.payments import service, sweeps
from konnect.store import Doc
from tests.support import at_once, movements

from .conftest import Crash, Shop, crashing

MINUTE = timedelta(minutes=1)


def opened(shop: Shop, amount: float = 500) -> Doc:
    """A deposit of whose payment nobody will tell."""
    shop.no_webhooks()
    return shop.deposit(amount)


def sweep_at(shop: Shop, made: Doc, age: timedelta) -> dict[str, int]:
    found = sweeps.sweep(shop.ctx, {}, shop.order(made["orderId"])["createdAt"] + age)
    assert (found.pop("refunds"), found.pop("refundFailures"), found.pop("missedRefunds")) == (0, 0, 0)
    found.pop("missedRefundFailures")
    return found


def test_what_nobody_told_is_credited(shop: Shop) -> None:
    made = opened(shop)
    checkout = shop.pay(made["orderId"])
    assert sweep_at(shop, made, 9 * MINUTE) == {"orders": 0, "failures": 0}
    assert sweep_at(shop, made, 10 * MINUTE) == {"orders": 1, "failures": 0, "credited": 1}
    shop.check_credited_once(made, checkout)
    assert sweep_at(shop, made, 20 * MINUTE) == {"orders": 0, "failures": 0}
    # All the events of that payment, days late.
    shop.redeliver(order_id=made["orderId"], times=3)
    shop.check_credited_once(made, checkout)


def test_sweeps_webhooks_and_the_browser_at_once(shop: Shop) -> None:
    made = opened(shop)
    checkout = shop.pay(made["orderId"])
    reports = (
        lambda: sweep_at(shop, made, 10 * MINUTE),
        lambda: shop.redeliver(order_id=made["orderId"]),
        lambda: shop.verify(checkout),
    )
    failed = [answer for answer in at_once(12, lambda index: reports[index % 3]()) if isinstance(answer, Exception)]
    assert failed == []
    shop.check_credited_once(made, checkout)


def test_an_authorized_payment_is_captured(shop: Shop) -> None:
    made = opened(shop)
    checkout = shop.pay(made["orderId"], "authorized")
    assert sweep_at(shop, made, 10 * MINUTE)["credited"] == 1
    shop.check_credited_once(made, checkout)


def test_an_abandoned_order_is_asked_about_ever_more_seldom_and_expires(shop: Shop) -> None:
    made = opened(shop)
    asked = [age for age in range(10, 24 * 60, 10) if sweep_at(shop, made, age * MINUTE)["orders"]]
    assert asked == [10, 20, 40, 80, 160, 320, 640, 1280]
    assert shop.transaction(made["transactionId"])["status"] == "pending"
    assert sweep_at(shop, made, timedelta(hours=24)) == {"orders": 1, "failures": 0, "expired": 1}
    assert shop.order(made["orderId"])["status"] == "expired"
    transaction = shop.transaction(made["transactionId"])
    assert (transaction["status"], transaction["failureReason"]) == ("failed", "not paid in time")
    # A bank's late yes is looked for once more, then never again.
    assert sweep_at(shop, made, timedelta(days=4))["orders"] == 0
    assert sweep_at(shop, made, timedelta(days=5)) == {"orders": 1, "failures": 0, "pending": 1}
    assert shop.order(made["orderId"])["nextCheckAt"] is None
    assert movements(shop.ctx) == []


def test_a_payment_that_the_bank_confirms_days_late(shop: Shop) -> None:
    made = opened(shop)
    sweep_at(shop, made, timedelta(hours=24))
    checkout = shop.pay(made["orderId"], "authorized")
    assert sweep_at(shop, made, timedelta(days=5))["credited"] == 1
    shop.check_credited_once(made, checkout)


def test_an_order_whose_attempts_failed_fails_with_their_reason(shop: Shop) -> None:
    made = opened(shop)
    failed = shop.pay(made["orderId"], "failed")
    sweep_at(shop, made, 10 * MINUTE)
    assert shop.order(made["orderId"])["lastFailure"]["paymentId"] == failed.payment_id
    sweep_at(shop, made, timedelta(hours=24))
    assert shop.order(made["orderId"])["status"] == "failed"
    transaction = shop.transaction(made["transactionId"])
    assert transaction["status"] == "failed"
    assert transaction["failureReason"] not in {"", "not paid in time"}


def test_one_order_that_fails_does_not_stand_before_the_others(shop: Shop) -> None:
    bad, good = opened(shop), opened(shop)
    checkout = shop.pay(good["orderId"])
    shop.fault(order_id=bad["orderId"], api={"status": 400})
    assert sweep_at(shop, good, 11 * MINUTE) == {"orders": 2, "failures": 1, "credited": 1}
    assert shop.balance_paise == good["amountPaise"]
    assert shop.order(bad["orderId"])["status"] == "created"
    assert sweep_at(shop, good, 12 * MINUTE)["orders"] == 0
    assert checkout.payment_id
    # It is not asked about for ever.
    assert sweep_at(shop, bad, timedelta(days=5))["failures"] == 1
    assert (shop.order(bad["orderId"])["status"], shop.order(bad["orderId"])["nextCheckAt"]) == ("expired", None)


def test_a_provider_that_is_down_ends_the_sweep_and_expires_nothing(shop: Shop) -> None:
    made = [opened(shop) for _ in range(5)]
    shop.fault(api={"status": 503})
    found = sweep_at(shop, made[-1], timedelta(hours=25))
    assert found == {"orders": sweeps.MAX_UNAVAILABLE, "failures": sweeps.MAX_UNAVAILABLE}
    assert {order["status"] for order in shop.all("orders")} == {"created"}
    shop.fault(webhooks={"off": True})
    assert sweep_at(shop, made[-1], timedelta(hours=26))["expired"] == 5


def test_more_orders_than_a_batch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "BATCH", 2)
    made = [opened(shop) for _ in range(5)]
    assert sweep_at(shop, made[-1], 10 * MINUTE) == {"orders": 5, "failures": 0, "pending": 5}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_commit_is_made_good_by_the_next_sweep(shop: Shop, moment: str) -> None:
    made = opened(shop)
    checkout = shop.pay(made["orderId"])
    due = shop.order(made["orderId"])["createdAt"] + 10 * MINUTE
    with pytest.raises(Crash):
        sweeps.sweep(crashing(shop.ctx, moment), {}, due)
    sweeps.sweep(shop.ctx, {}, due)
    shop.check_credited_once(made, checkout)


def test_an_order_put_off_beside_its_payment_is_let_go(shop: Shop) -> None:
    made = opened(shop)
    checkout = shop.pay(made["orderId"])
    shop.verify(checkout)
    created = shop.order(made["orderId"])["createdAt"]
    shop.ctx.db.set(("orders", made["orderId"]), {"nextCheckAt": created}, merge=True)
    assert sweep_at(shop, made, MINUTE) == {"orders": 1, "failures": 0, "repeat": 1}
    shop.check_credited_once(made, checkout)


def test_instances_that_do_not_see_each_other_credit_once(shop: Shop) -> None:
    """Without the line of `turns`, which is one a process: the documents alone decide."""
    made = opened(shop)
    checkout = shop.pay(made["orderId"])
    payment = gateway(shop.ctx.settings).fetch_payment(checkout.payment_id)
    now = shop.order(made["orderId"])["createdAt"]
    outcomes = at_once(6, lambda _: shop.ctx.run(lambda tx: service.capture(tx, payment, now=now)))
    assert sorted(str(outcome) for outcome in outcomes) == ["credited"] + ["repeat"] * 5
    shop.check_credited_once(made, checkout)
