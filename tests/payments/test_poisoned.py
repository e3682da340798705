"""A document or an event that is wrong in a way nobody thought of: it is told of, and keeps nothing else waiting."""

from datetime import timedelta

import pytest

from konnect.payments import refunds, sweeps

from .conftest import OWNER, Shop
from .test_sweeps import MINUTE, opened


def told(caplog: pytest.LogCaptureFixture, message: str) -> list[str]:
    return [one.levelname for one in caplog.records if one.message == message]


def test_an_order(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    made = opened(shop)
    checkout = shop.pay(made["orderId"])
    due = shop.order(made["orderId"])["createdAt"] + 10 * MINUTE
    shop.ctx.db.set(("orders", "order_wrong"), {"nextCheckAt": due - timedelta(hours=1), "createdAt": due})
    found = sweeps.sweep(shop.ctx, {}, due)
    assert (found["orders"], found["failures"], found["credited"]) == (2, 1, 1)
    shop.check_credited_once(made, checkout)
    assert told(caplog, "order not reconciled") == ["ERROR"]
    # Not the first again at once.
    assert sweeps.sweep(shop.ctx, {}, due + MINUTE)["orders"] == 0
    shop.ctx.db.delete("orders", "order_wrong")


def test_an_order_at_its_last_look(shop: Shop) -> None:
    """It can't be given up either."""
    made = opened(shop)
    due = shop.order(made["orderId"])["createdAt"] + 10 * MINUTE
    long_ago = due - timedelta(days=30)
    wrong = {"nextCheckAt": long_ago, "createdAt": long_ago, "status": "created", "lastFailure": None, "purpose": {}}
    shop.ctx.db.set(("orders", "order_wrong"), wrong)
    for minutes in (0, 20):
        found = sweeps.sweep(shop.ctx, {}, due + minutes * MINUTE)
        assert (found["orders"], found["failures"]) == (2, 1)
    shop.ctx.db.delete("orders", "order_wrong")


def test_a_refund(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    made = opened(shop)
    checkout = shop.pay(made["orderId"])
    shop.verify(checkout)
    due = shop.order(made["orderId"])["createdAt"] + timedelta(hours=1)
    wrong = {"status": "pending", "paymentId": checkout.payment_id, "amountPaise": 1_00, "createdAt": due}
    for name, age in (("wrong", 2), ("worse", 1)):
        shop.ctx.db.set((refunds.COLLECTION, name), {**wrong, "nextCheckAt": due - age * MINUTE})
    assert refunds.sweep(shop.ctx, now=due) == {"refunds": 2, "refundFailures": 2}
    assert told(caplog, "refund not advanced") == ["ERROR", "ERROR"]
    assert refunds.sweep(shop.ctx, now=due + MINUTE)["refunds"] == 0
    assert shop.balance_paise == made["amountPaise"], OWNER
