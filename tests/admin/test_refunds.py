"""Refunds of sessions: full, partial, several, at once, repeated, and from experts who have spent it."""

from decimal import ROUND_HALF_UP, Decimal

import pytest

from konnect import platform
from konnect.errors import Conflict, KonnectError
from konnect.ledger import accounts
from konnect.payouts import withdrawals
from konnect.sessions import refunds
from konnect.store import Query
from tests.admin.conftest import ADMIN, EXPERT, USER, Panel
from tests.payments.api import error_code
from tests.payments.conftest import Crash, crashing
from tests.support import START, at_once, give, movements, wallet_of


def refund(panel: Panel, session_id: str, amount: float | None = None, *, key: str | None = None, **more: object):
    body = {"reason": "poor connection", **({"amount": amount} if amount is not None else {}), **more}
    return panel.admin.post(f"/api/admin/sessions/{session_id}/refund", body, key=key)


def test_a_full_refund(panel: Panel) -> None:
    session_id = panel.paid_session(3)
    response = refund(panel, session_id)
    assert response.status_code == 201, response.text
    made = response.json()
    assert made == {
        "refundId": made["refundId"],
        "sessionId": session_id,
        "userId": USER,
        "amount": 30,
        "amountPaise": 3000,
        "platformFee": 6,
        "expertShare": 24,
        "owedByExpert": 0,
        "refundedAmount": 30,
        "refundable": 0,
        "currency": "INR",
    }
    assert wallet_of(panel.ctx, USER)["depositedPaise"] == 20000
    assert wallet_of(panel.ctx, EXPERT)["balancePaise"] == 0
    session = panel.doc("sessions", session_id)
    assert (session["refundedAmount"], session["refundedAmountPaise"], session["totalAmount"]) == (30, 3000, 30)
    seen = panel.doc("transactions", made["refundId"])
    assert (seen["userId"], seen["type"], seen["amount"], seen["referenceId"]) == (USER, "refund", 30, session_id)
    [entry] = Query(("audit",)).filter("action", "==", "session.refund").run(panel.ctx.db)
    assert (entry["actor"], entry["target"], entry["reason"]) == (ADMIN, f"sessions/{session_id}", "poor connection")
    panel.check_books()


def test_partial_refunds_round_on_their_total(panel: Panel) -> None:
    """30.03 INR at 20 %: the fee is 6.01; given back in three parts, it comes back to the paisa."""
    session_id = panel.paid_session(3, stage=panel.stage(price_paise=1001))
    given = [refund(panel, session_id, amount).json() for amount in (10.01, 10.01, 10.01)]
    assert [one["platformFee"] for one in given] == [2, 2.01, 2]
    assert sum(round(one["platformFee"] * 100) for one in given) == 601
    assert [one["refundable"] for one in given] == [20.02, 10.01, 0]
    assert wallet_of(panel.ctx, USER)["balancePaise"] == 20000
    panel.check_books()


@pytest.mark.parametrize(
    ("whole", "amount", "of", "expected"), [(601, 1, 3003, 0), (601, 3003, 3003, 601), (5, 1, 10, 1), (0, 7, 10, 0)]
)
def test_proportion(whole: int, amount: int, of: int, expected: int) -> None:
    assert refunds.part_of(whole, amount, of) == expected
    exact = Decimal(whole) * amount / of
    assert expected == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def test_the_money_returns_to_where_it_came_from(panel: Panel) -> None:
    """Spent: 20 promotional, then 10 deposited; the last spent comes back first."""
    stage = panel.stage()
    give(panel.ctx, USER, 2000, part="promotional")
    session_id = panel.paid_session(3, stage=stage)
    before = wallet_of(panel.ctx, USER)
    assert (before["promotionalPaise"], before["depositedPaise"]) == (0, 19000)
    refund(panel, session_id, 15)
    after = wallet_of(panel.ctx, USER)
    assert (after["promotionalPaise"], after["depositedPaise"]) == (500, 20000)
    refund(panel, session_id)
    assert wallet_of(panel.ctx, USER)["promotionalPaise"] == 2000
    panel.check_books()


def test_what_the_expert_has_spent_is_owed_and_paid_by_later_earnings(panel: Panel) -> None:
    stage = panel.stage()
    session_id = panel.paid_session(3, stage=stage)
    panel.ctx.run(lambda tx: withdrawals.withdraw(tx, EXPERT, 2000, key=None, request_id="r1", now=START))
    made = refund(panel, session_id).json()
    assert (made["expertShare"], made["owedByExpert"]) == (24, 20)
    assert wallet_of(panel.ctx, USER)["balancePaise"] == 20000
    assert panel.doc("receivables", EXPERT)["balancePaise"] == -2000
    assert wallet_of(panel.ctx, EXPERT)["balancePaise"] == 0
    panel.check_books()
    panel.paid_session(3, stage=stage, uid="ravi")
    assert panel.doc("receivables", EXPERT)["balancePaise"] == 0
    assert wallet_of(panel.ctx, EXPERT)["balancePaise"] == 400
    panel.check_books()


def test_without_a_fee(panel: Panel) -> None:
    panel.ctx.run(lambda tx: platform.change(tx, {"platformFeePercent": 0}))
    stage = panel.stage()
    stage.config = platform.PlatformConfig(platformFeePercent=0)
    session_id = panel.paid_session(2, stage=stage)
    assert refund(panel, session_id, 0.01).json()["expertShare"] == 0.01
    assert refund(panel, session_id).json()["refundedAmount"] == 20
    panel.check_books()


class TestOnce:
    def test_a_repeat_with_its_key(self, panel: Panel) -> None:
        session_id = panel.paid_session(3)
        first, second = (refund(panel, session_id, 10, key="k1") for _ in range(2))
        assert first.json() == second.json()
        assert panel.doc("sessions", session_id)["refundedAmountPaise"] == 1000
        other = refund(panel, session_id, 11, key="k1")
        assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_KEY_REUSED")
        panel.check_books()

    def test_a_repeat_with_its_refund_id(self, panel: Panel) -> None:
        session_id = panel.paid_session(3)
        first, second = (refund(panel, session_id, 10, refundId="ticket-7") for _ in range(2))
        assert first.json() == second.json()
        assert panel.doc("sessions", session_id)["refundedAmountPaise"] == 1000
        other = refund(panel, session_id, 11, refundId="ticket-7")
        assert (other.status_code, error_code(other)) == (409, "REFUND_DIFFERS")

    def test_twenty_at_once_of_one_refund(self, panel: Panel) -> None:
        session_id = panel.paid_session(3)
        given = refunds.Request(session_id, "r1", 1000, "poor connection", ADMIN)
        results = at_once(20, lambda _: panel.ctx.run(lambda tx: refunds.refund(tx, given, now=START)))
        for result in results:
            assert isinstance(result, dict) or (isinstance(result, KonnectError) and result.status in {409, 503}), (
                result
            )
        assert panel.doc("sessions", session_id)["refundedAmountPaise"] == 1000
        panel.check_books()

    def test_twenty_at_once_never_refund_more_than_was_paid(self, panel: Panel) -> None:
        session_id = panel.paid_session(3)

        def one(index: int) -> object:
            given = refunds.Request(session_id, f"r{index}", 700, "poor connection", ADMIN)
            return panel.ctx.run(lambda tx: refunds.refund(tx, given, now=START))

        results = at_once(20, one)
        done = [result for result in results if isinstance(result, dict)]
        assert 1 <= len(done) <= 4
        assert panel.doc("sessions", session_id)["refundedAmountPaise"] == 700 * len(done)
        assert wallet_of(panel.ctx, USER)["balancePaise"] == 17000 + 700 * len(done)
        panel.check_books()

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_crash_beside_the_commit(self, panel: Panel, moment: str) -> None:
        session_id = panel.paid_session(3)
        given = refunds.Request(session_id, "r1", None, "poor connection", ADMIN)
        with pytest.raises(Crash):
            crashing(panel.ctx, moment).run(lambda tx: refunds.refund(tx, given, now=START))
        panel.check_books()
        panel.ctx.run(lambda tx: refunds.refund(tx, given, now=START))
        assert wallet_of(panel.ctx, USER)["balancePaise"] == 20000
        panel.check_books()


class TestRefused:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"reason": "poor", "amount": 30.01}, "amount"),
            ({"reason": "poor", "amount": 0}, "amount"),
            ({"reason": "poor", "amount": -1}, "amount"),
            ({"reason": "poor", "amount": 1.005}, "amount"),
            ({"reason": "poor", "amount": "5"}, "amount"),
            ({"amount": 5}, "reason"),
            ({"reason": "x"}, "reason"),
            ({"reason": "poor", "refundId": "a/b"}, "refundId"),
            ({"reason": "poor", "sum": 5}, "sum"),
        ],
    )
    def test_bad_input_names_the_field(self, panel: Panel, body: dict[str, object], field: str) -> None:
        session_id = panel.paid_session(3)
        response = panel.admin.post(f"/api/admin/sessions/{session_id}/refund", body)
        assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (400, field)
        assert wallet_of(panel.ctx, USER)["balancePaise"] == 17000

    def test_after_all_is_refunded(self, panel: Panel) -> None:
        session_id = panel.paid_session(1)
        refund(panel, session_id)
        again = refund(panel, session_id)
        assert (again.status_code, error_code(again)) == (409, "ALREADY_REFUNDED")

    def test_a_refund_of_a_refund(self, panel: Panel) -> None:
        session_id = panel.paid_session(1)
        refund_id = refund(panel, session_id).json()["refundId"]
        response = refund(panel, refund_id)
        assert (response.status_code, error_code(response)) == (409, "REFUND_NOT_REFUNDABLE")

    def test_a_running_session(self, panel: Panel) -> None:
        response = refund(panel, panel.stage().started(USER, 100))
        assert (response.status_code, error_code(response)) == (409, "SESSION_NOT_ENDED")

    def test_a_session_that_cost_nothing(self, panel: Panel) -> None:
        stage = panel.stage()
        session_id = stage.started(USER, 100)
        stage.leave(EXPERT, stage.at(0, 5))
        stage.progress(session_id, stage.at(1, 5))
        assert panel.doc("sessions", session_id)["totalAmountPaise"] == 0
        response = refund(panel, session_id)
        assert (response.status_code, error_code(response)) == (409, "NOTHING_TO_REFUND")

    def test_an_unknown_session(self, panel: Panel) -> None:
        response = refund(panel, "nothing")
        assert (response.status_code, error_code(response)) == (404, "SESSION_NOT_FOUND")

    def test_others_than_admins(self, panel: Panel) -> None:
        path = "/api/admin/sessions/s1/refund"
        assert panel.api.user(None).post(path, {"reason": "poor"}).status_code == 401
        for role in ("user", "expert"):
            assert panel.api.user(USER, role=role).post(path, {"reason": "poor"}).status_code == 403


def test_the_movement_names_both_sides_and_the_platform(panel: Panel) -> None:
    session_id = panel.paid_session(3)
    refund(panel, session_id, 10)
    [movement] = [m for m in movements(panel.ctx) if m["kind"] == "session.refund"]
    assert {leg["account"]: leg["amountPaise"] for leg in movement["legs"]} == {
        accounts.wallet(USER): 1000,
        accounts.wallet(EXPERT): -800,
        accounts.PLATFORM_FEES: -200,
    }
    terms = panel.doc("sessions", session_id, "private", "terms")
    assert (terms["refundedEarningPaise"], terms["refundedFeePaise"]) == (800, 200)


def test_a_forged_repeat_of_a_movement_is_refused(panel: Panel) -> None:
    """The refund's document lost, the movement there: other legs never pass."""
    session_id = panel.paid_session(3)
    given = refunds.Request(session_id, "r1", 1000, "poor connection", ADMIN)
    panel.ctx.run(lambda tx: refunds.refund(tx, given, now=START))
    panel.ctx.db.delete("refunds", "r1")
    other = refunds.Request(session_id, "r1", 500, "poor connection", ADMIN)
    with pytest.raises(Conflict):
        panel.ctx.run(lambda tx: refunds.refund(tx, other, now=START))
