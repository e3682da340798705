"""Buying a course from the wallet: the money, once, whoever asks how often."""

import pytest

from konnect.course_sales import purchase
from konnect.course_sales.shares import Shares, Terms, divide
from konnect.errors import Conflict, PaymentRequired, Unavailable
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.store import Query
from tests.course_sales.till import EDUCATOR, LEARNER, PRICE, SHARES, Till
from tests.payments.conftest import Crash, crashing
from tests.support import START, at_once, give, kept_tasks


@pytest.mark.parametrize(
    ("amount_paise", "terms", "shares"),
    [
        (1000_00, Terms(20, 18), Shares(800_00, 169_49, 30_51)),
        (499_00, Terms(20, 18), Shares(399_20, 84_58, 15_22)),
        (1000_00, Terms(0, 18), Shares(1000_00, 0, 0)),
        (1000_00, Terms(100, 18), Shares(0, 847_46, 152_54)),
        (1000_00, Terms(12.5, 0), Shares(875_00, 125_00, 0)),
        (1, Terms(20, 18), Shares(1, 0, 0)),
        (3, Terms(20, 18), Shares(2, 1, 0)),
        (0, Terms(20, 18), Shares(0, 0, 0)),
    ],
)
def test_shares_of_a_price(amount_paise: int, terms: Terms, shares: Shares):
    assert divide(amount_paise, terms) == shares
    assert shares.total_paise == amount_paise


class TestByWallet:
    def test_it_is_paid_divided_and_enrolled(self, till: Till):
        course = till.course()
        give(till.ctx, LEARNER, 1500_00)
        enrollment = till.by_wallet(course)
        assert (enrollment["status"], enrollment["source"]) == ("active", "wallet")
        till.check_sold_once(course, source="wallet")
        assert till.wallet(LEARNER) == 500_00
        own = {one["type"]: one for one in till.all("transactions") if one["referenceId"] == enrollment["purchaseId"]}
        assert (own["payment"]["userId"], own["payment"]["amountPaise"]) == (LEARNER, PRICE * 100)
        assert (own["earning"]["userId"], own["earning"]["earningPaise"]) == (EDUCATOR, SHARES["educator"])

    def test_again_costs_nothing(self, till: Till):
        course = till.course()
        give(till.ctx, LEARNER, 3000_00)
        first, second = till.by_wallet(course), till.by_wallet(course)
        assert first["purchaseId"] == second["purchaseId"]
        till.check_sold_once(course, source="wallet")

    def test_twenty_at_once(self, till: Till):
        course = till.course()
        give(till.ctx, LEARNER, 30_000_00)
        done = at_once(20, lambda _: till.by_wallet(course))
        assert all(isinstance(one, dict | Unavailable) for one in done), done
        till.by_wallet(course)
        till.check_sold_once(course, source="wallet")
        assert till.wallet(LEARNER) == 29_000_00

    def test_ten_learners_at_once(self, till: Till):
        """All of them write the educator's wallet."""
        course, learners = till.course(), [f"learner{n}" for n in range(10)]
        for uid in learners:
            give(till.ctx, uid, PRICE * 100)
        done = at_once(10, lambda n: till.by_wallet(course, learners[n]))
        assert all(isinstance(one, dict | Unavailable) for one in done), done
        for uid in learners:
            till.by_wallet(course, uid)
        assert till.wallet(EDUCATOR) == 10 * SHARES["educator"]
        assert [till.wallet(uid) for uid in learners] == [0] * 10
        till.check()

    def test_too_little(self, till: Till):
        course = till.course()
        give(till.ctx, LEARNER, 999_99)
        with pytest.raises(PaymentRequired) as refused:
            till.by_wallet(course)
        assert refused.value.details == [
            {"needed": 1000, "neededPaise": 1000_00, "available": 999.99, "availablePaise": 999_99}
        ]
        assert till.enrollment(course) is None
        assert till.all(purchase.COLLECTION) == []

    def test_the_educator_does_not_pay_himself(self, till: Till):
        give(till.ctx, EDUCATOR, 1500_00)
        with pytest.raises(Conflict) as refused:
            till.by_wallet(till.course(), EDUCATOR)
        assert refused.value.code == "OWN_COURSE"

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_crash_around_the_commit(self, till: Till, moment: str):
        course = till.course()
        give(till.ctx, LEARNER, 1500_00)
        with pytest.raises(Crash):
            till.by_wallet(course, ctx=crashing(till.ctx, moment))
        till.by_wallet(course)
        till.check_sold_once(course, source="wallet")

    def test_a_debt_is_paid_first(self, till: Till):
        course = till.course()
        give(till.ctx, LEARNER, 1500_00)
        debt = Movement(
            "test:debt",
            "test",
            (Leg(accounts.receivable(EDUCATOR), -300_00), Leg(accounts.PLATFORM_ADJUSTMENTS, 300_00)),
        )
        till.ctx.run(lambda tx: ledger.post(tx, debt, now=START))
        till.by_wallet(course)
        assert till.wallet(EDUCATOR) == SHARES["educator"] - 300_00
        assert ledger.debt_of(till.ctx.db.get("receivables", EDUCATOR)) == 0
        till.check()

    def test_the_fee_is_frozen(self, till: Till):
        course = till.course()
        give(till.ctx, LEARNER, 1500_00)
        sold = till.purchase(till.by_wallet(course)["purchaseId"])
        assert (sold["platformFeePercent"], sold["gstPercent"]) == (20, 18)

    def test_promotional_money_is_spent_first(self, till: Till):
        course = till.course()
        give(till.ctx, LEARNER, 600_00)
        give(till.ctx, LEARNER, 500_00, part="promotional")
        till.by_wallet(course)
        wallet = till.ctx.db.get("wallets", LEARNER) or {}
        assert (wallet["promotionalPaise"], wallet["depositedPaise"]) == (0, 100_00)


def test_an_open_checkout_is_closed_by_a_purchase_from_the_wallet(till: Till):
    course = till.course()
    give(till.ctx, LEARNER, 1500_00)
    opened = till.open(course)
    till.by_wallet(course)
    [task] = kept_tasks(till.ctx).keyed("stripe-expire")
    assert task.payload == {"sessionId": opened["sessionId"]}
    assert Query(("orders",)).run(till.ctx.db)[0]["status"] == "created"
