"""Refunds of Stripe's dashboard that a bank gives back: the sale stays taken back, the money is its payer's."""

from typing import Any

import pytest

from konnect.admin import console
from konnect.context import Context
from konnect.course_sales import refund
from konnect.errors import Conflict, NotFound
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.payments import stripe_tasks
from konnect.store import Doc
from tests.course_sales.test_invoices import issued
from tests.course_sales.test_refunds import refund_of, spend
from tests.course_sales.till import EDUCATOR, LEARNER, PRICE, SHARES, Till
from tests.payments.conftest import Crash, crashing
from tests.support import START, at_once, wallet_of

WHOLE = PRICE * 100


def in_dashboard(till: Till, sold: Doc, **body: int) -> str:
    """Of which nobody has told us yet."""
    till.fault(webhooks="off")
    return str(till.act(f"payments/{sold['paymentId']}/refund", body)["id"])


def follow(till: Till, sold: Doc) -> None:
    """Twice, as webhooks come."""
    for _ in range(2):
        stripe_tasks.follow(till.ctx, {"paymentId": sold["paymentId"]}, START)


def give_back(till: Till, refund_id: str, **body: str) -> None:
    till.act(f"refunds/{refund_id}", {"outcome": "failed", **body})


def check_owed(till: Till, sold: Doc, course: Doc, refund_id: str) -> None:
    """Taken back, and owed to the learner, once."""
    assert (till.purchase(sold["id"])["status"], till.is_open(course)) == ("refunded", False)
    assert till.sums() == {"gateway:stripe": -WHOLE, f"refund:{refund_id}": WHOLE}
    assert till.kinds() == ["course.pay", "course.refund", "refund.failed"]
    [waiting] = till.all("gatewayRefunds")
    assert (waiting["id"], waiting["status"], waiting["heldPaise"]) == (refund_id, "stuck", WHOLE)
    assert (waiting["uid"], waiting["reason"], waiting["nextCheckAt"]) == (LEARNER, "refunded-at-provider", None)
    assert len(till.all(refund.COLLECTION)) == 1
    assert till.wallet(EDUCATOR) == 0
    till.check()


class TestInAnyOrder:
    def test_after_it_was_noted(self, till: Till, caplog: pytest.LogCaptureFixture):
        course = till.course()
        sold = till.bought(course)
        refund_id = in_dashboard(till, sold)
        follow(till, sold)
        assert till.sums() == {}
        give_back(till, refund_id)
        caplog.clear()
        follow(till, sold)
        check_owed(till, sold, course, refund_id)
        # What the alert waits for, once.
        told = [one for one in caplog.records if one.message == "a refund failed after it was processed"]
        assert [one.levelname for one in told] == ["ERROR"]

    def test_before_anything_was_heard_of_it(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        refund_id = in_dashboard(till, sold)
        give_back(till, refund_id)
        follow(till, sold)
        check_owed(till, sold, course, refund_id)

    def test_before_the_payment(self, till: Till):
        course = till.course()
        found = till.open(course)
        till.fault(webhooks="off")
        session = till.pay(found["sessionId"])
        refund_id = till.act(f"payments/{session['payment_intent']}/refund")["id"]
        give_back(till, refund_id)
        till.fault(webhooks="on")
        assert till.redeliver(refund_id, type="refund.failed") == [200]
        till.follow_all()
        assert till.redeliver(found["sessionId"], type="checkout.session.completed") == [200]
        check_owed(till, till.purchase(found["paymentId"]), course, refund_id)

    def test_webhooks_of_all_of_it_at_once_and_late(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        refund_id = in_dashboard(till, sold)
        give_back(till, refund_id)
        till.fault(webhooks="on")
        told = till.redeliver(sold["paymentId"], times=2)
        assert set(told) == {200}
        till.follow_all()
        till.redeliver(refund_id, times=3)
        till.follow_all()
        check_owed(till, sold, course, refund_id)

    @pytest.mark.parametrize("noted", [True, False])
    def test_twenty_at_once(self, till: Till, noted: bool):
        course = till.course()
        sold = till.bought(course)
        refund_id = in_dashboard(till, sold)
        if noted:
            follow(till, sold)
        give_back(till, refund_id)
        task = {"paymentId": sold["paymentId"]}
        at_once(20, lambda _: stripe_tasks.follow(till.ctx, task, START))
        follow(till, sold)
        check_owed(till, sold, course, refund_id)

    @pytest.mark.parametrize("moment", ["before", "after"])
    @pytest.mark.parametrize("noted", [True, False])
    def test_a_crash_around_the_commit(self, till: Till, moment: str, noted: bool):
        course = till.course()
        sold = till.bought(course)
        refund_id = in_dashboard(till, sold)
        if noted:
            follow(till, sold)
        give_back(till, refund_id)
        with pytest.raises(Crash):
            stripe_tasks.follow(crashing(till.ctx, moment), {"paymentId": sold["paymentId"]}, START)
        follow(till, sold)
        check_owed(till, sold, course, refund_id)


class TestWhatFollows:
    def test_it_is_paid_in_the_dashboard_again(self, till: Till):
        """With one credit note, whenever it is made."""
        course = till.course()
        sold = till.bought(course)
        refund_id = in_dashboard(till, sold)
        follow(till, sold)
        issued(till, sold["paymentId"])
        give_back(till, refund_id)
        follow(till, sold)
        in_dashboard(till, sold)
        follow(till, sold)
        assert till.sums() == {}
        assert till.all("gatewayRefunds")[0]["status"] == "processed"
        till.check()
        for _ in range(2):
            assert issued(till, sold["paymentId"])["status"] == "refunded"
        assert [one["amountPaise"] for one in till.all("invoices") if one["type"] == "credit_note"] == [WHOLE]

    def test_and_that_fails_too(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        for _ in range(2):
            last = in_dashboard(till, sold)
            follow(till, sold)
            give_back(till, last)
            follow(till, sold)
        [stuck] = till.all("gatewayRefunds")
        assert (stuck["status"], stuck["failedIds"][-1], stuck["heldPaise"]) == ("stuck", last, WHOLE)
        assert len(stuck["failedIds"]) == 2
        till.check()

    def test_what_the_educator_has_spent_stays_owed(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        spend(till, EDUCATOR, SHARES["educator"])
        refund_id = in_dashboard(till, sold)
        follow(till, sold)
        assert ledger.debt_of(till.ctx.db.get("receivables", EDUCATOR)) == SHARES["educator"]
        give_back(till, refund_id)
        follow(till, sold)
        assert ledger.debt_of(till.ctx.db.get("receivables", EDUCATOR)) == SHARES["educator"]
        assert till.sums()[accounts.refund(refund_id)] == WHOLE
        till.check()

    def test_a_part_then_all_of_it(self, till: Till):
        """What is owed of the part is paid first, then what is left of the sale goes back; one credit note each."""
        course = till.course()
        sold = till.bought(course)
        part = in_dashboard(till, sold, amount=300_00)
        follow(till, sold)
        issued(till, sold["paymentId"])
        give_back(till, part)
        follow(till, sold)
        kept = till.purchase(sold["id"])
        assert (kept["status"], kept["refundedPaise"], till.is_open(course)) == ("completed", 300_00, True)
        assert till.sums()[accounts.refund(part)] == 300_00
        till.check()
        whole = in_dashboard(till, sold)
        follow(till, sold)
        assert (till.sums(), till.is_open(course)) == ({}, False)
        till.check()
        assert issued(till, sold["paymentId"])["status"] == "refunded"
        notes = [one["amountPaise"] for one in till.all("invoices") if one["type"] == "credit_note"]
        assert sorted(notes) == [300_00, 700_00]
        # The second one comes back as well.
        give_back(till, whole)
        follow(till, sold)
        held = {one["id"]: one["heldPaise"] for one in till.all("gatewayRefunds")}
        assert held == {part: 0, whole: WHOLE}
        till.check()

    def test_the_rest_is_refunded_here_meanwhile(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        part = in_dashboard(till, sold, amount=300_00)
        follow(till, sold)
        give_back(till, part)
        follow(till, sold)
        assert refund_of(till, sold["id"])["amountPaise"] == 700_00
        assert set(till.send_refunds()) == {"stuck", "processed"}
        assert till.sums() == {"gateway:stripe": -300_00, accounts.refund(part): 300_00}
        till.check()

    def test_the_bank_takes_it_after_all(self, till: Till):
        """Its payer has disputed the payment, and won."""
        course = till.course()
        sold = till.bought(course)
        refund_id = in_dashboard(till, sold)
        follow(till, sold)
        give_back(till, refund_id)
        follow(till, sold)
        dispute = till.act(f"payments/{sold['paymentId']}/dispute")
        till.act(f"disputes/{dispute['id']}", {"status": "lost"})
        follow(till, sold)
        assert till.sums() == {}
        assert till.all("gatewayRefunds")[0]["status"] == "processed"
        till.check()


class TestSettled:
    """Paid in another way, as a person says."""

    @pytest.fixture
    def stuck(self, till: Till) -> Doc:
        sold = till.bought(till.course())
        refund_id = in_dashboard(till, sold)
        give_back(till, refund_id)
        follow(till, sold)
        return {**sold, "refundId": refund_id}

    def settle(self, till: Till, stuck: Doc, way: str = "bank", *, ctx: Context | None = None, **more: Any) -> Doc:
        payload = {"refundId": stuck["refundId"], "way": way, "reference": "UTR1", "by": "root", **more}
        return console.settle_refund(ctx or till.ctx, payload, START)

    def test_by_the_bank(self, till: Till, stuck: Doc):
        done = self.settle(till, stuck)
        assert (done["amount"], done["way"], done["reference"]) == (PRICE, "bank", "UTR1")
        assert till.sums() == {"gateway:stripe": -WHOLE, "gateway:bank": WHOLE}
        [kept] = till.all("gatewayRefunds")
        assert (kept["status"], kept["heldPaise"]) == ("processed", 0)
        assert [one["action"] for one in till.all("audit")] == ["refund.settle"]
        till.check()
        # Whatever Stripe says of it afterwards, and of its paper, which is made now.
        follow(till, stuck)
        assert self.settle(till, stuck) == done
        for _ in range(2):
            assert issued(till, stuck["paymentId"])["status"] == "refunded"
        assert [one["amountPaise"] for one in till.all("invoices") if one["type"] == "credit_note"] == [WHOLE]
        till.check()

    def test_to_the_wallet(self, till: Till, stuck: Doc):
        """It can be spent, also for the course again, and not withdrawn."""
        self.settle(till, stuck, "wallet")
        wallet = wallet_of(till.ctx, LEARNER)
        assert (wallet["balancePaise"], wallet["withdrawablePaise"]) == (WHOLE, 0)
        assert [one["type"] for one in till.all("transactions") if one["userId"] == LEARNER] == ["refund"]
        course = {**(till.ctx.db.get("courses", stuck["courseId"]) or {}), "id": stuck["courseId"]}
        assert till.by_wallet(course)["status"] == "active"
        till.check()

    def test_twenty_at_once(self, till: Till, stuck: Doc):
        at_once(20, lambda _: self.settle(till, stuck, "wallet"))
        self.settle(till, stuck, "wallet")
        assert (till.wallet(LEARNER), till.kinds().count("refund.settled")) == (WHOLE, 1)
        till.check()

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_crash_around_the_commit(self, till: Till, stuck: Doc, moment: str):
        with pytest.raises(Crash):
            self.settle(till, stuck, ctx=crashing(till.ctx, moment))
        self.settle(till, stuck)
        assert till.kinds().count("refund.settled") == 1
        till.check()

    def test_refused(self, till: Till, stuck: Doc):
        with pytest.raises(NotFound):
            self.settle(till, {"refundId": "nothing"})
        till.ctx.db.set(("users", LEARNER), {"deletedAt": START}, merge=True)
        with pytest.raises(Conflict) as refused:
            self.settle(till, stuck, "wallet")
        assert refused.value.code == "ACCOUNT_DELETED"
        self.settle(till, stuck)
        with pytest.raises(Conflict) as refused:
            self.settle(till, stuck, reference="another")
        assert refused.value.code == "REFUND_DIFFERS"

    def test_one_that_still_goes_its_way(self, till: Till):
        sold = till.bought(till.course())
        refund_of(till, sold["id"])
        with pytest.raises(Conflict) as refused:
            self.settle(till, {"refundId": till.all("gatewayRefunds")[0]["id"]})
        assert refused.value.code == "REFUND_NOT_STUCK"


class TestWithdrawn:
    """By who made it, or since the payer has gone to their bank: not by a bank that can't take it."""

    @pytest.mark.parametrize(
        "body",
        [
            {"outcome": "canceled"},
            {"reason": "merchant_request"},
            {"reason": "charge_for_pending_refund_disputed"},
        ],
    )
    def test_before_it_was_noted_the_sale_stands(self, till: Till, body: dict[str, str]):
        course = till.course()
        sold = till.bought(course)
        give_back(till, in_dashboard(till, sold), **body)
        follow(till, sold)
        till.check_sold_once(course, source="checkout")

    def test_after_it_was_noted_a_person_must_say(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        refund_id = in_dashboard(till, sold)
        follow(till, sold)
        give_back(till, refund_id, outcome="canceled")
        follow(till, sold)
        check_owed(till, sold, course, refund_id)
        assert till.all("gatewayRefunds")[0]["lastError"] == "it was withdrawn at the provider"
