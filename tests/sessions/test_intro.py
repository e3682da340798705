"""Free minutes and the promotional price of a user's first session."""

import pytest

from konnect.errors import PaymentRequired, Unavailable
from konnect.platform import PlatformConfig
from konnect.reconciliation.service import reconcile
from konnect.sessions import refunds, tasks
from konnect.sessions.metering import Meter, Pace, Tariff, warning
from konnect.store import measure
from tests.sessions.conftest import EXPERT, Stage
from tests.support import START, at_once, give, kept_events, kept_tasks, movements, sum_of_all_legs, wallet_of

INTRO = PlatformConfig(freeIntroMinutes=2, promotionalPricePerMin=4, promotionalMinutes=3)
FREE = PlatformConfig(freeIntroMinutes=2)


@pytest.fixture
def stage(stage: Stage) -> Stage:
    stage.config = INTRO
    return stage


def balance(stage: Stage, uid: str = "meera") -> float:
    return float(wallet_of(stage.ctx, uid).get("balance", 0))


def reconciled(stage: Stage) -> None:
    assert sum_of_all_legs(stage.ctx) == 0
    assert reconcile(stage.ctx).differences == []


class TestTariff:
    @pytest.mark.parametrize(
        ("tariff", "prices"),
        [
            (Tariff(1000), [1000, 1000, 1000, 1000]),
            (Tariff(1000, 2), [0, 0, 1000, 1000]),
            (Tariff(1000, 1, 2, 400), [0, 400, 400, 1000]),
            (Tariff(1000, 0, 2, 400), [400, 400, 1000, 1000]),
        ],
    )
    def test_price_of(self, tariff: Tariff, prices: list[int]) -> None:
        assert [tariff.price_of(minute) for minute in range(4)] == prices
        assert tariff.total(range(4)) == sum(prices)
        assert Tariff.of(tariff.fields()) == tariff or not tariff.promotional_minutes

    def test_of_a_session_that_says_nothing(self) -> None:
        assert Tariff.of({"pricePerMinPaise": 1000}) == Tariff(1000)

    def test_the_total_leaves_out_what_was_not_paid(self) -> None:
        meter = Meter(START, Pace(60, 30, 60), 9, Tariff(1000, 1, 2, 400), next_minute=5, grace=[4], given_back=[2])
        assert meter.total_paise == 0 + 400 + 1000

    @pytest.mark.parametrize(("next_minute", "paise", "low"), [(1, 400, False), (1, 399, True), (2, 1400, False)])
    def test_the_warning_looks_at_the_prices_to_come(self, next_minute: int, paise: int, low: bool) -> None:
        # Minutes 1 and 2 are free, 3 and 4 promotional.
        meter = Meter(START, Pace(60, 30, 60), 9, Tariff(1000, 3, 2, 400), next_minute=next_minute)
        assert (warning(paise, meter) == "low-balance") == low


class TestFirstSession:
    def test_free_then_promotional_then_the_price(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        session = stage.session(session_id)
        assert (session["pricePerMin"], session["freeMinutes"]) == (10, 2)
        assert (session["promotionalMinutes"], session["promotionalPricePerMin"]) == (3, 4)
        assert (session["minutesCharged"], session["totalAmount"], balance(stage)) == (1, 0, 100)
        seen = []
        for minute in range(1, 7):
            stage.progress(session_id, stage.at(minute), minute)
            seen.append(balance(stage))
        assert seen == [100, 96, 92, 88, 78, 68]
        ended = stage.end(session_id, "meera", stage.at(6, 30))
        assert (ended["duration"], ended["totalAmount"]) == (7, 32)
        assert wallet_of(stage.ctx, EXPERT)["withdrawablePaise"] == 2560
        [payment] = [m for m in movements(stage.ctx) if m["kind"] == "session.settle"]
        assert {leg["account"]: leg["amountPaise"] for leg in payment["legs"]}["platform:fees"] == 640
        events = kept_events(stage.ctx)
        [started] = events.named("chat-started", "user:meera")
        assert (started["freeMinutes"], started["promotionalPricePerMin"], started["pricePerMin"]) == (2, 4, 10)
        updates = events.named("billing-update", "user:meera")
        assert [(u["duration"], u["totalCharged"]) for u in updates] == [
            (1, 0), (2, 0), (3, 4), (4, 8), (5, 12), (6, 22), (7, 32),
        ]  # fmt: skip
        assert events.named("chat-ended", "user:meera")[0]["totalCharged"] == 32
        reconciled(stage)

    def test_a_tick_costs_what_it_always_does(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        costs = []
        for minute in (1, 2, 5):
            stage.run_until(session_id, stage.at(minute - 1, 30))
            due = stage.at(minute)
            with measure() as usage:
                tasks.progress(stage.ctx, {"sessionId": session_id, "userId": "meera", "due": due.isoformat()}, due)
            costs.append((usage.reads, usage.writes))
        assert costs == [(2, 1), (2, 3), (2, 3)]

    def test_twenty_ticks_at_once(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        for minute in (1, 2):
            at_once(20, lambda _, minute=minute: stage.progress(session_id, stage.at(minute), minute))
            stage.progress(session_id, stage.at(minute), minute)
        session = stage.session(session_id)
        assert (session["minutesCharged"], session["totalAmount"], balance(stage)) == (3, 4, 96)
        stage.end(session_id, "meera", stage.at(2, 5))
        reconciled(stage)

    def test_an_empty_wallet_may_use_the_free_minutes(self, stage: Stage) -> None:
        stage.config = FREE
        session_id = stage.started("meera", 0)
        assert stage.session(session_id)["warning"] == "low-balance"
        stage.run_until(session_id, stage.at(2))
        session = stage.session(session_id)
        assert (session["graceMinutes"], session["warning"]) == ([2], "zero-balance")
        stage.progress(session_id, stage.at(2, 30))
        session = stage.session(session_id)
        assert (session["endReason"], session["duration"], session["totalAmount"]) == ("insufficient-balance", 2, 0)
        assert session["transactionId"] is None
        assert movements(stage.ctx) == []
        reconciled(stage)

    def test_a_deposit_in_the_grace_pays_that_minutes_price(self, stage: Stage) -> None:
        session_id = stage.started("meera", 0)
        stage.run_until(session_id, stage.at(2))
        give(stage.ctx, "meera", 500)
        stage.progress(session_id, stage.at(2, 10))
        session = stage.session(session_id)
        assert (session["graceMinutes"], session["totalAmountPaise"], balance(stage)) == ([], 400, 1)

    def test_a_first_minute_at_the_promotional_price(self, stage: Stage) -> None:
        stage.config = PlatformConfig(promotionalPricePerMin=4, promotionalMinutes=1)
        stage.user("poor", 3)
        with pytest.raises(PaymentRequired) as refused:
            stage.request("poor")
        assert refused.value.details[0]["needed"] == 4
        assert stage.session(stage.started("meera", 4))["totalAmount"] == 4

    def test_the_promotional_price_is_never_above_the_experts(self, stage: Stage) -> None:
        stage.config = PlatformConfig(promotionalPricePerMin=15)
        session = stage.session(stage.started("meera", 100))
        assert (session["promotionalMinutes"], session["promotionalPricePerMin"]) == (0, None)
        assert balance(stage) == 90


class TestOnce:
    def test_the_second_session_has_the_price(self, stage: Stage) -> None:
        stage.end(stage.started("meera", 100), "meera", stage.at(0, 10))
        second = stage.request("meera", now=stage.at(1)).session
        assert second is not None
        assert (second["freeMinutes"], second["promotionalMinutes"], balance(stage)) == (0, 0, 90)
        assert "freeMinutes" not in kept_events(stage.ctx).named("chat-started", "user:meera")[-1]

    def test_twenty_starts_at_once_use_it_once(self, stage: Stage) -> None:
        others = [f"e{number}" for number in range(5)]
        for expert_id in others:
            stage.expert_online(expert_id)
        stage.user("meera", 100)
        at_once(20, lambda i: stage.request("meera", expert_id=others[i % 5]))
        free = 0
        for minute in range(3):
            claim = stage.ctx.db.get("claims", "user:meera")
            if claim is None:
                stage.request("meera", expert_id=others[0], now=stage.at(minute))
                claim = stage.ctx.db.get("claims", "user:meera") or {}
            free += stage.session(claim["session"])["freeMinutes"] > 0
            stage.end(claim["session"], "meera", stage.at(minute, 30))
        assert free == 1
        assert balance(stage) == 80
        reconciled(stage)

    def test_a_session_before_the_offer_was_the_first_one(self, stage: Stage) -> None:
        stage.config = PlatformConfig()
        stage.end(stage.started("meera", 100), "meera", stage.at(0, 10))
        stage.config = INTRO
        stage.request("meera", now=stage.at(1))
        assert balance(stage) == 80

    def test_an_expert_may_opt_out(self, stage: Stage) -> None:
        stage.prefer(introOffer=False)
        assert stage.session(stage.started("meera", 100))["freeMinutes"] == 0
        assert balance(stage) == 90

    def test_a_request_that_is_declined_does_not_spend_it(self, stage: Stage) -> None:
        stage.prefer(acceptsByHand=True)
        first = stage.offered("meera", 100)
        assert kept_events(stage.ctx).named("chat-request", f"user:{EXPERT}")[0]["freeMinutes"] == 2
        stage.decline(first, stage.at(0, 5))
        second = stage.request("meera", now=stage.at(1)).offer
        assert second is not None
        # Frozen with the request, whatever the platform offers by the time it is accepted.
        stage.config = PlatformConfig()
        accepted = stage.accept(second["id"], stage.at(1, 30))
        assert (accepted["freeMinutes"], accepted["totalAmount"], balance(stage)) == (2, 0, 100)

    def test_in_its_turn_of_the_queue(self, stage: Stage) -> None:
        first = stage.started("kabir", 100)
        stage.user("meera", 0)
        assert stage.request("meera").waiting
        stage.end(first, "kabir", stage.at(1))
        stage.start_next(stage.at(1))
        assert kept_events(stage.ctx).named("chat-started", "user:meera")[0]["freeMinutes"] == 2


class TestAbsenceAndEnd:
    def test_a_free_minute_during_an_absence_is_simply_free(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.leave("meera", stage.at(0, 30))
        stage.progress(session_id, stage.at(1), 1)
        session = stage.session(session_id)
        assert (session["minutesCharged"], session["deferredMinutes"]) == (2, [])
        stage.come_back("meera", stage.at(1, 20))
        assert balance(stage) == 100

    def test_a_promotional_minute_in_absence_waits(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.run_until(session_id, stage.at(1))
        stage.leave("meera", stage.at(1, 30))
        stage.progress(session_id, stage.at(2), 2)
        assert stage.session(session_id)["deferredMinutes"] == [2]
        stage.come_back("meera", stage.at(2, 20))
        assert balance(stage) == 96

    @pytest.mark.parametrize(("minute", "paid", "back"), [(1, 0, []), (2, 0, [2]), (5, 12, [5])])
    def test_the_expert_stays_away(self, stage: Stage, minute: int, paid: int, back: list[int]) -> None:
        """What the running minute cost is given back: nothing for a free one."""
        session_id = stage.started("meera", 100)
        stage.run_until(session_id, stage.at(minute))
        stage.leave(EXPERT, stage.at(minute, 20))
        stage.progress(session_id, stage.at(minute + 1, 20))
        session = stage.session(session_id)
        assert (session["endReason"], session["givenBackMinutes"]) == ("expert-absent", back)
        assert (session["totalAmount"], balance(stage)) == (paid, 100 - paid)
        reconciled(stage)

    def test_a_late_end_charges_each_due_minute_its_price(self, stage: Stage) -> None:
        session_id = stage.started("meera", 13)
        ended = stage.end(session_id, "meera", stage.at(5, 30))
        # Free, free, 4, 4, 4, and the sixth is not covered.
        assert (ended["duration"], ended["totalAmount"], ended["graceMinutes"]) == (5, 12, [5])
        reconciled(stage)

    def test_twenty_ends_at_once(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.run_until(session_id, stage.at(3))
        at_once(20, lambda i: stage.end(session_id, "meera" if i % 2 else EXPERT, stage.at(3, 30)))
        ended = stage.end(session_id, "meera", stage.at(3, 30))
        assert (ended["totalAmount"], balance(stage)) == (8, 92)
        assert [m["kind"] for m in movements(stage.ctx)].count("session.settle") == 1
        reconciled(stage)

    def test_a_crash_between_the_commit_and_the_task(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        kept_tasks(stage.ctx).by_name.clear()
        stage.progress(session_id, stage.at(0, 20))
        assert kept_tasks(stage.ctx).keyed("tick", session_id, 1)[0].at == stage.at(1)
        assert stage.session(session_id)["minutesCharged"] == 1

    def test_a_refund_returns_what_was_paid(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.run_until(session_id, stage.at(5))
        stage.end(session_id, "meera", stage.at(5, 30))
        assert balance(stage) == 78
        half = refunds.Request(session_id, "r1", 1100, "test", "admin")
        rest = refunds.Request(session_id, "r2", None, "test", "admin")
        for given in (half, half, rest):
            stage.ctx.run(lambda tx, given=given: refunds.refund(tx, given, now=stage.at(9)))
        assert balance(stage) == 100
        assert wallet_of(stage.ctx, EXPERT)["withdrawablePaise"] == 0
        reconciled(stage)


def test_free_starts_of_many_users_at_once(stage: Stage) -> None:
    """Nobody pays, nobody waits for a wallet."""
    stage.config = PlatformConfig(freeIntroMinutes=1, maxSessionsPerMentor=10)
    users = [f"u{number}" for number in range(10)]
    for uid in users:
        stage.user(uid, 0)
    results = at_once(10, lambda i: stage.request(users[i]))
    assert all(isinstance(one, Unavailable) or not isinstance(one, Exception) for one in results)
    assert movements(stage.ctx) == []
    reconciled(stage)
