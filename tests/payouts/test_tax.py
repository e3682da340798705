"""TDS on withdrawals, and weekly earnings through RazorpayX: what both kinds of payouts share."""

from datetime import datetime, timedelta

import pytest

from konnect import clock
from konnect.admin import config
from konnect.earnings import policy, service
from konnect.errors import BadRequest
from konnect.ledger import accounts
from konnect.payouts import tax
from konnect.store import Doc
from tests.earnings.conftest import Office
from tests.payments.api import error_code
from tests.payouts.conftest import EARNED_PAISE, UID, Till
from tests.support import at_once, movements, wallet_of

PATH = "/api/wallet/withdraw"


def tds(till: Till) -> int:
    return sum(
        leg["amountPaise"] for one in movements(till.ctx) for leg in one["legs"] if leg["account"] == accounts.TAX_TDS
    )


def paid_before(till: Till, rupees: float) -> None:
    """Somebody was paid so much in this financial year."""
    now, paise = clock.now(), round(rupees * 100)
    year: Doc = {"userId": UID, "financialYear": tax.financial_year(now), "taxedPaise": 0, "tdsPaise": 0}
    till.ctx.db.set(tax.path(UID, now), {**year, "grossPaise": paise, "updatedAt": now})


def year(till: Till) -> tuple[int, int]:
    found = tax.year_of(till.ctx.db, UID, clock.now())
    return found.gross_paise, found.tds_paise


def test_nothing_is_withheld_below_the_threshold(till: Till) -> None:
    made = till.expert.post(PATH, {"amount": 400}).json()
    assert {name: made[name] for name in ("amount", "tds", "netAmount", "tdsPaise", "netAmountPaise")} == {
        "amount": 400, "tds": 0, "netAmount": 400, "tdsPaise": 0, "netAmountPaise": 400_00,
    }  # fmt: skip
    assert year(till) == (400_00, 0)
    till.check_books()


def test_what_lies_above_is_taxed_and_less_is_sent(till: Till) -> None:
    paid_before(till, 49_800)
    till.details()
    made = till.expert.post(PATH, {"amount": 400}, key="k").json()
    assert (made["amount"], made["tds"], made["netAmount"], made["balance"]) == (400, 2, 398, 600)
    assert till.expert.post(PATH, {"amount": 400}, key="k").json() == made
    till.send(made["transactionId"])
    till.drain()
    assert till.provider_payout(made["transactionId"])["amount"] == 398_00
    shown = till.expert.get(f"/api/wallet/transactions/{made['transactionId']}").json()
    assert (shown["status"], shown["amount"], shown["tds"], shown["netAmount"]) == ("completed", 400, 2, 398)
    [told] = [one for one in till.all("notifications") if one["type"] == "payout_processed"]
    assert told["message"].endswith("and ₹2.00 of TDS was withheld.")
    assert (tds(till), year(till)) == (2_00, (50_200_00, 2_00))
    till.check_books()


@pytest.mark.parametrize("outcome", ["failed", "reversed"])
def test_what_comes_back_brings_its_tax(till: Till, outcome: str) -> None:
    paid_before(till, 49_800)
    till.details()
    payout_id = till.sent(400, "processed" if outcome == "reversed" else outcome)
    if outcome == "reversed":
        assert tds(till) == 2_00
        till.move(payout_id, "reversed")
    assert (tds(till), year(till)) == (0, (49_800_00, 0))
    assert wallet_of(till.ctx, UID)["withdrawablePaise"] == EARNED_PAISE
    till.check_books()


def test_too_little_would_be_left(till: Till) -> None:
    paid_before(till, 60_000)
    response = till.expert.post(PATH, {"amount": 1})
    assert (response.status_code, error_code(response)) == (400, BadRequest.code)
    assert response.json()["error"]["details"][0]["field"] == "amount"
    assert till.expert.post(PATH, {"amount": 2}).json()["netAmount"] == 1.98
    till.check_books()


def test_twenty_at_once_share_one_threshold(till: Till) -> None:
    paid_before(till, 49_900)
    till.earn(2_000_00)
    at_once(20, lambda _: till.expert.post(PATH, {"amount": 100}).status_code)
    while len(till.all("payouts")) < 20:
        till.expert.post(PATH, {"amount": 100})
    assert (tds(till), year(till)) == (19_00, (51_900_00, 19_00))
    till.check_books()


def test_rates_are_the_configurations_and_dated(till: Till) -> None:
    changed = {"tdsPercent": 5, "tdsThreshold": 100}
    config.change(till.ctx, changed, by="root", reason=None, version=None, now=clock.now())
    assert till.expert.post(PATH, {"amount": 300}).json()["tds"] == 10
    with pytest.raises(BadRequest):
        config.change(till.ctx, {"tdsPercent": 31}, by="root", reason=None, version=None, now=clock.now())


class TestEarnings:
    """Weekly payouts by RazorpayX."""

    def pay(self, till: Till, now: datetime | None = None) -> str:
        moment = now or clock.now()
        before = policy.until(moment)
        paid = till.ctx.run(
            lambda tx: service.pay(tx, UID, before=before, minimum_paise=500_00, by_hand=False, now=moment)
        )
        assert paid.payout_id is not None
        return paid.payout_id

    def office(self, till: Till) -> Office:
        office = Office(till.ctx)
        before = policy.until(clock.now()) - timedelta(days=2)
        office.bookings(2, before, uid=UID)
        return office

    def test_paid(self, till: Till) -> None:
        till.details()
        self.office(till)
        paid_before(till, 50_000)
        payout_id = self.pay(till)
        till.send(payout_id)
        till.drain()
        provided = till.provider_payout(payout_id)
        assert (provided["amount"], provided["notes"]["kind"]) == (1544_40, "earnings")
        assert till.payout(payout_id)["status"] == "paid"
        kinds = [one["kind"] for one in till.all("movements") if one["subject"].get("payout") == payout_id]
        assert sorted(kinds) == ["earnings", "earnings.paid"]
        assert tds(till) == 15_60
        assert "payout_processed" in till.told()
        till.check_books()

    def test_failed_and_taken_up_again(self, till: Till) -> None:
        till.details()
        office = self.office(till)
        paid_before(till, 50_000)
        till.fault(payouts={"outcome": "failed"})
        first = self.pay(till)
        till.send(first)
        till.drain()
        assert till.payout(first)["status"] == "failed"
        assert (tds(till), office.payable(UID)) == (0, 1560_00)
        till.fault(payouts={"outcome": "processed"})
        second = self.pay(till)
        till.send(second)
        till.drain()
        assert (till.payout(second)["status"], office.payable(UID), tds(till)) == ("paid", 0, 15_60)
        till.check_books()
