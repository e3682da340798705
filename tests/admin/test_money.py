"""Transactions, revenue, wallet adjustments: /api/admin."""

import csv
import io
from datetime import date, timedelta

import pytest

from konnect import clock
from konnect.admin import days, revenue
from konnect.http import csv_files
from konnect.ledger import days as ledger_days
from konnect.store import Query
from konnect.wallet import adjustments
from tests.admin.conftest import ADMIN, EXPERT, USER, Panel
from tests.payments.api import error_code
from tests.payments.conftest import Crash, crashing
from tests.support import START, at_once, give, movements, wallet_of

PATHS = ["/api/admin/transactions", "/api/admin/revenue", "/api/admin/settlements"]
ADJUST = f"/api/admin/wallets/{USER}/adjust"
DAY = clock.business_day(START).isoformat()


@pytest.mark.parametrize("path", PATHS)
def test_admins_only(panel: Panel, path: str) -> None:
    assert panel.api.user(None).get(path).status_code == 401
    assert panel.api.user(USER).get(path).status_code == 403
    assert panel.api.user(EXPERT, role="expert").get(path).status_code == 403
    assert panel.api.user(USER).post(ADJUST, {"amount": 5, "reason": "why"}).status_code == 403


class TestTransactions:
    def test_filters_and_pages(self, panel: Panel) -> None:
        stage = panel.stage()
        for uid in (USER, "ravi"):
            panel.paid_session(2, stage=stage, uid=uid)

        def listed(**query: str) -> list[tuple[str, str]]:
            found = panel.admin.get("/api/admin/transactions", **query).json()
            return sorted((item["userId"], item["type"]) for item in found["items"])

        assert len(listed()) == 4
        assert listed(type="payment") == [(USER, "payment"), ("ravi", "payment")]
        assert listed(userId=EXPERT) == [(EXPERT, "earning")] * 2
        assert listed(status="failed") == []
        assert listed(**{"from": DAY, "to": DAY, "type": "payment", "userId": USER}) == [(USER, "payment")]
        assert listed(to="2026-01-04") == []
        first = panel.admin.get("/api/admin/transactions", limit=3).json()
        rest = panel.admin.get("/api/admin/transactions", limit=3, cursor=first["nextCursor"]).json()
        assert (len(first["items"]), len(rest["items"]), rest["nextCursor"]) == (3, 1, None)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("type", "gift"), ("status", "done"), ("from", "yesterday"), ("userId", "a/b"), ("format", "xls")],
    )
    def test_a_bad_query_names_the_field(self, panel: Panel, name: str, value: str) -> None:
        response = panel.admin.get("/api/admin/transactions", **{name: value})
        assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (400, name)

    def test_as_a_file(self, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
        stage = panel.stage()
        session_id = panel.paid_session(2, stage=stage)
        panel.ctx.db.ref("transactions", f"{session_id}-payment").update({"description": '=HYPERLINK("http://x")'})
        response = panel.admin.get("/api/admin/transactions", format="csv")
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert 'filename="transactions.csv"' in response.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert sorted(row["type"] for row in rows) == ["earning", "payment"]
        [payment] = [row for row in rows if row["type"] == "payment"]
        assert payment["description"] == '\'=HYPERLINK("http://x")'
        assert payment["amount"] == "20"
        monkeypatch.setattr(csv_files, "MAX_ROWS", 1)
        refused = panel.admin.get("/api/admin/transactions", format="csv")
        assert (refused.status_code, error_code(refused)) == (400, "CSV_TOO_LARGE")


class TestRevenue:
    def test_a_day(self, panel: Panel) -> None:
        stage = panel.stage()
        session_id = panel.paid_session(3, stage=stage)
        panel.paid_session(1, stage=stage, uid="ravi")
        given = {"amount": 10, "reason": "poor connection"}
        panel.admin.post(f"/api/admin/sessions/{session_id}/refund", given)
        found = panel.admin.get("/api/admin/revenue", **{"from": DAY, "to": DAY}).json()
        # The refund is of today, the sessions are of START's day.
        sums = {"gross": 40, "fee": 8, "refunds": 0, "feeRefunded": 0, "net": 8}
        assert {name: found["total"][name] for name in sums} == sums
        assert [(item["from"], item["to"]) for item in found["items"]] == [(DAY, DAY)]
        today = panel.admin.get("/api/admin/revenue").json()
        assert (today["total"]["refunds"], today["total"]["net"]) == (10, -2)
        assert len(today["items"]) == 30
        panel.check_books()

    def test_periods_and_sources(self, panel: Panel) -> None:
        panel.paid_session(3)
        for period, count in (("weekly", 2), ("monthly", 1), ("daily", 10)):
            query = {"period": period, "from": "2026-01-02", "to": "2026-01-11"}
            found = panel.admin.get("/api/admin/revenue", **query).json()
            assert len(found["items"]) == count
            assert sum(item["grossPaise"] for item in found["items"]) == found["total"]["grossPaise"] == 3000
            assert (found["items"][0]["from"], found["items"][-1]["to"]) == ("2026-01-02", "2026-01-11")
        query = {"from": DAY, "to": DAY, "source": "bookings"}
        assert panel.admin.get("/api/admin/revenue", **query).json()["total"]["gross"] == 0

    def test_a_rolled_up_day_says_the_same(self, panel: Panel) -> None:
        panel.paid_session(3)
        query = {"from": DAY, "to": DAY}
        later = START + timedelta(days=2)
        first = date.fromisoformat(DAY)
        before = days.of_range(panel.ctx.db, first, first, now=later)
        assert days.roll_up(panel.ctx, {"days": 3}, later)["days"][-2:] == [DAY, "2026-01-06"]
        assert days.roll_up(panel.ctx, {"days": 3}, later)["days"] == []
        after = days.of_range(panel.ctx.db, first, first, now=later)
        assert before[0].money == after[0].money
        assert before[0].counts == after[0].counts
        assert {name for name, count in after[0].counts.items() if count} == {"sessions", "sessionsEnded"}
        found = panel.admin.get("/api/admin/revenue", **query).json()
        assert found["total"]["grossPaise"] == 3000

    def test_as_a_file(self, panel: Panel) -> None:
        panel.paid_session(3)
        text = panel.admin.get("/api/admin/revenue", **{"from": DAY, "to": DAY, "format": "csv"}).text
        header, row = text.splitlines()
        assert header.startswith("from,to,received,returned,gross,commission,fee,gst,gatewayFees,refunds,feeRefunded,")
        assert row == f"{DAY},{DAY},0,0,30,6,6,0,0,0,0,0,0,6"

    @pytest.mark.parametrize(
        "query",
        [
            {"from": "2026-01-02", "to": "2026-01-01"},
            {"from": "2020-01-02", "to": "2026-01-01"},
            {"period": "hourly"},
            {"source": "gifts"},
        ],
    )
    def test_a_bad_query_names_the_field(self, panel: Panel, query: dict[str, str]) -> None:
        response = panel.admin.get("/api/admin/revenue", **query)
        assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (400, next(iter(query)))

    @pytest.mark.parametrize(
        ("period", "day", "first", "last"),
        [
            ("daily", "2026-01-05", "2026-01-05", "2026-01-05"),
            ("weekly", "2026-01-04", "2025-12-29", "2026-01-04"),
            ("weekly", "2026-01-05", "2026-01-05", "2026-01-11"),
            ("monthly", "2026-02-11", "2026-02-01", "2026-02-28"),
            ("monthly", "2026-12-31", "2026-12-01", "2026-12-31"),
        ],
    )
    def test_span(self, period: revenue.Period, day: str, first: str, last: str) -> None:
        found = revenue.span(period, date.fromisoformat(day))
        assert tuple(one.isoformat() for one in found) == (first, last)

    def test_the_day_is_indias(self, panel: Panel) -> None:
        evening = START.replace(hour=18, minute=29)
        give(panel.ctx, USER, 100, now=evening)
        give(panel.ctx, USER, 200, now=evening + timedelta(minutes=1))
        found = ledger_days.of_range(panel.ctx.db, date(2026, 1, 5), date(2026, 1, 6))
        assert {day: sums["deposit wallet+"] for day, sums in found.items()} == {"2026-01-05": 100, "2026-01-06": 200}


class TestAdjust:
    def test_a_credit_and_a_debit(self, panel: Panel) -> None:
        give(panel.ctx, USER, 10000)
        credit = panel.admin.post(ADJUST, {"amount": 50.5, "reason": "goodwill"})
        assert credit.status_code == 201, credit.text
        assert (credit.json()["balance"], credit.json()["amount"]) == (150.5, 50.5)
        assert wallet_of(panel.ctx, USER)["promotionalPaise"] == 5050
        debit = panel.admin.post(ADJUST, {"amount": -100.5, "reason": "paid twice"}).json()
        assert (debit["balance"], debit["amountPaise"]) == (50, -10050)
        types = [panel.doc("transactions", one["transactionId"])["type"] for one in (credit.json(), debit)]
        assert types == ["deposit", "withdraw"]
        entries = Query(("audit",)).filter("action", "==", "wallet.adjust").run(panel.ctx.db)
        assert {(e["actor"], e["target"]) for e in entries} == {(ADMIN, f"wallets/{USER}")}
        assert sorted(e["reason"] for e in entries) == ["goodwill", "paid twice"]
        panel.check_books()

    @pytest.mark.parametrize("part", ["promotional", "deposited", "earned"])
    def test_a_part(self, panel: Panel, part: str) -> None:
        give(panel.ctx, USER, 100)
        panel.admin.post(ADJUST, {"amount": 5, "reason": "goodwill", "part": part})
        panel.admin.post(ADJUST, {"amount": -2, "reason": "too much", "part": part})
        source = {m["legs"][1]["account"] for m in movements(panel.ctx) if m["kind"] == "adjustment"}
        assert source == {"platform:promotions" if part == "promotional" else "platform:adjustments"}
        assert wallet_of(panel.ctx, USER)["balancePaise"] == 400
        panel.check_books()

    def test_never_below_zero(self, panel: Panel) -> None:
        give(panel.ctx, USER, 1000)
        for body in ({"amount": -10.01}, {"amount": -1, "part": "earned"}):
            response = panel.admin.post(ADJUST, {**body, "reason": "paid twice"})
            assert (response.status_code, error_code(response)) == (402, "INSUFFICIENT_BALANCE")
        assert wallet_of(panel.ctx, USER)["balancePaise"] == 1000
        assert Query(("audit",)).run(panel.ctx.db) == []

    def test_a_repeat_with_its_key(self, panel: Panel) -> None:
        give(panel.ctx, USER, 1000)
        body = {"amount": 5, "reason": "goodwill"}
        first, second = (panel.admin.post(ADJUST, body, key="k") for _ in range(2))
        assert first.json() == second.json()
        other = panel.admin.post(ADJUST, {**body, "amount": 6}, key="k")
        assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_KEY_REUSED")
        assert wallet_of(panel.ctx, USER)["balancePaise"] == 1500

    def test_twenty_at_once_with_one_key(self, panel: Panel) -> None:
        give(panel.ctx, USER, 1000)
        body = {"amount": 5, "reason": "goodwill"}
        answers = at_once(20, lambda _: panel.admin.post(ADJUST, body, key="k").status_code)
        assert {str(answer) for answer in answers} <= {"201", "409", "503"}
        assert wallet_of(panel.ctx, USER)["balancePaise"] == 1500
        panel.check_books()

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_crash_beside_the_commit(self, panel: Panel, moment: str) -> None:
        give(panel.ctx, USER, 1000)
        given = adjustments.Adjustment("a1", USER, 500, None, "goodwill", ADMIN)
        with pytest.raises(Crash):
            crashing(panel.ctx, moment).run(lambda tx: adjustments.adjust(tx, given, key=None, now=START))
        result = panel.ctx.run(lambda tx: adjustments.adjust(tx, given, key=None, now=START))
        assert (result["balancePaise"], wallet_of(panel.ctx, USER)["balancePaise"]) == (1500, 1500)
        panel.check_books()

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"amount": 0, "reason": "why"}, "amount"),
            ({"amount": 1.005, "reason": "why"}, "amount"),
            ({"amount": "5", "reason": "why"}, "amount"),
            ({"amount": 100_001, "reason": "why"}, "amount"),
            ({"amount": 5}, "reason"),
            ({"amount": 5, "reason": "why", "part": "stolen"}, "part"),
            ({"amount": 5, "reason": "why", "uid": "x"}, "uid"),
        ],
    )
    def test_bad_input_names_the_field(self, panel: Panel, body: dict[str, object], field: str) -> None:
        response = panel.admin.post(ADJUST, body)
        assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (400, field)

    def test_no_wallet(self, panel: Panel) -> None:
        response = panel.admin.post("/api/admin/wallets/nobody/adjust", {"amount": 5, "reason": "why"})
        assert (response.status_code, error_code(response)) == (404, "WALLET_NOT_FOUND")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        (-5, -5),
        ("plain", "plain"),
        (None, ""),
        (START, "2026-01-05T10:00:00.000Z"),
    ],
)
def test_cells_are_no_formulas(value: object, cell: object) -> None:
    assert csv_files._cell(value) == cell
