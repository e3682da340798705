"""POST /api/payments/webhook: in any order, repeated, late, at once with the browser, forged."""

import json
from datetime import timedelta
from typing import Any

import pytest
import requests

from konnect import clock
from konnect.errors import Unavailable
from konnect.integrations.razorpay.webhook import read
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.payments import sweeps, tasks, webhook
from konnect.store import Doc
from konnect.tasks import Task
from tests.support import START, at_once, kept_tasks, movements, sum_of_all_legs

from .api import error_code
from .conftest import OWNER, Crash, Shop, crashing, with_scheduler


def payment(made: Doc, payment_id: str = "pay_second", **changed: Any) -> Doc:
    """A payment as Razorpay describes one."""
    return {
        "id": payment_id,
        "entity": "payment",
        "order_id": made["orderId"],
        "amount": made["amountPaise"],
        "currency": "INR",
        "status": "captured",
        "captured": True,
        **changed,
    }


def test_webhooks_alone_credit_once(shop: Shop) -> None:
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    shop.check_credited_once(made, checkout)
    assert shop.outcomes(made["orderId"]) == ["credited", "pending", "repeat"]


def test_then_the_browser(shop: Shop) -> None:
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    assert shop.verify(checkout).json()["balance"] == 500
    shop.check_credited_once(made, checkout)


def test_the_browser_first(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    shop.verify(checkout)
    assert shop.redeliver(order_id=made["orderId"], reverse=True) == [200, 200, 200]
    shop.check_credited_once(made, checkout)


def test_the_same_webhook_twenty_times_at_once(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    assert shop.redeliver(order_id=made["orderId"], event="payment.captured", times=20) == [200] * 20
    shop.check_credited_once(made, checkout)
    assert shop.outcomes(made["orderId"]) == ["credited"]


def test_browser_and_webhooks_all_at_once(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])

    def report(index: int) -> int:
        if index % 2:
            return shop.verify(checkout).status_code
        statuses = shop.redeliver(order_id=made["orderId"])
        return 200 if set(statuses) == {200} else max(statuses)

    assert at_once(10, report) == [200] * 10
    shop.check_credited_once(made, checkout)


def test_events_reversed_and_duplicated(shop: Shop) -> None:
    shop.fault(webhooks={"reorder": True, "duplicate": 3})
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    shop.check_credited_once(made, checkout)


def test_a_copy_under_another_event_id_credits_nothing_more(shop: Shop) -> None:
    # The event's id is in a header that no signature covers.
    made = shop.deposit()
    for _ in range(3):
        assert shop.event("payment.captured", {"payment": payment(made)}).status_code == 200
    assert shop.event("payment.captured", {"payment": payment(made)}, event_id="").status_code == 200
    assert shop.balance_paise == made["amountPaise"]
    assert len(movements(shop.ctx)) == 1


def test_a_second_payment_of_one_order_is_credited_too(shop: Shop) -> None:
    made = shop.deposit()
    shop.pay(made["orderId"])
    answers = at_once(5, lambda _: shop.event("payment.captured", {"payment": payment(made)}).status_code)
    assert answers == [200] * 5
    assert shop.balance_paise == 2 * made["amountPaise"]
    assert sorted(t["status"] for t in shop.all("transactions")) == ["completed", "completed"]
    shop.check_sums()


@pytest.mark.parametrize("changed", [{"amount": 50001}, {"amount": 100}, {"currency": "USD"}])
def test_another_amount_or_currency_than_ordered_is_not_credited(shop: Shop, changed: Doc) -> None:
    made = shop.deposit()
    response = shop.event("payment.captured", {"payment": payment(made, **changed)})
    assert (response.status_code, response.json()) == (200, {"outcome": "mismatch"})
    assert movements(shop.ctx) == []
    assert shop.order(made["orderId"])["status"] == "created"


@pytest.mark.parametrize("signature", ["", "0" * 64, "\xe9\xff"])
def test_a_forged_webhook_changes_nothing(shop: Shop, signature: str) -> None:
    made = shop.deposit()
    raw = json.dumps({"event": "payment.captured", "payload": {"payment": {"entity": payment(made)}}})
    headers: dict[str, str | bytes] = {"X-Razorpay-Signature": signature.encode("latin-1"), "x-razorpay-event-id": "e"}
    response = requests.post(shop.api.url + "/api/payments/webhook", data=raw, headers=headers, timeout=60)
    assert (response.status_code, error_code(response)) == (400, "INVALID_SIGNATURE")
    assert movements(shop.ctx) == shop.all("externalEvents") == []


def test_a_body_changed_on_its_way_is_refused_and_its_sound_retry_credits(shop: Shop) -> None:
    shop.fault(webhooks={"corrupt": 1})
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    shop.check_credited_once(made, checkout)


def test_failed_then_paid(shop: Shop) -> None:
    made = shop.deposit()
    failed = shop.pay(made["orderId"], "failed")
    order = shop.order(made["orderId"])
    assert (order["status"], order["lastFailure"]["paymentId"]) == ("created", failed.payment_id)
    assert order["lastFailure"]["description"]
    assert shop.transaction(made["transactionId"])["status"] == "pending"
    checkout = shop.pay(made["orderId"])
    shop.check_credited_once(made, checkout)
    # The failure's news once more, after the payment: nothing moves backward.
    assert shop.event("payment.failed", {"payment": payment(made, failed.payment_id, status="failed")}).ok
    shop.check_credited_once(made, checkout)


def test_one_payment_that_failed_first_and_succeeded_late(shop: Shop) -> None:
    made = shop.deposit()
    failed = shop.pay(made["orderId"], "failed")
    checkout = shop.pay(made["orderId"], payment_id=failed.payment_id)
    assert checkout.payment_id == failed.payment_id
    shop.check_credited_once(made, checkout)


def test_news_of_a_payment_after_the_order_was_given_up_still_credits(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit()
    sweeps.sweep(shop.ctx, {}, shop.order(made["orderId"])["expiresAt"])
    assert shop.transaction(made["transactionId"])["status"] == "failed"
    checkout = shop.pay(made["orderId"])
    assert shop.redeliver(order_id=made["orderId"], times=2) == [200] * 6
    shop.check_credited_once(made, checkout)
    shown = shop.owner.get(f"/api/wallet/transactions/{made['transactionId']}").json()
    assert (shown["status"], shown["failureReason"]) == ("completed", None)


@pytest.mark.parametrize("order_id", ["order_ofAnotherSystem", None, "", "a/b"])
def test_a_payment_of_no_order_of_ours_is_recorded_and_answered(shop: Shop, order_id: str | None) -> None:
    entity = {**payment({"orderId": order_id, "amountPaise": 100})}
    for name in ("payment.captured", "payment.failed", "refund.processed"):
        refund = {"id": "rfnd_1", "payment_id": "pay_1", "amount": 100, "status": "processed"}
        response = shop.event(name, {"payment": entity, "refund": refund})
        assert (response.status_code, response.json()) == (200, {"outcome": "unknown_order"})
    assert len(shop.all("externalEvents")) == 3
    assert movements(shop.ctx) == []


@pytest.mark.parametrize(
    "body",
    [
        {"event": "subscription.charged", "payload": {}},
        {"event": "payment.captured", "payload": {"payment": {"entity": {"id": "pay_1"}}}},
        {"event": "payment.captured", "payload": {"payment": {}}},
        {"event": "payment.captured", "payload": []},
        {"event": "payment.captured"},
        {"event": "payment.downtime.started", "payload": {"payment.downtime": {"entity": {}}}},
        {},
        [],
        "text",
        None,
    ],
)
def test_what_is_signed_but_of_no_use_is_answered_200(shop: Shop, body: Any) -> None:
    response = shop.signed(body)
    assert (response.status_code, response.json()) == (200, {"outcome": "ignored"})
    assert [e["outcome"] for e in shop.all("externalEvents")] == ["ignored"]


def test_an_authorized_payment_is_collected_by_a_task(shop: Shop) -> None:
    made = shop.deposit()
    checkout = shop.pay(made["orderId"], "authorized")
    [payload] = shop.scheduled()
    assert payload == {"orderId": made["orderId"], "paymentId": checkout.payment_id}
    for _ in range(2):
        tasks.collect(shop.ctx, payload, clock.now())
    shop.drain()
    shop.check_credited_once(made, checkout)


def test_the_task_of_a_payment_of_another_system_does_nothing(shop: Shop) -> None:
    tasks.collect(shop.ctx, {"orderId": "order_other", "paymentId": "pay_other"}, clock.now())
    assert movements(shop.ctx) == []


def test_a_task_that_could_not_be_created_is_created_by_the_next_delivery(shop: Shop) -> None:
    class Down:
        def create(self, task: Task) -> None:
            raise Unavailable

    shop.no_webhooks()
    made = shop.deposit()
    authorized = {"payment": payment(made, status="authorized", captured=False)}
    event = read(json.dumps({"event": "payment.authorized", "payload": _wrapped(authorized)}).encode(), "evt_1")
    with pytest.raises(Unavailable):
        webhook.handle(with_scheduler(shop.ctx, Down()), event, START)
    assert webhook.handle(shop.ctx, event, START) == "repeat"
    assert len(shop.scheduled()) == 1
    [task] = kept_tasks(shop.ctx).keyed("collect")
    assert task.at == START + timedelta(seconds=webhook.COLLECT_AFTER_S)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_commit_is_made_good_by_the_next_delivery(shop: Shop, moment: str) -> None:
    made = shop.deposit()
    body = json.dumps({"event": "payment.captured", "payload": _wrapped({"payment": payment(made)})}).encode()
    event = read(body, "evt_1")
    with pytest.raises(Crash):
        webhook.handle(crashing(shop.ctx, moment), event, clock.now())
    assert len(shop.all("externalEvents")) == len(movements(shop.ctx)) == (1 if moment == "after" else 0)
    assert webhook.handle(shop.ctx, event, clock.now()) == ("repeat" if moment == "after" else "credited")
    assert shop.balance_paise == made["amountPaise"]
    shop.check_sums()


# Refunds


def test_a_refund_takes_the_deposit_out_of_the_wallet(shop: Shop) -> None:
    made = shop.deposit(500)
    checkout = shop.pay(made["orderId"])
    shop.refund(checkout.payment_id, 20000)
    assert shop.balance_paise == 30000
    shop.refund(checkout.payment_id)
    assert shop.balance_paise == 0
    shop.redeliver(payment_id=checkout.payment_id, times=3, reverse=True)
    assert shop.balance_paise == 0
    assert sum_of_all_legs(shop.ctx) == 0
    assert sorted(shop.payment(checkout.payment_id)["refunds"].values()) == [20000, 30000]
    returned = [t for t in shop.all("transactions") if t["type"] == "withdraw"]
    assert sorted(t["amountPaise"] for t in returned) == [20000, 30000]


def test_a_refund_heard_of_before_its_payment(shop: Shop) -> None:
    shop.no_webhooks()
    made = shop.deposit(500)
    checkout = shop.pay(made["orderId"])
    shop.refund(checkout.payment_id)
    shop.redeliver(order_id=made["orderId"], reverse=True, concurrent=False)
    assert shop.balance_paise == 0
    assert len(movements(shop.ctx)) == 2
    assert shop.verify(checkout).json()["status"] == "completed"
    assert shop.balance_paise == 0
    shop.check_sums()


def test_a_refund_of_money_that_is_spent_is_owed(shop: Shop) -> None:
    made = shop.deposit(500)
    checkout = shop.pay(made["orderId"])
    spent = Movement("spent", "test", (Leg(accounts.wallet(OWNER), -40000), Leg(accounts.PLATFORM_FEES, 40000)))
    shop.ctx.run(lambda tx: ledger.post(tx, spent, now=START))
    shop.refund(checkout.payment_id)
    assert shop.balance_paise == 0
    assert shop.ctx.db.get("receivables", OWNER) == {"balancePaise": -40000}
    shop.check_sums()


def test_one_refund_under_other_event_ids_counts_once(shop: Shop) -> None:
    made = shop.deposit(500)
    entities = {
        "payment": payment(made),
        "refund": {"id": "rfnd_1", "payment_id": "pay_second", "amount": 10000, "status": "processed"},
    }
    for event_id in ("a", "b", "c"):
        assert shop.event("refund.processed", entities, event_id=event_id).status_code == 200
    assert shop.balance_paise == 40000
    shop.check_sums()


def test_a_dispute_is_told_to_a_person_and_books_nothing(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    made = shop.deposit()
    checkout = shop.pay(made["orderId"])
    before, event_id = movements(shop.ctx), "disputed"
    dispute = {"id": "disp_1", "entity": "dispute", "payment_id": checkout.payment_id, "status": "open"}
    entities = {"payment": payment(made, checkout.payment_id), "dispute": dispute}
    for _ in range(2):
        assert shop.event("payment.dispute.created", entities, event_id=event_id).status_code == 200
    assert [one.levelname for one in caplog.records if one.message == "payment disputed"] == ["ERROR"]
    assert movements(shop.ctx) == before


def _wrapped(entities: dict[str, Any]) -> dict[str, Any]:
    return {kind: {"entity": entity} for kind, entity in entities.items()}
