"""RazorpayX's events: in any order, repeated, late, foreign, forged; and money that the bank returns days later."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from konnect import clock, ids
from konnect.integrations.razorpay.entities import Payout
from konnect.payouts import service
from konnect.store import Doc
from tests.payments.api import error_code
from tests.payments.conftest import Crash, crashing
from tests.payments.gateway import WEBHOOK_SECRET
from tests.support import at_once, movements

from .conftest import PAYOUT_SECRET, UID, Till


def held(till: Till, outcome: str = "processing") -> str:
    """A payout that the provider has, and of which no webhook has told."""
    till.details()
    till.fault(payouts={"outcome": outcome}, webhooks={"off": True})
    payout_id = till.withdraw()
    till.send(payout_id)
    return payout_id


def entity(till: Till, payout_id: str, status: str, **changed: Any) -> Doc:
    """The provider's payout as an event would show it at `status`."""
    return {**till.provider_payout(payout_id), "status": status, **changed}


def test_returned_days_after_it_was_paid(till: Till) -> None:
    till.details()
    payout_id = till.sent()
    till.check(payout_id, "paid", left_paise=600_00)
    till.move(payout_id, "reversed")
    payout = till.check(payout_id, "reversed", left_paise=1_000_00)
    assert till.shown(payout_id) == ("failed", "The beneficiary bank has returned the money")
    assert payout["nextCheckAt"] is None
    assert till.told() == ["payout_details_changed", "payout_processed", "payout_reversed"]
    # All of it once more, in both orders, by webhook and by looking.
    for reverse in (False, True):
        assert set(till.tell_again(payout_id, times=3, reverse=reverse)) == {200}
    till.sweep(timedelta(days=2))
    till.check(payout_id, "reversed", left_paise=1_000_00)
    assert len([m for m in movements(till.ctx) if m["subject"].get("payout") == payout_id]) == 3
    # It can be withdrawn again.
    again = till.sent()
    till.check(again, "paid", left_paise=600_00)


@pytest.mark.parametrize("order", list(itertools.permutations(("processing", "processed", "reversed"))))
def test_reversed_in_any_order(till: Till, order: tuple[str, ...]) -> None:
    payout_id = held(till)
    for status in (*order, *order):
        assert till.event_of(entity(till, payout_id, status, utr="u1")).status_code == 200
    known = order.index("processed") < order.index("reversed")
    # Never heard of as paid, it simply failed.
    payout = till.check(payout_id, "reversed" if known else "failed", left_paise=1_000_00)
    assert payout["contradiction"] is None


@pytest.mark.parametrize("order", list(itertools.permutations(("queued", "processing", "processed"))))
def test_paid_in_any_order(till: Till, order: tuple[str, ...]) -> None:
    payout_id = held(till, "queued")
    for status in (*order, *reversed(order)):
        assert till.event_of(entity(till, payout_id, status)).status_code == 200
    till.check(payout_id, "paid", left_paise=600_00)


@pytest.mark.parametrize("status", ["processed", "failed", "reversed"])
def test_the_same_event_twenty_times_at_once(till: Till, status: str) -> None:
    payout_id = held(till)
    said = entity(till, payout_id, status)
    event_id = ids.new()
    answers = at_once(20, lambda index: till.event_of(said, event_id=event_id if index % 2 else None).status_code)
    assert set(answers) <= {200, 503}
    assert till.event_of(said).status_code == 200
    paid = status == "processed"
    till.check(payout_id, "paid" if paid else "failed", left_paise=600_00 if paid else 1_000_00)


def test_webhooks_the_task_and_the_sweep_at_once(till: Till) -> None:
    payout_id = held(till, "processed")
    reports = (
        lambda: till.tell_again(payout_id),
        lambda: till.send(payout_id),
        lambda: till.sweep(timedelta(minutes=11)),
    )
    at_once(9, lambda index: reports[index % 3]())
    till.sweep(timedelta(hours=2))
    till.check(payout_id, "paid", left_paise=600_00)
    till.check_paid_once(payout_id)


def test_a_webhook_before_the_answer_that_was_lost(till: Till) -> None:
    till.details()
    payout_id = till.withdraw()
    till.fault(api={"status": 504, "path": "/v1/payouts", "method": "POST", "times": 1, "applied": True})
    with pytest.raises(Exception, match="payment provider"):
        till.send(payout_id)
    till.drain()
    till.check(payout_id, "paid", left_paise=600_00)
    till.send(payout_id)
    till.check_paid_once(payout_id)


def test_an_update_that_comes_first_settles(till: Till) -> None:
    payout_id = held(till)
    response = till.event(
        "payout.updated", {"payout": entity(till, payout_id, "processed", utr="9")}, secret=PAYOUT_SECRET
    )
    assert response.json() == {"outcome": "paid"}
    assert till.check(payout_id, "paid", left_paise=600_00)["utr"] == "9"
    till.event("payout.updated", {"payout": entity(till, payout_id, "processed", utr="10")}, secret=PAYOUT_SECRET)
    assert till.payout(payout_id)["utr"] == "10"


@pytest.mark.parametrize("reference", ["order-of-another-system", None, "", "a/b", "x" * 200])
def test_of_another_system(till: Till, reference: str | None) -> None:
    said = {
        "id": "pout_other",
        "fund_account_id": "fa_other",
        "amount": 100,
        "currency": "INR",
        "status": "failed",
        "reference_id": reference,
    }
    response = till.event_of(said)
    assert (response.status_code, response.json()) == (200, {"outcome": "unknown_payout"})
    assert till.all("payouts") == []


@pytest.mark.parametrize(
    "changed", [{"amount": 40001}, {"amount": 1}, {"fund_account_id": "fa_x"}, {"currency": "USD"}, {"id": "pout_2"}]
)
@pytest.mark.parametrize("status", ["processed", "failed"])
def test_our_reference_on_what_we_have_not_asked_for(till: Till, changed: Doc, status: str) -> None:
    payout_id = held(till)
    response = till.event_of(entity(till, payout_id, status, **changed))
    assert (response.status_code, response.json()) == (200, {"outcome": "mismatch"})
    till.check(payout_id, "processing", left_paise=600_00)


def test_our_reference_on_one_that_was_never_sent(till: Till) -> None:
    payout_id = till.withdraw()
    said = {"id": "pout_1", "fund_account_id": "fa_1", "amount": 40000, "currency": "INR", "reference_id": payout_id}
    for status in ("processed", "failed"):
        assert till.event_of({**said, "status": status}).json() == {"outcome": "mismatch"}
    till.check(payout_id, "pending", left_paise=600_00)


def test_paid_after_all_is_for_a_person(till: Till) -> None:
    payout_id = held(till)
    assert till.event_of(entity(till, payout_id, "failed")).json() == {"outcome": "failed"}
    assert till.event_of(entity(till, payout_id, "processed")).json() == {"outcome": "contradiction"}
    payout = till.check(payout_id, "failed", left_paise=1_000_00)
    assert payout["contradiction"]["status"] == "processed"


def test_created_after_it_was_refused_is_for_a_person(till: Till) -> None:
    till.details()
    payout_id = till.withdraw()
    till.fault(api={"status": 400, "path": "/v1/payouts", "method": "POST"})
    till.send(payout_id)
    till.check(payout_id, "failed", left_paise=1_000_00)
    destination = till.payout(payout_id)["destination"]
    news = Payout("pout_1", destination["fundAccountId"], 40000, "INR", "processing", payout_id)
    now = clock.now()
    assert till.ctx.run(lambda tx: service.hear(tx, news, now=now)) == "contradiction"
    till.check(payout_id, "failed", left_paise=1_000_00)


@pytest.mark.parametrize("status", ["processed", "failed"])
def test_forged(till: Till, status: str) -> None:
    payout_id = held(till)
    # With no secret, another one, and that of payments.
    for secret in ("", "guess", WEBHOOK_SECRET):
        response = till.event_of(entity(till, payout_id, status), secret=secret)
        assert (response.status_code, error_code(response)) == (400, "INVALID_SIGNATURE")
    till.check(payout_id, "processing", left_paise=600_00)
    assert till.all("externalEvents") == []


def test_the_secret_of_payouts_says_nothing_of_payments(till: Till) -> None:
    paid = {"id": "pay_1", "order_id": "order_1", "amount": 100, "currency": "INR", "status": "captured"}
    assert till.event("payment.captured", {"payment": paid}, secret=PAYOUT_SECRET).status_code == 400
    assert till.event("payment.captured", {"payment": paid}, secret=WEBHOOK_SECRET).status_code == 200


def test_one_secret_for_both_if_there_is_no_other(open_till: Callable[..., Till]) -> None:
    till = open_till(razorpayx_webhook_secret="", razorpay_webhook_secret=PAYOUT_SECRET)
    till.details()
    payout_id = till.sent()
    till.check(payout_id, "paid", left_paise=600_00)


@pytest.mark.parametrize("payload", [{"payout": {"entity": {"id": "pout_1"}}}, {"payout": {}}, {"payout": []}, {}])
def test_what_can_not_be_read_is_ignored(till: Till, payload: Doc) -> None:
    response = till.signed({"event": "payout.processed", "payload": payload}, secret=PAYOUT_SECRET)
    assert (response.status_code, response.json()) == (200, {"outcome": "ignored"})


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_commit(till: Till, moment: str) -> None:
    payout_id = held(till)
    said = entity(till, payout_id, "failed")
    news, now = Payout.parse(said), clock.now()
    with pytest.raises(Crash):
        crashing(till.ctx, moment).run(lambda tx: service.hear(tx, news, now=now))
    assert till.event_of(said).json() == {"outcome": "repeat" if moment == "after" else "failed"}
    till.check(payout_id, "failed", left_paise=1_000_00)


def test_money_that_comes_back_for_a_deleted_account(till: Till) -> None:
    till.details()
    payout_id = till.sent()
    now = clock.now()
    till.ctx.run(lambda tx: tx.set(("users", UID), {"name": "Deleted user", "email": None, "deletedAt": now}))
    before = till.told()
    till.move(payout_id, "reversed")
    assert till.payout(payout_id)["status"] == "reversed"
    assert till.told() == before
    till.check_books()
