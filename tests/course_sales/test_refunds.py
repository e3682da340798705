"""Taking a sale back: by an admin, in Stripe's dashboard, by a dispute that was lost."""

import pytest

from konnect.context import Context
from konnect.course_sales import refund
from konnect.errors import Conflict, NotFound, Unavailable
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.payments import sweeps
from konnect.store import Doc
from tests.course_sales.till import EDUCATOR, LEARNER, PRICE, SHARES, Till
from tests.payments.conftest import Crash, crashing
from tests.support import START, at_once, give, wallet_of


def request(purchase_id: str, refund_id: str = "r1") -> refund.Request:
    return refund.Request(purchase_id, refund_id, "not what was promised", "root")


def refund_of(till: Till, purchase_id: str, refund_id: str = "r1", *, ctx: Context | None = None) -> Doc:
    return (ctx or till.ctx).run(lambda tx: refund.refund(tx, request(purchase_id, refund_id), now=START))


def bought_by_wallet(till: Till, course: Doc) -> str:
    give(till.ctx, LEARNER, 700_00)
    give(till.ctx, LEARNER, 500_00, part="promotional")
    return str(till.by_wallet(course)["purchaseId"])


def spend(till: Till, uid: str, paise: int) -> None:
    """Take earnings out of a wallet, as a withdrawal does."""
    legs = (Leg(accounts.wallet(uid), -paise, part="earned"), Leg(accounts.PLATFORM_ADJUSTMENTS, paise))
    till.ctx.run(lambda tx: ledger.post(tx, Movement("test:spent", "test", legs), now=START))


class TestToTheWallet:
    def test_all_of_it_to_the_parts_it_came_from(self, till: Till):
        course = till.course()
        purchase_id = bought_by_wallet(till, course)
        done = refund_of(till, purchase_id)
        assert (done["amount"], done["educatorShare"], done["owedByEducator"]) == (PRICE, 800, 0)
        wallet = till.ctx.db.get("wallets", LEARNER) or {}
        assert (wallet["depositedPaise"], wallet["promotionalPaise"]) == (700_00, 500_00)
        assert (till.wallet(EDUCATOR), till.is_open(course)) == (0, False)
        assert not {"platform:fees", "tax:gst"} & set(till.sums())
        kept = till.purchase(purchase_id)
        assert (kept["status"], kept["refundedPaise"], kept["educatorPaise"]) == ("refunded", PRICE * 100, 0)
        own = sorted(one["type"] for one in till.all("transactions") if one["userId"] == LEARNER)
        assert own == ["payment", "refund"]
        assert len(till.notified(LEARNER, "course_refunded")) == len(till.notified(EDUCATOR, "course_refunded")) == 1
        till.check()

    def test_again_and_twenty_at_once(self, till: Till):
        course = till.course()
        purchase_id = bought_by_wallet(till, course)
        done = at_once(20, lambda number: refund_of(till, purchase_id, f"r{number}"))
        assert all(isinstance(one, dict | Unavailable | Conflict) for one in done), done
        [made] = till.all(refund.COLLECTION) or [refund_of(till, purchase_id)]
        assert refund_of(till, purchase_id, made["id"])["refundId"] == made["id"]
        with pytest.raises(Conflict) as refused:
            refund_of(till, purchase_id, "another")
        assert refused.value.code == "ALREADY_REFUNDED"
        assert till.wallet(LEARNER) == 1200_00
        till.check()

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_crash_around_the_commit(self, till: Till, moment: str):
        course = till.course()
        purchase_id = bought_by_wallet(till, course)
        with pytest.raises(Crash):
            refund_of(till, purchase_id, ctx=crashing(till.ctx, moment))
        refund_of(till, purchase_id)
        assert till.kinds().count("course.refund") == 1
        till.check()

    def test_what_the_educator_has_spent_is_owed(self, till: Till):
        course = till.course()
        purchase_id = bought_by_wallet(till, course)
        spend(till, EDUCATOR, 500_00)
        done = refund_of(till, purchase_id)
        assert done["owedByEducator"] == 500
        assert till.wallet(LEARNER) == 1200_00
        assert ledger.debt_of(till.ctx.db.get("receivables", EDUCATOR)) == 500_00
        till.check()

    def test_bought_again_it_opens_again(self, till: Till):
        course = till.course()
        lectures = course["sections"][0]["lectures"]
        purchase_id = bought_by_wallet(till, course)
        till.room.progress(course, lectures[0]["id"])
        refund_of(till, purchase_id)
        again = till.by_wallet(course)
        assert (again["status"], again["purchaseId"] != purchase_id) == ("active", True)
        assert again["completedLectures"] == [lectures[0]["id"]]
        # The first one's refund, told late, takes nothing of the second.
        assert refund_of(till, purchase_id)["refundId"] == "r1"
        assert till.is_open(course)
        till.check()

    def test_refused(self, till: Till):
        course = till.course()
        with pytest.raises(NotFound):
            refund_of(till, "nothing")
        opened = till.open(course)
        with pytest.raises(Conflict) as refused:
            refund_of(till, opened["paymentId"])
        assert refused.value.code == "NOTHING_TO_REFUND"
        purchase_id = bought_by_wallet(till, course)
        till.ctx.db.set(("users", LEARNER), {"deletedAt": START}, merge=True)
        with pytest.raises(Conflict) as refused:
            refund_of(till, purchase_id)
        assert refused.value.code == "ACCOUNT_DELETED"


class TestToTheCard:
    def test_asked_for_once_and_noted(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        refund_of(till, sold["id"])
        [waiting] = till.all("gatewayRefunds")
        assert till.sums() == {"gateway:stripe": -PRICE * 100, f"refund:{waiting['id']}": PRICE * 100}
        at_once(5, lambda _: till.send_refunds())
        till.drain()
        till.follow_all()
        assert (till.sums(), till.is_open(course)) == ({}, False)
        paid = till.ctx.db.get("payments", sold["paymentId"]) or {}
        assert list(paid["refunds"].values()) == [PRICE * 100]
        assert till.kinds() == ["course.pay", "course.refund", "refund.paid"]
        till.check()

    def test_a_bank_that_refuses_is_asked_again(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        till.fault(refunds="pending")
        refund_of(till, sold["id"])
        assert till.send_refunds() == ["processing"]
        [first] = till.all("gatewayRefunds")
        till.act(f"refunds/{first['providerId']}", {"outcome": "failed"})
        till.follow_all()
        [again] = till.all("gatewayRefunds")
        assert (again["status"], again["attempt"]) == ("pending", 2)
        till.fault(refunds="succeeded")
        assert sweeps.sweep(till.ctx, {}, again["nextCheckAt"])["refunds"] == 1
        assert till.sums() == {}
        till.check()

    def test_one_made_in_the_dashboard(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        till.act(f"payments/{sold['paymentId']}/refund")
        for _ in range(2):
            till.follow_all()
        kept = till.purchase(sold["id"])
        assert (kept["status"], till.is_open(course), till.sums()) == ("refunded", False, {})
        assert till.all(refund.COLLECTION)[0]["reason"] == "refunded-at-provider"
        till.check()

    def test_a_part_in_the_dashboard_and_the_rest_here(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        till.act(f"payments/{sold['paymentId']}/refund", {"amount": 333_33})
        till.follow_all()
        kept = till.purchase(sold["id"])
        assert (kept["status"], kept["refundedPaise"], till.is_open(course)) == ("completed", 333_33, True)
        assert kept["educatorPaise"] + kept["platformFeePaise"] + kept["gstPaise"] == 666_67
        till.check()
        assert refund_of(till, sold["id"])["amount"] == 666.67
        till.send_refunds()
        assert (till.sums(), till.is_open(course)) == ({}, False)
        till.check()

    def test_here_and_in_the_dashboard_at_once(self, till: Till):
        """Somebody was faster at the dashboard: ours is that one."""
        course = till.course()
        sold = till.bought(course)
        refund_of(till, sold["id"])
        till.act(f"payments/{sold['paymentId']}/refund")
        assert till.send_refunds() == ["pending"]
        till.follow_all()
        assert till.sums() == {}
        assert till.all("gatewayRefunds")[0]["status"] == "processed"
        till.check()

    def test_told_of_before_the_payment(self, till: Till):
        course = till.course()
        found = till.open(course)
        till.fault(webhooks="off")
        session = till.pay(found["sessionId"])
        till.act(f"payments/{session['payment_intent']}/refund")
        till.fault(webhooks="on")
        assert till.redeliver(session["payment_intent"], type="charge.refunded") == [200]
        till.follow_all()
        assert till.redeliver(found["sessionId"], type="checkout.session.completed") == [200]
        assert (till.purchase(found["paymentId"])["status"], till.sums()) == ("refunded", {})
        till.check()

    def test_a_lost_dispute_takes_it_back(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        spend(till, EDUCATOR, SHARES["educator"])
        dispute = till.act(f"payments/{sold['paymentId']}/dispute")
        till.follow_all()
        assert till.is_open(course)
        with pytest.raises(Conflict) as refused:
            refund_of(till, sold["id"])
        assert refused.value.code == "PAYMENT_DISPUTED"
        till.act(f"disputes/{dispute['id']}", {"status": "lost"})
        for _ in range(2):
            till.follow_all()
        assert (till.purchase(sold["id"])["status"], till.is_open(course)) == ("refunded", False)
        assert till.sums()[f"receivable:{EDUCATOR}"] == -SHARES["educator"]
        assert till.all(refund.COLLECTION)[0]["reason"] == "dispute-lost"
        till.check()

    def test_a_dispute_that_is_won_changes_nothing(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        dispute = till.act(f"payments/{sold['paymentId']}/dispute")
        till.follow_all()
        till.act(f"disputes/{dispute['id']}", {"status": "won"})
        till.follow_all()
        kept = till.purchase(sold["id"])
        assert (kept["status"], kept["disputeId"]) == ("completed", None)
        till.check_sold_once(course, source="checkout")

    def test_the_educator_earns_again_and_pays_the_debt(self, till: Till):
        course = till.course()
        sold = till.bought(course)
        spend(till, EDUCATOR, SHARES["educator"])
        refund_of(till, sold["id"])
        till.bought(course, "arjun")
        assert wallet_of(till.ctx, EDUCATOR)["balancePaise"] == 0
        assert ledger.debt_of(till.ctx.db.get("receivables", EDUCATOR)) == 0
        till.check()
