"""Asking RazorpayX to pay: once, whatever it answers, and never the money back while it may still pay."""

import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.errors import Unavailable
from konnect.integrations.razorpay.payouts import payout_gateway
from konnect.payouts import policy, sending, service, tasks
from konnect.store import Doc
from local.person import wait_until
from local.sandboxes.razorpay.server import ACCOUNT_NUMBER
from tests.payments.conftest import Crash, crashing
from tests.support import at_once

from .conftest import UID, UPI, Till

QUIET = policy.SETTLES_AFTER + timedelta(minutes=1)


def attempt(till: Till, payout_id: str, after: timedelta = timedelta(0)) -> Any:
    return sending.send(till.ctx, payout_gateway(till.ctx.settings), payout_id, now=clock.now() + after)


def refusing(till: Till, status: int = 400, **more: Any) -> None:
    """The provider refuses new payouts; everything else works."""
    till.fault(api={"status": status, "path": "/v1/payouts", "method": "POST", **more})


def unanswered(till: Till, api: Doc | None = None, **fault: Any) -> None:
    """The provider takes one new payout and does not answer, as long as this fault is set."""
    waits = {"timeout_ms": 600_000, "path": "/v1/payouts", "method": "POST", "times": 1}
    till.fault(api={**waits, **(api or {})}, **fault)


def give_up(till: Till, payout_id: str) -> None:
    """An attempt that does not wait for its answer. Only this one is in a hurry: the others may be slow."""
    hasty = till.ctx.settings.model_copy(update={"razorpay_timeout_s": 0.3})
    with pytest.raises(Unavailable):
        sending.send(till.ctx, payout_gateway(hasty), payout_id, now=clock.now())


def test_paid(till: Till) -> None:
    till.details()
    payout_id = till.sent()
    payout = till.check(payout_id, "paid", left_paise=600_00)
    there = till.provider_payout(payout_id)
    assert {name: there[name] for name in ("amount", "mode", "purpose", "narration", "reference_id")} == {
        "amount": 400_00,
        "mode": "IMPS",
        "purpose": "payout",
        "narration": "Konnect earnings",
        "reference_id": payout_id,
    }
    assert (payout["providerId"], payout["utr"], payout["reference"]) == (there["id"], there["utr"], there["utr"])
    assert (payout["settledBy"], payout["nextCheckAt"] - payout["settledAt"]) == ("provider", timedelta(days=1))
    assert till.told() == ["payout_details_changed", "payout_processed"]
    [told] = [n for n in till.all("notifications") if n["type"] == "payout_processed"]
    assert "email" in told["channels"]
    assert (told["data"]["account"], told["data"]["amount"]) == ("HDFC Bank ••••6789", 400)
    till.check_paid_once(payout_id)
    # Whatever comes again finds nothing to do.
    till.send(payout_id)
    till.check_paid_once(payout_id)


@pytest.mark.parametrize("outcome", ["processing", "pending", "queued"])
def test_open_until_the_provider_says_more(till: Till, outcome: str) -> None:
    till.details()
    payout_id = till.sent(outcome=outcome)
    payout = till.check(payout_id, "processing", left_paise=600_00)
    assert payout["providerStatus"] in {outcome, "processing"}
    till.send(payout_id)
    till.sweep(timedelta(hours=7))
    till.check(payout_id, "processing", left_paise=600_00)
    assert till.told() == ["payout_details_changed"]
    if outcome != "processing":
        till.move(payout_id, "processing")
    till.move(payout_id, "processed")
    till.check(payout_id, "paid", left_paise=600_00)
    till.check_paid_once(payout_id)


@pytest.mark.parametrize("outcome", ["failed", "reversed"])
def test_failed_returns_the_money(till: Till, outcome: str) -> None:
    till.details()
    payout_id = till.sent(outcome=outcome)
    payout = till.check(payout_id, "failed", left_paise=1_000_00)
    assert payout["reason"] == till.shown(payout_id)[1] == till.provider_payout(payout_id)["failure_reason"]
    assert till.told() == ["payout_details_changed", "payout_failed"]
    # The way out: withdraw it again.
    again = till.sent(outcome="processed")
    till.check(again, "paid", left_paise=600_00)


@pytest.mark.parametrize(("first", "then"), [("queued", "cancelled"), ("pending", "rejected"), ("queued", "failed")])
def test_cancelled_and_rejected_return_it_too(till: Till, first: str, then: str) -> None:
    till.details()
    payout_id = till.sent(outcome=first)
    till.move(payout_id, then)
    till.check(payout_id, "failed", left_paise=1_000_00)


def test_a_low_balance_only_delays(till: Till) -> None:
    till.details()
    whole = till._sandbox("GET", "/sandbox/balance")["balance"]
    till._sandbox("POST", "/sandbox/balance", {"amount": -whole})
    payout_id = till.sent()
    assert till.provider_payout(payout_id)["status"] == "queued"
    till.check(payout_id, "processing", left_paise=600_00)
    till._sandbox("POST", "/sandbox/balance", {"amount": 400_00})
    till.drain()
    till.check(payout_id, "paid", left_paise=600_00)
    assert till._sandbox("GET", "/sandbox/balance")["balance"] == 0


def test_refused_returns_the_money_and_says_why(till: Till) -> None:
    till.details()
    kept = till.ctx.db.get("users", UID, "private", "payoutDetails")
    assert kept is not None
    till._sandbox("PATCH", f"/v1/fund_accounts/{kept['fundAccountId']}", {"active": False})
    payout_id = till.sent()
    till.check(payout_id, "failed", left_paise=1_000_00)
    assert "inactive fund account" in str(till.shown(payout_id)[1])
    assert till.told() == ["payout_details_changed", "payout_failed"]
    assert till.provider_payouts(payout_id) == []


@pytest.mark.parametrize("status", [401, 403])
def test_our_own_keys_refused_is_nobodys_failure(till: Till, status: int) -> None:
    till.details()
    payout_id = till.withdraw()
    refusing(till, status)
    till.send(payout_id)
    till.check(payout_id, "processing", left_paise=600_00)
    till.fault(webhooks={"off": True})
    assert till.sweep(timedelta(minutes=11)) == {"payouts": 1, "failures": 0, "waits": 1}
    till.sweep(timedelta(hours=1))
    till.check(payout_id, "paid", left_paise=600_00)
    till.check_paid_once(payout_id)


# Outcomes unknown


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408, 409])
@pytest.mark.parametrize("applied", [True, False])
def test_an_answer_that_says_nothing_is_asked_about_never_paid_twice(till: Till, status: int, applied: bool) -> None:
    till.details()
    payout_id = till.withdraw()
    till.fault(
        api={"status": status, "path": "/v1/payouts", "method": "POST", "times": 1, "applied": applied},
        webhooks={"off": True},
    )
    with pytest.raises(Unavailable):
        till.send(payout_id)
    till.check(payout_id, "processing", left_paise=600_00)
    till.send(payout_id)
    till.sweep(timedelta(minutes=20))
    till.check(payout_id, "paid", left_paise=600_00)
    till.check_paid_once(payout_id)


@pytest.mark.parametrize("applied", [True, False])
def test_a_time_out(till: Till, applied: bool) -> None:
    till.details()
    payout_id = till.withdraw()
    unanswered(till, {"applied": applied, "status": 504})
    give_up(till, payout_id)
    till.send(payout_id)
    till.drain()
    till.check(payout_id, "paid", left_paise=600_00)
    till.check_paid_once(payout_id)


def test_a_request_that_arrives_after_it_was_given_up(till: Till) -> None:
    """The first attempt is under way at the provider while the second finds nothing, and is refused."""
    till.details()
    payout_id = till.withdraw()
    this = {"notes": {"uid": UID}, "webhooks": {"off": True}}
    unanswered(till, **this)
    give_up(till, payout_id)
    refusing(till, 400, times=1)
    with pytest.raises(Unavailable):
        till.send(payout_id)
    # Nothing went back: the first one may still come. It does.
    till.check(payout_id, "processing", left_paise=600_00)
    till.fault(**this)
    wait_until("the request that was given up", lambda: till.provider_payouts(payout_id), 60)
    till.send(payout_id)
    till.sweep(timedelta(minutes=11))
    till.check(payout_id, "paid", left_paise=600_00)
    till.check_paid_once(payout_id)


def test_a_provider_that_is_down_keeps_the_money_held(till: Till) -> None:
    till.details()
    payout_id = till.withdraw()
    till.fault(api={"status": 503})
    for after in range(0, 240, 20):
        with pytest.raises(Unavailable):
            attempt(till, payout_id, timedelta(minutes=after))
    till.fault(webhooks={"off": True})
    till.check(payout_id, "processing", left_paise=600_00)
    attempt(till, payout_id, timedelta(hours=5))
    assert len(till.provider_payouts(payout_id)) == 1


def test_refused_after_an_unknown_attempt_waits_until_nothing_can_arrive(till: Till) -> None:
    till.details()
    payout_id = till.withdraw()
    refusing(till, 500, times=1)
    with pytest.raises(Unavailable):
        till.send(payout_id)
    refusing(till, 400)
    for after in (timedelta(0), timedelta(minutes=5), timedelta(minutes=14)):
        with pytest.raises(Unavailable):
            attempt(till, payout_id, after)
        till.check(payout_id, "processing", left_paise=600_00)
    assert attempt(till, payout_id, QUIET) == "failed"
    till.check(payout_id, "failed", left_paise=1_000_00)


def test_a_look_up_that_fails_proves_nothing(till: Till) -> None:
    till.details()
    payout_id = till.withdraw()
    lost = {"path": "/v1/payouts", "method": "POST", "status": 500, "times": 1, "applied": True}
    till.fault(api=lost, webhooks={"off": True})
    with pytest.raises(Unavailable):
        till.send(payout_id)
    for status, after in ((503, timedelta(minutes=5)), (401, QUIET), (400, QUIET)):
        till.fault(api={"status": status, "path": "/v1/payouts", "method": "GET"})
        if status == 503:
            with pytest.raises(Unavailable):
                attempt(till, payout_id, after)
        else:
            assert attempt(till, payout_id, after) is None
        till.check(payout_id, "processing", left_paise=600_00)
    till.fault(webhooks={"off": True})
    attempt(till, payout_id, 2 * QUIET)
    till.sweep(timedelta(hours=1))
    till.check(payout_id, "paid", left_paise=600_00)
    till.check_paid_once(payout_id)


def test_no_connection(open_till: Callable[..., Till], till: Till) -> None:
    till.details()
    payout_id = till.withdraw()
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        away = till.ctx.settings.model_copy(
            update={"razorpay_url": f"http://127.0.0.1:{unheard.getsockname()[1]}", "razorpay_timeout_s": 0.5}
        )
        with pytest.raises(Unavailable):
            sending.send(till.ctx, payout_gateway(away), payout_id, now=clock.now())
    till.check(payout_id, "processing", left_paise=600_00)
    till.send(payout_id)
    till.drain()
    till.check_paid_once(payout_id)


# At once, and crashes


def test_twenty_at_once_are_one_payout(till: Till) -> None:
    till.details()
    payout_id = till.withdraw()
    answers = at_once(20, lambda _: till.send(payout_id))
    assert all(answer is None or isinstance(answer, Unavailable) for answer in answers), answers
    till.drain()
    till.send(payout_id)
    till.check(payout_id, "paid", left_paise=600_00)
    till.check_paid_once(payout_id)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_crash_at_each_commit(till: Till, moment: str, nth: int) -> None:
    """Of the claim, and of what the provider answered."""
    till.details()
    till.fault(webhooks={"off": True})
    payout_id = till.withdraw()
    with pytest.raises(Crash):
        tasks.send(crashing(till.ctx, moment, nth), {"payoutId": payout_id}, clock.now())
    if moment == "before" or nth == 1:
        # The claim of who has died stands in the way for a while only.
        later = timedelta(seconds=policy.LEASE_S + 1)
        attempt(till, payout_id, later)
    till.sweep(timedelta(hours=1))
    till.check(payout_id, "paid", left_paise=600_00)
    till.check_paid_once(payout_id)


def test_a_claim_stands_in_the_way_of_others(till: Till) -> None:
    till.details()
    payout_id = till.withdraw()
    now = clock.now()

    def claim(by: str, after: timedelta = timedelta(0)) -> service.Claim | None:
        return till.ctx.run(
            lambda tx: service.claim(
                tx, payout_id, account_number=ACCOUNT_NUMBER, narration="n", by=by, now=now + after
            )
        )

    first = claim("a")
    assert first is not None
    assert claim("a") == first
    with pytest.raises(Unavailable):
        claim("b")
    second = claim("b", timedelta(seconds=policy.LEASE_S + 1))
    assert second is not None
    assert second.request == first.request
    assert second.unknown_at == now
    # Who was away so long has no say any more.
    assert till.ctx.run(lambda tx: service.refused(tx, first, reason="no", now=now + QUIET))
    till.ctx.run(lambda tx: service.unknown(tx, first, now=now))
    till.ctx.run(lambda tx: service.not_asked(tx, first, now=now))
    payout = till.check(payout_id, "processing", left_paise=600_00)
    assert payout["attempt"]["by"] == "b"


# What has to wait


def waits_for(till: Till, payout_id: str) -> Doc:
    till.send(payout_id)
    till.send(payout_id)
    payout = till.check(payout_id, "pending", left_paise=600_00)
    assert till.provider_payouts(payout_id) == []
    return payout


def test_without_details_the_expert_is_asked_once(till: Till) -> None:
    payout = waits_for(till, till.withdraw())
    assert payout["waitingFor"] == "details"
    assert till.told() == ["payout_details_needed"]


def test_without_an_account_of_ours_it_waits_for_a_person(open_till: Callable[..., Till], till: Till) -> None:
    by_hand = open_till(razorpayx_account_number="")
    payout_id = by_hand.withdraw()
    by_hand.send(payout_id)
    assert by_hand.check(payout_id, "pending", left_paise=600_00)["waitingFor"] == "hand"
    assert by_hand.told() == []


def test_a_disabled_account_is_not_paid(till: Till) -> None:
    till.details()
    payout_id = till.withdraw()
    till.ctx.run(lambda tx: tx.update(("users", UID), {"disabled": True}))
    till.send(payout_id)
    assert till.payout(payout_id)["waitingFor"] == "account"
    assert till.provider_payouts(payout_id) == []
    till.ctx.run(lambda tx: tx.update(("users", UID), {"disabled": False}))
    till.fault(webhooks={"off": True})
    till.sweep(timedelta(minutes=11))
    till.sweep(timedelta(hours=1))
    till.check(payout_id, "paid", left_paise=600_00)


def test_more_than_upi_carries_waits_for_a_bank_account(till: Till) -> None:
    till.details(UPI)
    till.earn(2_00_000_00)
    payout_id = "large"
    till.ctx.run(
        lambda tx: service.open_new(
            tx, payout_id, kind="withdrawal", uid=UID, amount_paise=1_50_000_00, now=clock.now()
        )
    )
    till.send(payout_id)
    payout = till.payout(payout_id)
    assert (payout["status"], payout["waitingFor"], payout["destination"]) == ("pending", "bank", None)
    till.details()
    till.fault(webhooks={"off": True})
    till.send(payout_id)
    assert till.provider_payout(payout_id)["mode"] == "IMPS"


def test_a_task_of_no_payout_does_nothing(till: Till) -> None:
    for payout_id in ("none", "a/b", ""):
        tasks.send(till.ctx, {"payoutId": payout_id}, clock.now())
    assert till.all("payouts") == []
