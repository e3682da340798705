"""The sweep: what no task has sent, what no webhook has told, what came back without a word."""

from datetime import timedelta

import pytest

from konnect.payouts import sweeps
from tests.payments.conftest import Crash, crashing

from .conftest import Till

TEN = timedelta(minutes=10, seconds=30)


def silent(till: Till, outcome: str = "processed") -> str:
    """A payout at the provider, of which nobody tells."""
    till.fault(payouts={"outcome": outcome}, webhooks={"off": True})
    payout_id = till.withdraw(100)
    till.send(payout_id)
    return payout_id


@pytest.mark.parametrize(("outcome", "status", "left"), [("processed", "paid", 900), ("failed", "failed", 1000)])
def test_what_nobody_told(till: Till, outcome: str, status: str, left: int) -> None:
    till.details()
    payout_id = silent(till, outcome)
    assert till.sweep(timedelta(minutes=9)) == {"payouts": 0, "failures": 0}
    assert till.sweep(TEN) == {"payouts": 1, "failures": 0, status: 1}
    till.check(payout_id, status, left_paise=left * 100, rupees=100)
    assert till.sweep(TEN) == {"payouts": 0, "failures": 0}
    # All the events, late.
    till.tell_again(payout_id, times=2)
    till.check(payout_id, status, left_paise=left * 100, rupees=100)


def test_what_no_task_sent(till: Till) -> None:
    till.details()
    till.fault(webhooks={"off": True})
    payout_id = till.withdraw(100)
    assert till.sweep(TEN)["waits"] == 1
    till.sweep(timedelta(hours=1))
    till.check(payout_id, "paid", left_paise=900_00, rupees=100)
    till.check_paid_once(payout_id)


def test_one_that_waits_is_looked_at_ever_more_seldom(till: Till) -> None:
    till.withdraw(100)
    looks = [minutes for minutes in range(1, 200, 5) if till.sweep(timedelta(minutes=minutes))["payouts"]]
    assert looks == [11, 26, 56, 116]
    assert till.told() == ["payout_details_needed"]


def test_money_that_came_back_without_a_word(till: Till) -> None:
    till.details()
    payout_id = silent(till)
    till.sweep(TEN)
    till.check(payout_id, "paid", left_paise=900_00, rupees=100)
    assert till.sweep(timedelta(hours=23))["payouts"] == 0
    assert till.sweep(timedelta(days=1, hours=1))["repeat"] == 1
    till.move(payout_id, "reversed")
    assert till.sweep(timedelta(days=2))["payouts"] == 0
    assert till.sweep(timedelta(days=3, hours=1))["reversed"] == 1
    till.check(payout_id, "reversed", left_paise=1_000_00, rupees=100)
    assert till.sweep(timedelta(days=30))["payouts"] == 0


def test_a_paid_one_is_let_go(till: Till) -> None:
    till.details()
    payout_id = silent(till)
    till.sweep(TEN)
    for days in (1, 3, 7):
        assert till.sweep(timedelta(days=days, hours=1))["repeat"] == 1
    assert till.payout(payout_id)["nextCheckAt"] is None


def test_one_that_fails_does_not_stand_before_the_others(till: Till) -> None:
    till.details()
    bad, good = silent(till), silent(till)
    path = f"/v1/payouts/{till.provider_payout(bad)['id']}"
    till.fault(api={"status": 400, "path": path}, webhooks={"off": True})
    assert till.sweep(TEN) == {"payouts": 2, "failures": 1, "paid": 1}
    till.check(good, "paid", left_paise=800_00, rupees=100)
    assert till.payout(bad)["status"] == "processing"
    assert till.sweep(TEN)["payouts"] == 0


def test_a_provider_that_is_down_ends_the_sweep_and_returns_nothing(till: Till) -> None:
    till.details()
    made = [silent(till) for _ in range(5)]
    till.fault(api={"status": 503})
    assert till.sweep(TEN) == {"payouts": sweeps.MAX_UNAVAILABLE, "failures": sweeps.MAX_UNAVAILABLE}
    assert {till.payout(payout_id)["status"] for payout_id in made} == {"processing"}
    till.fault(webhooks={"off": True})
    till.sweep(timedelta(days=1))
    assert {till.payout(payout_id)["status"] for payout_id in made} == {"paid"}
    till.check_books()


def test_more_than_a_batch(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "BATCH", 2)
    till.details()
    for _ in range(5):
        silent(till)
    assert till.sweep(TEN) == {"payouts": 5, "failures": 0, "paid": 5}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_commit(till: Till, moment: str) -> None:
    till.details()
    payout_id = silent(till)
    due = till.payout(payout_id)["nextCheckAt"]
    with pytest.raises(Crash):
        sweeps.sweep(crashing(till.ctx, moment), {}, due, clock=lambda: due)
    till.sweep(TEN)
    till.check(payout_id, "paid", left_paise=900_00, rupees=100)


def test_one_that_is_wrong_in_a_way_nobody_thought_of(till: Till) -> None:
    """It is told of, and keeps nobody else waiting."""
    till.details()
    payout_id = silent(till)
    long_ago = till.payout(payout_id)["nextCheckAt"] - timedelta(days=1)
    till.ctx.db.set(("payouts", "wrong"), {"nextCheckAt": long_ago})
    found = till.sweep(TEN)
    assert (found["payouts"], found["failures"], found["paid"]) == (2, 1, 1)
    till.ctx.db.delete("payouts", "wrong")
    till.check(payout_id, "paid", left_paise=900_00, rupees=100)
