"""Refunds of ours and of Stripe's dashboard that cross: what one has paid, the other must not, nor must it be lost."""

from datetime import timedelta

import pytest

from konnect import ids
from konnect.admin import console
from konnect.auth import Principal
from konnect.deletion import service as deletion
from konnect.errors import Conflict
from konnect.ledger import accounts
from konnect.payments import refunds, stripe_tasks
from konnect.store import Doc
from tests.course_sales.test_failed_refunds import follow, give_back, in_dashboard
from tests.course_sales.test_refunds import refund_of
from tests.course_sales.till import LEARNER, PRICE, Till
from tests.payments.conftest import Crash, crashing
from tests.support import START, at_once, give

WHOLE = PRICE * 100


def sent(till: Till, sold: Doc, *, outcome: str = "pending") -> Doc:
    """A refund of ours that Stripe has, as we know it."""
    till.fault(refunds=outcome)
    refund_of(till, sold["id"])
    till.send_refunds()
    [refund] = till.all("gatewayRefunds")
    till.fault(refunds="succeeded")
    return refund


def test_the_bank_refuses_ours_and_somebody_is_faster(till: Till):
    """Before we have heard of the refusal: the one in the dashboard is ours then."""
    sold = till.bought(till.course())
    ours = sent(till, sold)
    assert ours["status"] == "processing"
    till.fault(webhooks="off")
    give_back(till, ours["providerId"])
    in_dashboard(till, sold)
    follow(till, sold)
    [refund] = till.all("gatewayRefunds")
    assert (refund["status"], till.sums()) == ("processed", {})
    till.check()


def test_the_bank_refuses_ours_and_a_part_is_paid_in_the_dashboard(till: Till):
    sold = till.bought(till.course())
    ours = sent(till, sold)
    till.fault(webhooks="off")
    give_back(till, ours["providerId"])
    in_dashboard(till, sold, amount=400_00)
    follow(till, sold)
    till.send_refunds()
    [refund] = till.all("gatewayRefunds")
    assert (refund["status"], refund["amountPaise"], till.sums()) == ("processed", 600_00, {})
    till.check()


@pytest.mark.parametrize("late", [False, True])
def test_what_is_stuck_is_paid_by_hand_while_ours_is_on_its_way(till: Till, late: bool):
    """Ours has been asked for, and we died before the answer; `late`: it reaches Stripe last."""
    sold = till.bought(till.course())
    part = in_dashboard(till, sold, amount=400_00)
    follow(till, sold)
    refund_of(till, sold["id"])
    [ours] = till.all("gatewayRefunds")
    till.fault(webhooks="off")
    give_back(till, part)
    stripe_tasks.follow(till.ctx, {"paymentId": sold["paymentId"]}, START + timedelta(minutes=5))
    with pytest.raises(Crash):
        refunds.advance(crashing(till.ctx, "after"), ours["id"], now=START)

    def ask() -> None:
        till.gateway.refund(
            payment_id=sold["paymentId"],
            amount_paise=600_00,
            reference=ours["id"],
            idempotency_key=ids.digest("refund", ours["id"], 1),
        )

    if not late:
        ask()
    in_dashboard(till, sold, amount=400_00)
    follow(till, sold)
    if late:
        ask()
        follow(till, sold)
    till.send_refunds()
    assert {one["id"]: (one["status"], one["heldPaise"]) for one in till.all("gatewayRefunds")} == {
        ours["id"]: ("processed", 0),
        part: ("processed", 0),
    }
    assert accounts.PLATFORM_ADJUSTMENTS not in till.sums()
    assert till.sums() == {}
    till.check()


def test_a_bank_takes_back_what_ours_was_to_give(till: Till):
    """The payer has won a dispute, and only then the refund fails: nobody asks for it again for ever."""
    sold = till.bought(till.course())
    ours = sent(till, sold)
    dispute = till.act(f"payments/{sold['paymentId']}/dispute")
    till.act(f"disputes/{dispute['id']}", {"status": "lost"})
    follow(till, sold)
    give_back(till, ours["providerId"], reason="charge_for_pending_refund_disputed")
    follow(till, sold)
    till.send_refunds()
    [refund] = till.all("gatewayRefunds")
    assert (refund["status"], till.sums()) == ("processed", {})
    till.check()


def test_nothing_goes_to_a_wallet_whose_owner_is_about_to_be_gone(till: Till):
    """From the request on: the account may be erased only minutes later."""
    course = till.course()
    give(till.ctx, LEARNER, WHOLE)
    by_wallet = till.by_wallet(course)["purchaseId"]
    sold = till.bought(till.course(title="Another"))
    stuck = in_dashboard(till, sold)
    give_back(till, stuck)
    follow(till, sold)
    asked_by = Principal(LEARNER, None, True, None, "user", START + timedelta(hours=1), auth_time=START)
    deletion.request(till.ctx, asked_by, now=START)
    for refund in (
        lambda: refund_of(till, by_wallet),
        lambda: console.settle_refund(till.ctx, {"refundId": stuck, "way": "wallet"}, START),
    ):
        with pytest.raises(Conflict) as refused:
            refund()
        assert refused.value.code == "ACCOUNT_DELETED"


def test_one_too_many_comes_back(till: Till):
    """Paid by the bank, and in the dashboard beside; the latter fails as the first did: nobody is owed it."""
    sold = till.bought(till.course())
    first = in_dashboard(till, sold)
    give_back(till, first)
    follow(till, sold)
    console.settle_refund(till.ctx, {"refundId": first, "way": "bank", "reference": "UTR1"}, START)
    second = in_dashboard(till, sold)
    follow(till, sold)
    assert till.sums() == {"gateway:bank": WHOLE, accounts.PLATFORM_ADJUSTMENTS: -WHOLE}
    till.check()
    give_back(till, second)
    follow(till, sold)
    till.send_refunds()
    assert till.sums() == {"gateway:stripe": -WHOLE, "gateway:bank": WHOLE}
    assert {one["status"] for one in till.all("gatewayRefunds")} == {"processed"}
    till.check()


def test_paid_by_the_bank_and_in_the_dashboard_at_once(till: Till):
    """Two people, twice the money: the books say who has it, whichever came first."""
    sold = till.bought(till.course())
    first = in_dashboard(till, sold)
    give_back(till, first)
    follow(till, sold)
    in_dashboard(till, sold)
    payload = {"refundId": first, "way": "bank", "reference": "UTR1"}
    work = (lambda: console.settle_refund(till.ctx, payload, START), lambda: follow(till, sold))
    failed = [one for one in at_once(8, lambda index: work[index % 2]()) if isinstance(one, Exception)]
    assert all(isinstance(one, Conflict) for one in failed), failed
    follow(till, sold)
    till.send_refunds()
    [refund] = till.all("gatewayRefunds")
    twice = {"gateway:bank": WHOLE, accounts.PLATFORM_ADJUSTMENTS: -WHOLE}
    assert (refund["status"], till.sums()) == ("processed", twice if "settledTo" in refund else {})
    till.check()
