"""A mentor's week, paid once: what is in it, what is not, what failures leave."""

from datetime import timedelta

import pytest

from konnect.context import Context
from konnect.earnings import console, policy, service
from konnect.errors import NotFound, Unavailable
from konnect.ledger import accounts
from konnect.payouts import details
from konnect.rates.service import Rates
from konnect.reconciliation.service import reconcile
from konnect.rehearsal import Rehearsal
from konnect.store import Doc, Query, Tx
from tests.earnings.conftest import DAY, DETAILS, MENTOR, MONDAY, RUN, SHARE, WEEK, Office
from tests.payments.conftest import Crash, crashing
from tests.support import at_once, kept_tasks

SECOND = timedelta(seconds=1)


class TestPaid:
    def test_once(self, office: Office) -> None:
        first, second = office.bookings(2)
        paid = office.pay()
        assert (paid.status, paid.tds_paise) == ("opened", 0)
        payout = office.payout(paid.payout_id)
        assert (payout["kind"], payout["status"], payout["amountPaise"]) == ("earnings", "pending", 2 * SHARE)
        assert payout["about"] == {
            "week": "2026-06-08",
            "period": {"start": "2026-06-01", "end": "2026-06-07"},
            "bookings": 2,
            "grossPaise": 2000_00,
            "commissionPaise": 400_00,
            "gstPaise": 61_02,
            "gatewayFeePaise": 40_00,
            "reversedPaise": 0,
            "mentorPaise": 2 * SHARE,
            "takenPaise": 0,
            "debtPaise": 0,
        }
        assert {office.marked(first), office.marked(second)} == {paid.payout_id}
        assert [line["grossPaise"] for line in office.lines(paid.payout_id)] == [1000_00, 1000_00]
        assert (office.payable(), office.year()) == (0, (2 * SHARE, 0, 0))
        [task] = kept_tasks(office.ctx).keyed("payout")
        assert task.payload == {"payoutId": paid.payout_id}
        office.check_books()

    def test_again_pays_nothing(self, office: Office) -> None:
        office.bookings(2)
        assert [office.pay().status for _ in range(2)] == ["opened", "carried-over"]
        assert len(office.payouts()) == 1
        office.check_books()

    def test_by_twenty_at_once(self, office: Office) -> None:
        office.bookings(3)
        answers = at_once(20, lambda _: office.pay().status)
        # Who could not get the documents within a while is told to try again.
        assert {str(one) for one in answers if not isinstance(one, Unavailable)} <= {"opened", "carried-over"}
        office.pay()
        [payout] = office.payouts()
        assert payout["amountPaise"] == 3 * SHARE
        office.check_books()

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_crash_around_the_commit(self, office: Office, moment: str) -> None:
        office.bookings(2)
        with pytest.raises(Crash):
            office.pay(ctx=crashing(office.ctx, moment))
        office.pay()
        [payout] = office.payouts()
        assert (payout["amountPaise"], office.payable()) == (2 * SHARE, 0)
        # Its task may be lost: the sweep of payouts finds it.
        assert payout["nextCheckAt"] is not None
        office.check_books()

    def test_what_was_settled_since_monday_waits(self, office: Office) -> None:
        last, next_week = office.booking(MONDAY - SECOND), office.booking(MONDAY)
        assert office.pay(MONDAY + 3 * DAY).payout_id == office.marked(last)
        assert (office.marked(next_week), office.payable()) == (None, SHARE)
        assert office.pay(RUN + WEEK).payout_id == office.marked(next_week)
        office.check_books()

    def test_what_a_cancellation_left(self, office: Office) -> None:
        half, none = office.booking(kept=500), office.booking(kept=0)
        office.booking()
        paid = office.pay()
        assert office.payout(paid.payout_id)["amountPaise"] == 390_00 + SHARE
        assert office.marked(half) == paid.payout_id
        assert "payoutId" not in (office.ctx.db.get("bookings", none, "private", "terms") or {})
        office.check_books()

    def test_gst_on_the_bill_is_none_of_the_mentors(self, office: Office) -> None:
        office.booking(rates=Rates(gst_added_to_bill=True))
        [line] = office.lines(office.pay().payout_id)
        assert (line["grossPaise"], line["commissionPaise"], line["gstPaise"]) == (1000_00, 200_00, 0)

    def test_more_than_one_payout_holds(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("konnect.earnings.repository.MOST_SHARES", 3)
        monkeypatch.setattr("konnect.earnings.repository.LINES_A_DOCUMENT", 2)
        monkeypatch.setattr(policy.plan, "__kwdefaults__", {"most": 3})
        booked = office.bookings(5)
        paid = [office.pay() for _ in range(3)]
        assert [(one.status, one.more) for one in paid] == [
            ("opened", True), ("opened", False), ("carried-over", False),
        ]  # fmt: skip
        assert [len(office.lines(one.payout_id)) for one in paid[:2]] == [3, 2]
        assert all(office.marked(one) for one in booked)
        assert (office.payable(), len(office.payouts())) == (0, 2)
        office.check_books()


class TestCarriedOver:
    def test_below_the_minimum_until_it_is_reached(self, office: Office) -> None:
        first = office.booking(price=600)
        assert office.pay().status == "carried-over"
        assert (office.marked(first), office.payouts()) == (None, [])
        second = office.booking(MONDAY + DAY, price=600)
        paid = office.pay(RUN + WEEK)
        assert {office.marked(first), office.marked(second)} == {paid.payout_id}
        assert office.payout(paid.payout_id)["about"]["period"] == {"start": "2026-06-01", "end": "2026-06-14"}
        office.check_books()

    def test_exactly_the_minimum_is_paid(self, office: Office) -> None:
        office.booking()
        assert office.pay(minimum=781).status == "carried-over"
        assert office.pay(minimum=780).status == "opened"

    def test_while_the_account_is_disabled(self, office: Office) -> None:
        booking = office.booking()
        office.mentor(MENTOR, disabled=True)
        assert office.pay().status == "account-disabled"
        office.mentor(MENTOR)
        assert office.pay(RUN + WEEK).payout_id == office.marked(booking)
        office.check_books()

    def test_without_payout_details_which_are_asked_for_once_a_run(self, office: Office) -> None:
        office.booking()
        for _ in range(2):
            assert office.pay(by_hand=False).status == "details-needed"
        [told] = office.told()
        assert (told["type"], told["data"]["amount"]) == ("payout_details_needed", 780)
        assert "₹780.00" in told["message"]
        office.ctx.db.set(details.path(MENTOR), DETAILS)
        assert office.pay(RUN + WEEK, by_hand=False).status == "opened"
        office.check_books()

    def test_who_has_nothing_is_asked_nothing(self, office: Office) -> None:
        assert office.pay(by_hand=False).status == "carried-over"
        assert office.told() == []

    def test_in_dispute(self, office: Office) -> None:
        disputed, other = office.bookings(2)
        office.dispute(disputed)
        paid = office.pay()
        assert (office.marked(disputed), office.marked(other)) == (None, paid.payout_id)
        assert office.payable() == SHARE
        office.give_back(disputed, 500)
        office.dispute(disputed, False)
        office.booking(MONDAY + DAY)
        later = office.pay(RUN + WEEK)
        assert [line["reversedPaise"] for line in office.lines(later.payout_id)] == [500_00, 0]
        assert office.payout(later.payout_id)["amountPaise"] == 390_00 + SHARE
        assert office.payable() == 0
        office.check_books()

    def test_that_begins_while_it_is_paid(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        disputed, other = office.bookings(2)
        lines, left = service._lines, [disputed]

        def late(tx: Tx, plan: policy.Plan, unpaid: dict[str, Doc]) -> list[Doc]:
            # As from another process, after the shares have been read.
            while left:
                office.dispute(left.pop())
            return lines(tx, plan, unpaid)

        monkeypatch.setattr(service, "_lines", late)
        paid = office.pay()
        assert (office.marked(disputed), office.marked(other)) == (None, paid.payout_id)
        assert office.payable() == SHARE
        office.check_books()


class TestTaken:
    def test_a_refund_of_what_was_paid_out(self, office: Office) -> None:
        booking = office.booking()
        office.settle(office.pay().payout_id, "paid")
        office.bookings(2, MONDAY + DAY)
        office.give_back(booking, now=MONDAY + 2 * DAY)
        paid = office.pay(RUN + WEEK)
        payout = office.payout(paid.payout_id)
        assert (payout["about"]["takenPaise"], payout["amountPaise"]) == (SHARE, SHARE)
        assert office.payable() == 0
        office.check_books()

    def test_a_debt_that_is_open(self, office: Office) -> None:
        office.booking()
        office.owe(200)
        paid = office.pay()
        payout = office.payout(paid.payout_id)
        assert (payout["about"]["debtPaise"], payout["amountPaise"]) == (200_00, 580_00)
        assert office.account(accounts.receivable(MENTOR)) == 0
        office.settle(paid.payout_id, "failed")
        # It stays paid, and the mentor is told what is left.
        again = office.payout(office.pay(RUN + WEEK).payout_id)
        assert (again["about"]["takenPaise"], again["about"]["debtPaise"]) == (200_00, 0)
        assert again["amountPaise"] == 580_00
        office.check_books()

    def test_a_debt_greater_than_the_earnings_waits_with_them(self, office: Office) -> None:
        office.booking()
        office.owe(700)
        assert office.pay().status == "carried-over"
        assert (office.payable(), office.account(accounts.receivable(MENTOR))) == (SHARE, -700_00)
        office.check_books()


class TestEnd:
    def test_paid(self, office: Office) -> None:
        booking = office.booking()
        payout_id = office.pay().payout_id
        office.settle(payout_id, "paid")
        assert office.payout(payout_id)["heldPaise"] == 0
        assert office.marked(booking) == payout_id
        [told] = office.told()
        assert told["type"] == "payout_processed"
        assert told["message"] == "₹780.00 for 1 session is on its way."
        assert {name: told["data"][name] for name in ("amount", "sessions", "periodStart", "periodEnd")} == {
            "amount": 780, "sessions": 1, "periodStart": "2026-06-01", "periodEnd": "2026-06-07",
        }  # fmt: skip
        office.check_books()

    @pytest.mark.parametrize("outcome", ["failed", "reversed"])
    def test_what_comes_back_is_paid_by_the_next_run(self, office: Office, outcome: str) -> None:
        booked = office.bookings(2)
        first = office.pay().payout_id
        if outcome == "reversed":
            office.settle(first, "paid")
        office.settle(first, outcome)
        assert ([office.marked(one) for one in booked], office.payable()) == ([None, None], 2 * SHARE)
        assert office.year() == (0, 0, 0)
        assert f"payout_{outcome}" in [one["type"] for one in office.told()]
        second = office.pay().payout_id
        assert second != first
        assert {office.marked(one) for one in booked} == {second}
        # The first one's statement stays.
        assert len(office.lines(first)) == 2
        office.settle(second, "paid")
        assert office.account(accounts.GATEWAY_BANK) == 2 * SHARE
        office.check_books()

    def test_again_changes_nothing(self, office: Office) -> None:
        office.booking()
        payout_id = office.pay().payout_id
        office.settle(payout_id, "failed")
        office.settle(payout_id, "failed")
        assert office.payable() == SHARE
        office.check_books()

    def test_twenty_ends_at_once(self, office: Office) -> None:
        office.booking()
        payout_id = office.pay().payout_id
        at_once(20, lambda n: office.settle(payout_id, "failed"))
        office.settle(payout_id, "failed")
        assert office.payable() == SHARE
        office.check_books()

    def test_a_refund_while_it_is_under_way(self, office: Office) -> None:
        refunded = office.booking()
        payout_id = office.pay().payout_id
        office.give_back(refunded)
        assert office.account(accounts.receivable(MENTOR)) == -SHARE
        office.settle(payout_id, "failed")
        # What came back pays what is owed for it.
        assert (office.payable(), office.account(accounts.receivable(MENTOR))) == (0, 0)
        office.booking(MONDAY + DAY)
        assert office.payout(office.pay(RUN + WEEK).payout_id)["amountPaise"] == SHARE
        office.check_books()

    def test_of_a_deleted_account_nobody_is_told(self, office: Office, caplog: pytest.LogCaptureFixture) -> None:
        office.booking()
        payout_id = office.pay().payout_id
        office.mentor(MENTOR, disabled=True, deletedAt=RUN)
        office.settle(payout_id, "failed")
        assert office.told() == []
        assert "money came back for a deleted account" in caplog.text
        office.check_books()


class TestTds:
    """60 sessions of 1,000 INR are 46,800 for the mentor; the threshold is 50,000."""

    def give(self, office: Office, rupees: int) -> None:
        office.ctx.db.set(
            ("taxYears", f"{MENTOR}:2026-27"),
            {"userId": MENTOR, "financialYear": "2026-27", "grossPaise": rupees * 100, "taxedPaise": 0, "tdsPaise": 0},
        )

    def test_of_what_lies_above_the_threshold(self, office: Office) -> None:
        self.give(office, 49_500)
        office.bookings(2)
        paid = office.pay()
        payout = office.payout(paid.payout_id)
        # 1,060 of 1,560 lie above.
        assert payout["tds"] == {
            "financialYear": "2026-27",
            "percent": 1,
            "thresholdPaise": 50_000_00,
            "taxedPaise": 1_060_00,
            "tdsPaise": 10_60,
        }
        assert (payout["grossPaise"], payout["amountPaise"], payout["heldPaise"]) == (1560_00, 1549_40, 1549_40)
        assert (office.account(accounts.TAX_TDS), office.year()) == (10_60, (51_060_00, 1_060_00, 10_60))
        office.check_books()
        office.settle(paid.payout_id, "paid")
        assert office.told()[0]["data"]["tds"] == 10.6
        office.check_books()

    def test_a_failed_payout_gives_it_back(self, office: Office) -> None:
        self.give(office, 49_500)
        office.bookings(2)
        office.settle(office.pay().payout_id, "failed")
        assert (office.account(accounts.TAX_TDS), office.year()) == (0, (49_500_00, 0, 0))
        assert office.payable() == 2 * SHARE
        office.check_books()
        assert office.pay().tds_paise == 10_60
        office.check_books()

    def test_it_goes_back_to_the_year_that_it_was_taken_in(self, office: Office) -> None:
        office.ctx.db.set(
            ("taxYears", f"{MENTOR}:2025-26"),
            {"userId": MENTOR, "financialYear": "2025-26", "grossPaise": 60_000_00, "taxedPaise": 10_000_00,
             "tdsPaise": 0},
        )  # fmt: skip
        march = policy.next_run(MONDAY - 75 * DAY)
        office.booking(march - 3 * DAY)
        paid = office.pay(march)
        assert (paid.tds_paise, office.year(name="2025-26")) == (7_80, (60_780_00, 10_780_00, 7_80))
        office.settle(paid.payout_id, "failed", march + 30 * DAY)
        assert office.year(name="2025-26") == (60_000_00, 10_000_00, 0)
        assert office.year() == (0, 0, 0)


def test_a_rehearsal_shows_what_the_run_would_pay(office: Office) -> None:
    office.booking(price=600)
    office.ctx.db.set(details.path(MENTOR), DETAILS)

    def tried(ctx: Context, **given: object) -> dict[str, object]:
        return console.pay_mentor(ctx, {"userId": MENTOR, **given}, RUN)

    assert tried(office.ctx)["status"] == "carried-over"
    rehearsal = Rehearsal.of(office.ctx)
    told = rehearsal.report(tried(rehearsal, belowMinimum=True))
    assert told["result"] | {"payoutId": ""} == {
        "status": "opened", "payoutId": "", "bookings": 1, "earned": 468, "adjustments": 0, "tds": 0, "amount": 468,
    }  # fmt: skip
    assert office.payouts() == []
    done = tried(office.ctx, belowMinimum=True, by="asha", reason="closes the account")
    [payout] = office.payouts()
    assert (done["payoutId"], done["amount"]) == (payout["id"], 468)
    [entry] = Query(("audit",)).run(office.ctx.db)
    assert (entry["actor"], entry["action"], entry["reason"]) == ("console:asha", "payout.open", "closes the account")
    with pytest.raises(NotFound):
        console.pay_mentor(office.ctx, {"userId": "nobody"}, RUN)
    office.check_books()


def test_the_least_that_a_person_may_have_paid(office: Office) -> None:
    assert service.Paid("carried-over").as_json["amount"] == 0
    office.booking(price=12)
    assert office.pay(minimum=policy.LEAST_PAISE // 100).status == "carried-over"


def test_reconcile_finds_what_no_booking_explains_and_a_lost_tax(office: Office) -> None:
    booking = office.booking()
    office.ctx.run(lambda tx: tx.update(("bookings", booking, "private", "terms"), {"payoutId": "lost"}))
    assert reconcile(office.ctx).differences == ["payable:ravi: 78000 paise, and 0 of its bookings are unpaid"]
    office.ctx.run(lambda tx: tx.update(("bookings", booking, "private", "terms"), {"payoutId": None}))
    year = {"grossPaise": 0, "taxedPaise": 0, "tdsPaise": 5}
    office.ctx.run(lambda tx: tx.set(("taxYears", "ravi:2026-27"), year))
    assert reconcile(office.ctx).differences == ["taxYears: 5 paise written, 0 by its movements"]
