"""GET /api/payouts, the statements, GET /api/mentors/dashboard/earnings, GET /api/admin/payouts."""

import csv
import io
from datetime import timedelta
from typing import Any

import pypdfium2
import pytest

from konnect import clock
from konnect.earnings import policy
from konnect.payouts import details, withdrawals
from tests.earnings.conftest import DETAILS, HOUR, MENTOR, MONDAY, RUN, SETTLED, WEEK, Office
from tests.payments.api import Api, error_code
from tests.support import give

EARNINGS = "/api/mentors/dashboard/earnings"


def withdraw(office: Office, rupees: int = 400) -> str:
    give(office.ctx, MENTOR, rupees * 100, part="earned")
    made = office.ctx.run(
        lambda tx: withdrawals.withdraw(tx, MENTOR, rupees * 100, key=None, request_id="r", now=MONDAY)
    )
    return str(made["transactionId"])


def payouts(api: Api, **query: Any) -> list[dict[str, Any]]:
    answer = api.user(MENTOR, role="expert").get("/api/payouts", **query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


class TestHistory:
    def test_as_the_product_names_it(self, office: Office, api: Api) -> None:
        office.ctx.db.set(details.path(MENTOR), DETAILS)
        office.bookings(2)
        payout_id = office.pay().payout_id
        office.settle(payout_id, "paid")
        [payout] = payouts(api)
        assert payout == {
            "id": payout_id,
            "kind": "earnings",
            "amount": 2000,
            "platformFee": 400,
            "gst": 61.02,
            "gatewayFee": 40,
            "adjustments": 0,
            "tds": 0,
            "netAmount": 1560,
            "netAmountPaise": 156000,
            "currency": "INR",
            "status": "completed",
            "method": "bank_transfer",
            "destination": "HDFC ••••6789",
            "waitingFor": None,
            "transactionId": "UTR1",
            "processedAt": clock.iso(RUN + HOUR),
            "failureReason": None,
            "period": {"start": "2026-06-01", "end": "2026-06-07"},
            "bookingsCount": 2,
            "createdAt": clock.iso(RUN),
            "updatedAt": clock.iso(RUN + HOUR),
        }

    def test_both_kinds_the_newest_first_filtered_and_paged(self, office: Office, api: Api) -> None:
        withdrawn = withdraw(office)
        office.booking()
        failed = office.pay().payout_id
        office.settle(failed, "failed")
        again = office.pay(RUN + HOUR).payout_id
        assert [one["id"] for one in payouts(api)] == [again, failed, withdrawn]
        assert [one["id"] for one in payouts(api, kind="withdrawal")] == [withdrawn]
        assert [one["id"] for one in payouts(api, kind="earnings", status="failed")] == [failed]
        assert [one["id"] for one in payouts(api, status="pending")] == [again, withdrawn]
        assert payouts(api, status="completed") == []
        [found] = payouts(api, status="failed")
        assert (found["failureReason"], found["transactionId"]) == ("account closed", "UTR1")
        mentor = api.user(MENTOR)
        first = mentor.get("/api/payouts", limit=2).json()
        second = mentor.get("/api/payouts", limit=2, cursor=first["nextCursor"]).json()
        assert ([one["id"] for one in second["items"]], second["nextCursor"]) == ([withdrawn], None)
        assert mentor.get("/api/payouts", status="lost").status_code == 400

    def test_of_others_there_is_nothing(self, office: Office, api: Api) -> None:
        withdraw(office)
        assert api.user("eve").get("/api/payouts").json() == {"items": [], "nextCursor": None}
        assert api.user(None).get("/api/payouts").status_code == 401

    def test_admins_see_everybodys(self, office: Office, api: Api) -> None:
        payout_id = withdraw(office)
        admin = api.user("root", role="admin")
        [found] = admin.get("/api/admin/payouts", status="pending", userId=MENTOR).json()["items"]
        assert (found["id"], found["userId"], found["netAmount"]) == (payout_id, MENTOR, 400)
        assert admin.get("/api/admin/payouts", kind="earnings").json()["items"] == []
        assert api.user(MENTOR, role="expert").get("/api/admin/payouts").status_code == 403


class TestStatement:
    def of(self, api: Api, payout_id: str | None, format: str = "pdf") -> Any:
        return api.user(MENTOR).get(f"/api/payouts/{payout_id}/statement", format=format)

    def test_csv_has_every_line_and_the_totals(self, office: Office, api: Api) -> None:
        first = office.booking()
        second = office.booking(SETTLED + HOUR, topic='=HYPERLINK("http://evil","x")')
        office.give_back(first, 500)
        office.booking(MONDAY)
        office.owe(100)
        payout_id = office.pay().payout_id
        answer = self.of(api, payout_id, "csv")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        name = f'attachment; filename="earnings-2026-06-07-{str(payout_id)[:8]}.csv"'
        assert answer.headers["Content-Disposition"] == name
        head, *rows = csv.reader(io.StringIO(answer.text))
        lines = [dict(zip(head, row, strict=True)) for row in rows]
        assert [line["bookingId"] for line in lines if line["line"] == "session"] == [first, second]
        assert lines[0] | {"topic": ""} == {
            "line": "session", "bookingId": first, "sessionAt": "2026-06-04 23:00", "settledAt": "2026-06-05 00:00",
            "minutes": "60", "topic": "", "amount": "500", "commission": "100", "gstInCommission": "15.25",
            "gatewayFee": "10", "refunded": "500", "earned": "390",
        }  # fmt: skip
        assert lines[1]["topic"].startswith("'=HYPERLINK")
        assert [(line["line"], line["earned"]) for line in lines[2:]] == [
            ("sum of sessions", "1170"),
            ("debts taken with this payout", "-100"),
            ("paid out", "1070"),
        ]
        assert lines[2]["amount"] == "1500"

    def test_it_stays_as_it_was(self, office: Office, api: Api) -> None:
        booking = office.booking()
        payout_id = office.pay().payout_id
        before = self.of(api, payout_id, "csv").text
        office.settle(payout_id, "failed")
        office.give_back(booking)
        assert self.of(api, payout_id, "csv").text == before

    def test_pdf(self, office: Office, api: Api) -> None:
        office.bookings(2)
        payout_id = office.pay().payout_id
        answer = self.of(api, payout_id)
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"].endswith('.pdf"')
        [page] = list(pypdfium2.PdfDocument(answer.content))
        text = page.get_textpage().get_text_range()
        for said in ("Statement of earnings", "Ravi", "1 June 2026 to 7 June 2026", "₹2,000.00", "₹1,560.00", "₹61.02"):
            assert said in text, text
        assert self.of(api, payout_id).content == answer.content

    def test_of_many_sessions(self, office: Office, api: Api) -> None:
        office.bookings(30, price=300)
        answer = self.of(api, office.pay().payout_id)
        assert len(pypdfium2.PdfDocument(answer.content)) > 1

    def test_of_a_withdrawal(self, office: Office, api: Api) -> None:
        payout_id = withdraw(office)
        [_, *rows] = csv.reader(io.StringIO(self.of(api, payout_id, "csv").text))
        assert [(row[0], row[-1]) for row in rows] == [("withdrawn", "400"), ("paid out", "400")]
        assert self.of(api, payout_id).content.startswith(b"%PDF")

    def test_for_its_owner_alone(self, office: Office, api: Api) -> None:
        payout_id = withdraw(office)
        for caller, status in ((None, 401), ("eve", 404)):
            assert api.user(caller).get(f"/api/payouts/{payout_id}/statement").status_code == status
        missing = self.of(api, "none")
        assert (missing.status_code, error_code(missing)) == (404, "PAYOUT_NOT_FOUND")
        assert self.of(api, payout_id, "xls").status_code == 400


class TestDashboard:
    """Its times are the clock's own."""

    @pytest.fixture
    def busy(self, office: Office) -> Office:
        """Paid: one of two weeks ago; due: two of last week, one disputed; of this week: one."""
        begins = policy.until(clock.now())
        office.booking(begins - WEEK - HOUR)
        office.settle(office.pay(begins - WEEK + 6 * HOUR).payout_id, "paid")
        office.booking(begins - HOUR)
        office.dispute(office.booking(begins - HOUR))
        office.booking(begins)
        return office

    def report(self, api: Api, **query: Any) -> dict[str, Any]:
        answer = api.user(MENTOR, role="expert").get(EARNINGS, **query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def test_what_is_due_and_what_was_paid(self, busy: Office, api: Api) -> None:
        found = self.report(api)
        pending, upcoming = found["pending"], found["pending"]["nextPayout"]
        assert (found["total"]["amount"], found["paid"]["amount"], found["paid"]["inProgress"]) == (3120, 780, 0)
        assert (pending["amount"], pending["bookings"], pending["disputed"], pending["debt"]) == (2340, 3, 780, 0)
        assert upcoming["at"] == clock.iso(policy.next_run(clock.now()))
        assert (upcoming["minimum"], upcoming["belowMinimum"]) == (500, False)
        # All of the week that has begun is in it, unless it is Monday before six.
        assert upcoming["amount"] in {780, 1560}
        assert (found["tax"]["threshold"], found["tax"]["percent"], found["tax"]["tds"]) == (50000, 1, 0)
        assert found["tax"]["gross"] in {0, 780}

    def test_over_time(self, busy: Office, api: Api) -> None:
        weeks = self.report(api)["overTime"]
        assert [one["amount"] for one in weeks[-3:]] == [780, 1560, 780]
        assert (len(weeks), weeks[-1]["from"]) == (12, policy.monday(clock.now()).isoformat())
        days = self.report(api, period="day")["overTime"]
        assert (len(days), days[-1]["from"]) == (14, clock.business_day(clock.now()).isoformat())
        months = self.report(api, period="month")["overTime"]
        assert (len(months), sum(one["amount"] for one in months)) == (12, 3120)
        assert api.user(MENTOR, role="expert").get(EARNINGS, period="year").status_code == 400

    def test_session_by_session(self, busy: Office, api: Api) -> None:
        busy.booking(policy.until(clock.now()) - 2 * WEEK, kept=0)
        found = self.report(api, limit=3)
        states = [one["payout"] for one in found["items"]]
        assert (states[0], sorted(states[1:])) == ("pending", ["disputed", "pending"])
        [last] = self.report(api, limit=3, cursor=found["nextCursor"])["items"]
        assert (last["payout"], last["studentName"], last["earned"]) == ("paid", "Meera", 780)
        assert (last["amount"], last["commission"], last["gst"], last["gatewayFee"]) == (1000, 200, 30.51, 20)
        assert last["payoutId"] == busy.payouts()[0]["id"]

    def test_what_is_below_the_minimum_and_owed(self, office: Office, api: Api) -> None:
        office.ctx.db.set(("experts", MENTOR), {"timeZone": "America/New_York"}, merge=True)
        office.booking(clock.now() - timedelta(minutes=1), price=600)
        office.owe(100)
        found = self.report(api)
        assert (found["timeZone"], found["pending"]["debt"]) == ("America/New_York", 100)
        assert (found["pending"]["nextPayout"]["amount"], found["pending"]["nextPayout"]["belowMinimum"]) == (368, True)

    def test_of_a_mentor_without_bookings(self, office: Office, api: Api) -> None:
        found = self.report(api)
        assert (found["total"]["amount"], found["items"], found["nextCursor"]) == (0, [], None)
        assert found["paid"]["lastPayoutAt"] is None

    def test_for_mentors_alone(self, office: Office, api: Api) -> None:
        assert api.user(None).get(EARNINGS).status_code == 401
        assert api.user(MENTOR).get(EARNINGS).status_code == 403
        assert api.user("nobody", role="expert").get(EARNINGS).status_code == 404


def test_an_account_with_earnings_is_not_deleted(office: Office, api: Api) -> None:
    def refused() -> list[str]:
        answer = api.user(MENTOR, role="expert").call("DELETE", "/api/users/me")
        assert (answer.status_code, error_code(answer)) == (409, "ACCOUNT_IN_USE")
        details = answer.json()["error"]["details"]
        assert all(one["way"] for one in details)
        return [one["code"] for one in details]

    office.booking()
    assert refused() == ["EARNINGS_DUE"]
    payout_id = office.pay().payout_id
    assert refused() == ["PAYOUT_PENDING"]
    office.settle(payout_id, "failed")
    assert refused() == ["EARNINGS_DUE"]
