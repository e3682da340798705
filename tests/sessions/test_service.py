"""A per-minute session, step by step, on the Firestore emulator."""

import pytest

from konnect.config import load
from konnect.errors import BadRequest, Conflict, Forbidden, NotFound, PaymentRequired, Unavailable
from konnect.platform import PlatformConfig
from konnect.sessions import queue, service, tasks
from konnect.sessions.metering import Pace, Side
from konnect.store import measure
from tests.sessions.conftest import CONFIG, EXPERT, PACE, Stage
from tests.support import (
    START,
    at_once,
    give,
    kept_events,
    kept_tasks,
    movements,
    sum_of_all_legs,
    wallet_of,
)


class TestStart:
    def test_charges_the_first_minute_and_schedules_the_second(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        session = stage.session(session_id)
        assert (session["status"], session["minutesCharged"], session["heldPaise"]) == ("in_progress", 1, 1000)
        assert wallet_of(stage.ctx, "meera")["balance"] == 90
        [tick] = kept_tasks(stage.ctx).keyed("tick", session_id)
        assert (tick.at, tick.payload["due"]) == (stage.at(1), stage.at(1).isoformat())
        events = kept_events(stage.ctx)
        [to_user] = events.named("chat-started", "user:meera")
        [to_expert] = events.named("chat-started", f"user:{EXPERT}")
        assert to_user["chatId"] == to_expert["chatId"] == session_id
        assert to_user["expert"]["name"] == "Asha"
        assert to_expert["user"] == {"id": "meera", "name": "Meera"}

    def test_asking_again_answers_the_running_session(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        again = stage.request("meera")
        assert again.session is not None
        assert again.session["id"] == session_id
        assert wallet_of(stage.ctx, "meera")["balance"] == 90

    def test_a_second_expert_at_the_same_time_is_refused(self, stage: Stage) -> None:
        stage.expert_online("ravi")
        stage.started("meera", 100)
        with pytest.raises(Conflict, match="in a session"):
            stage.request("meera", expert_id="ravi")

    @pytest.mark.parametrize(
        ("uid", "expert_id", "error"),
        [("meera", "nobody", NotFound), (EXPERT, EXPERT, BadRequest), ("poor", EXPERT, PaymentRequired)],
    )
    def test_refusals_change_nothing(self, stage: Stage, uid: str, expert_id: str, error: type[Exception]) -> None:
        stage.user("meera", 100)
        stage.user("poor", 9)
        before = len(movements(stage.ctx))
        with pytest.raises(error):
            stage.request(uid, expert_id=expert_id)
        assert len(movements(stage.ctx)) == before

    def test_a_closed_account(self, stage: Stage) -> None:
        """Closed since the request was let in."""
        stage.user("meera", 100)
        stage.ctx.db.set(("users", "meera"), {"disabled": True})
        with pytest.raises(Forbidden) as refused:
            stage.request("meera")
        assert refused.value.code == "ACCOUNT_DISABLED"
        assert wallet_of(stage.ctx, "meera")["balance"] == 100
        assert stage.waiting() == []

    def test_the_missing_amount_is_named(self, stage: Stage) -> None:
        stage.user("poor", 9)
        with pytest.raises(PaymentRequired) as refused:
            stage.request("poor")
        assert refused.value.code == "INSUFFICIENT_BALANCE"
        assert refused.value.details[0]["needed"] == 10
        assert refused.value.details[0]["available"] == 9

    def test_an_offline_expert(self, stage: Stage) -> None:
        stage.user("meera", 100)
        stage.leave(EXPERT, START)
        with pytest.raises(Conflict) as refused:
            stage.request("meera")
        assert refused.value.code == "EXPERT_OFFLINE"

    def test_no_more_experts_online_than_configured(self, ctx: object) -> None:
        stage = Stage(ctx, PlatformConfig(maxConcurrentMentors=1))  # type: ignore[arg-type]
        stage.expert_online()
        with pytest.raises(Conflict) as refused:
            stage.expert_online("ravi")
        assert refused.value.code == "PLATFORM_FULL"


class TestTick:
    def test_each_minute_is_charged_once(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        for _ in range(3):
            stage.progress(session_id, stage.at(1), 1)
        assert stage.session(session_id)["minutesCharged"] == 2
        assert wallet_of(stage.ctx, "meera")["balance"] == 80

    def test_twenty_ticks_at_once_charge_once(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        results = at_once(20, lambda _: stage.progress(session_id, stage.at(1), 1))
        # Contention may use up an attempt's patience; Cloud Tasks would bring it again.
        assert all(result is None or isinstance(result, Unavailable) for result in results)
        stage.progress(session_id, stage.at(1), 1)
        assert stage.session(session_id)["minutesCharged"] == 2
        assert sum_of_all_legs(stage.ctx) == 0

    def test_costs_two_reads_and_three_writes(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        with measure() as usage:
            tasks.progress(
                stage.ctx, {"sessionId": session_id, "userId": "meera", "due": stage.at(1).isoformat()}, stage.at(1)
            )
        assert (usage.reads, usage.writes) == (2, 3)

    def test_a_repeat_schedules_what_a_crash_left_out(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.progress(session_id, stage.at(1), 1)
        kept_tasks(stage.ctx).by_name.clear()
        stage.progress(session_id, stage.at(1), 1)
        assert [task.at for task in kept_tasks(stage.ctx).keyed("tick")] == [stage.at(2)]
        assert stage.session(session_id)["minutesCharged"] == 2

    def test_a_late_tick_charges_every_due_minute_and_keeps_the_schedule(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.progress(session_id, stage.at(3, 20), 1)
        assert stage.session(session_id)["minutesCharged"] == 4
        assert kept_tasks(stage.ctx).keyed("tick", session_id, 4)[0].at == stage.at(4)

    def test_an_early_tick_comes_again(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        with pytest.raises(Unavailable):
            stage.progress(session_id, stage.at(0, 59), 1)
        assert stage.session(session_id)["minutesCharged"] == 1

    def test_the_longest_length_ends_it(self, ctx: object) -> None:
        stage = Stage(ctx, PlatformConfig(maxSessionDurationMins=3))  # type: ignore[arg-type]
        stage.expert_online()
        session_id = stage.started("meera", 100)
        stage.run_until(session_id, stage.at(10))
        session = stage.session(session_id)
        assert (session["endReason"], session["minutesCharged"], session["endedAt"]) == ("max-duration", 3, stage.at(3))


class TestWarningsAndGrace:
    def test_low_then_zero_then_end(self, stage: Stage) -> None:
        session_id = stage.started("meera", 40)
        stage.run_until(session_id, stage.at(3))
        assert stage.session(session_id)["warning"] == "low-balance"
        stage.run_until(session_id, stage.at(4))
        session = stage.session(session_id)
        assert (session["warning"], session["graceUntil"]) == ("zero-balance", stage.at(4, 30))
        assert [w["type"] for w in kept_events(stage.ctx).named("chat-warning", "user:meera")] == [
            "low-balance",
            "zero-balance",
        ]
        stage.progress(session_id, stage.at(4, 30))
        session = stage.session(session_id)
        assert (session["status"], session["endReason"]) == ("completed", "insufficient-balance")
        assert (session["minutesCharged"], session["graceMinutes"], session["writtenOffMinutes"]) == (4, [4], [])
        assert wallet_of(stage.ctx, EXPERT)["withdrawablePaise"] == 3200

    def test_a_deposit_in_the_grace_keeps_the_schedule(self, stage: Stage) -> None:
        session_id = stage.started("meera", 10)
        stage.run_until(session_id, stage.at(1))
        give(stage.ctx, "meera", 5000)
        stage.progress(session_id, stage.at(1, 12))
        session = stage.session(session_id)
        assert (session["minutesCharged"], session["graceUntil"], session["graceMinutes"]) == (2, None, [])
        assert kept_tasks(stage.ctx).keyed("tick", session_id, 2)[0].at == stage.at(2)
        stage.progress(session_id, stage.at(1, 30))
        assert stage.session(session_id)["status"] == "in_progress"

    def test_a_late_tick_does_not_shorten_the_grace(self, stage: Stage) -> None:
        session_id = stage.started("meera", 10)
        stage.progress(session_id, stage.at(1, 25), 1)
        assert stage.session(session_id)["graceUntil"] == stage.at(1, 55)

    def test_minutes_after_a_late_grace_are_written_off(self, stage: Stage) -> None:
        session_id = stage.started("meera", 10)
        stage.run_until(session_id, stage.at(1))
        stage.progress(session_id, stage.at(3, 10))
        session = stage.session(session_id)
        assert (session["graceMinutes"], session["writtenOffMinutes"]) == ([1], [2, 3])

    @pytest.mark.parametrize(
        ("deposit_paise", "status", "charged", "in_grace"),
        [(5000, "in_progress", 4, []), (0, "completed", 1, [1, 2, 3])],
    )
    def test_one_longer_than_a_minute(
        self, stage: Stage, deposit_paise: int, status: str, charged: int, in_grace: list[int]
    ) -> None:
        """As operators may set it: what comes due in it waits with the first minute, and one deposit pays for all."""
        pace = Pace(60, 150, 60)
        session_id = stage.started("meera", 10)
        for now in (stage.at(1), stage.at(2), stage.at(3)):
            stage.ctx.run(lambda tx, now=now: service.progress(tx, session_id, pace=pace, now=now))
        session = stage.session(session_id)
        assert (session["graceMinutes"], session["graceUntil"]) == ([1, 2, 3], stage.at(3, 30))
        if deposit_paise:
            give(stage.ctx, "meera", deposit_paise)
        stage.ctx.run(lambda tx: service.progress(tx, session_id, pace=pace, now=stage.at(3, 30)))
        session = stage.session(session_id)
        assert (session["status"], session["minutesCharged"]) == (status, charged)
        assert (session["graceMinutes"], session["writtenOffMinutes"]) == (in_grace, [])


class TestAbsence:
    def test_a_minute_due_in_absence_waits_for_the_return(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.leave("meera", stage.at(0, 30))
        stage.progress(session_id, stage.at(1), 1)
        assert stage.session(session_id)["deferredMinutes"] == [1]
        stage.come_back("meera", stage.at(1, 10))
        session = stage.session(session_id)
        assert (session["deferredMinutes"], session["minutesCharged"]) == ([], 2)

    def test_a_return_with_an_empty_wallet_begins_the_grace(self, stage: Stage) -> None:
        session_id = stage.started("meera", 10)
        stage.leave("meera", stage.at(0, 30))
        stage.progress(session_id, stage.at(1), 1)
        stage.come_back("meera", stage.at(1, 10))
        session = stage.session(session_id)
        assert (session["graceMinutes"], session["graceUntil"]) == ([1], stage.at(1, 40))

    def test_the_user_stays_away(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.leave("meera", stage.at(0, 30))
        [task] = kept_tasks(stage.ctx).keyed("absence", session_id)
        assert task.at == stage.at(1, 30)
        stage.progress(session_id, stage.at(1), 1)
        stage.progress(session_id, stage.at(1, 30))
        session = stage.session(session_id)
        assert (session["endReason"], session["minutesCharged"], session["deferredMinutes"]) == ("user-absent", 1, [1])

    def test_the_expert_stays_away_and_gives_the_running_minute_back(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.run_until(session_id, stage.at(2))
        stage.leave(EXPERT, stage.at(2, 20))
        stage.progress(session_id, stage.at(3), 3)
        stage.progress(session_id, stage.at(3, 20))
        session = stage.session(session_id)
        assert (session["endReason"], session["givenBackMinutes"], session["deferredMinutes"]) == (
            "expert-absent",
            [2],
            [3],
        )
        assert wallet_of(stage.ctx, "meera")["depositedPaise"] == 8000
        assert sum_of_all_legs(stage.ctx) == 0

    def test_a_return_after_the_time_finds_it_ended(self, stage: Stage) -> None:
        session_id = stage.started("meera", 200)
        stage.leave("meera", stage.at(0, 30))
        # The task that should have ended it was lost.
        stage.come_back("meera", stage.at(10, 30))
        session = stage.session(session_id)
        assert (session["status"], session["endReason"], session["minutesCharged"]) == ("completed", "user-absent", 1)

    def test_a_return_in_time_ends_nothing(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.leave("meera", stage.at(0, 10))
        stage.come_back("meera", stage.at(0, 20))
        stage.progress(session_id, stage.at(1), 1)
        stage.progress(session_id, stage.at(1, 10))
        assert stage.session(session_id)["status"] == "in_progress"

    @pytest.mark.parametrize(("who", "charged", "written_off"), [("meera", 5, []), (EXPERT, 3, [2, 3])])
    def test_one_longer_than_a_minute(self, stage: Stage, who: str, charged: int, written_off: list[int]) -> None:
        """As operators may set it: nobody pays for a minute in which the expert was never there."""
        pace = Pace(60, 30, 600)
        session_id = stage.started("meera", 100)
        side: Side = "expert" if who == EXPERT else "user"
        for absent, now in ((True, stage.at(1, 30)), (False, stage.at(4, 10))):
            stage.ctx.run(
                lambda tx, absent=absent, now=now: service.set_absent(tx, session_id, side, absent, pace=pace, now=now)
            )
        session = stage.session(session_id)
        assert (session["deferredMinutes"], session["minutesCharged"]) == ([], charged)
        assert session["writtenOffMinutes"] == written_off
        assert wallet_of(stage.ctx, "meera")["depositedPaise"] == 10000 - 1000 * charged
        stage.end(session_id, "meera", stage.at(4, 20))
        assert stage.session(session_id)["totalAmountPaise"] == 1000 * charged
        assert sum_of_all_legs(stage.ctx) == 0


class TestEnd:
    def test_settles_once(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.run_until(session_id, stage.at(2))
        for _ in range(2):
            ended = stage.end(session_id, "meera", stage.at(2, 30))
        assert (ended["status"], ended["endReason"], ended["totalAmount"]) == ("completed", "user-ended", 30)
        assert wallet_of(stage.ctx, EXPERT)["withdrawablePaise"] == 2400
        assert stage.session(session_id)["heldPaise"] == 0
        [settled] = [m for m in movements(stage.ctx) if m["kind"] == "session.settle"]
        assert {leg["account"]: leg["amountPaise"] for leg in settled["legs"]}["platform:fees"] == 600
        assert (stage.ctx.db.get("transactions", f"{session_id}-payment") or {})["amount"] == 30
        assert (stage.ctx.db.get("transactions", f"{session_id}-earning") or {})["amount"] == 24
        assert sum_of_all_legs(stage.ctx) == 0

    def test_twenty_at_once_settle_once(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        at_once(20, lambda i: stage.end(session_id, "meera" if i % 2 else EXPERT, stage.at(0, 30)))
        stage.end(session_id, "meera", stage.at(0, 30))
        assert len([m for m in movements(stage.ctx) if m["kind"] == "session.settle"]) == 1
        assert wallet_of(stage.ctx, EXPERT)["withdrawablePaise"] == 800
        assert sum_of_all_legs(stage.ctx) == 0

    def test_only_a_participant(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        with pytest.raises(Forbidden):
            stage.end(session_id, "eve", stage.at(1))
        assert stage.session(session_id)["status"] == "in_progress"

    def test_charges_due_minutes_and_writes_off_the_rest(self, stage: Stage) -> None:
        session_id = stage.started("meera", 25)
        ended = stage.end(session_id, "meera", stage.at(3, 5))
        # Minute 1 was covered; minute 2 came due without a tick, and its grace began at the end itself.
        assert ended["minutesCharged"] == 2
        assert ended["graceMinutes"] + ended["writtenOffMinutes"] == [2, 3]


class TestQueue:
    def test_twenty_at_once_one_session_and_nineteen_in_order(self, stage: Stage) -> None:
        users = [f"u{i:02}" for i in range(20)]
        for uid in users:
            stage.user(uid, 100)
        results = at_once(20, lambda i: stage.request(users[i]))
        while failed := [i for i, r in enumerate(results) if isinstance(r, Unavailable)]:
            for i in failed:
                results[i] = stage.request(users[i])
        assert sum(1 for r in results if not isinstance(r, Exception) and r.session is not None) == 1
        waiting = queue.waiting(stage.ctx.db, EXPERT)
        assert len(waiting) == 19
        assert waiting == sorted(waiting, key=lambda entry: (entry["joinedAt"], entry["id"]))
        assert len([m for m in movements(stage.ctx) if m["kind"] == "session.minute"]) == 1

    def test_the_next_starts_when_the_expert_is_free(self, stage: Stage) -> None:
        first = stage.started("meera", 100)
        for uid in ("kabir", "lena"):
            stage.user(uid, 100)
            assert stage.request(uid).waiting
        assert queue.position(stage.ctx.db, EXPERT, "lena") == 2
        stage.end(first, "meera", stage.at(1))
        [advance] = kept_tasks(stage.ctx).keyed("advance", EXPERT, first)
        tasks.advance(stage.ctx, advance.payload, stage.at(1))
        [started] = kept_events(stage.ctx).named("chat-started", "user:kabir")
        assert stage.session(started["chatId"])["status"] == "in_progress"
        assert kept_events(stage.ctx).named("queue-status", "user:lena")[-1]["position"] == 1
        tasks.advance(stage.ctx, advance.payload, stage.at(1))
        assert queue.position(stage.ctx.db, EXPERT, "lena") == 1

    def test_who_can_not_pay_or_is_gone_loses_the_place(self, stage: Stage) -> None:
        first = stage.started("meera", 100)
        for uid in ("gone", "poor", "kabir"):
            stage.user(uid, 100)
            stage.request(uid)
        stage.leave("gone", START)
        # The wallet is emptied elsewhere while its owner waits.
        stage.expert_online("ravi", price_paise=9500)
        stage.ctx.run(lambda tx: tx.update(("wallets", "poor"), {"balancePaise": 500}))
        stage.end(first, "meera", stage.at(1))
        tasks.advance(stage.ctx, {"expertId": EXPERT}, stage.at(1))
        events = kept_events(stage.ctx)
        assert events.named("queue-status", "user:gone")[-1]["reason"] == "absent"
        assert events.named("queue-status", "user:poor")[-1]["reason"] == "insufficient-balance"
        assert events.named("chat-started", "user:kabir")

    def test_nobody_overtakes_who_waits(self, stage: Stage) -> None:
        first = stage.started("meera", 100)
        stage.user("kabir", 100)
        stage.user("lena", 100)
        stage.request("kabir")
        stage.end(first, "meera", stage.at(1))
        assert stage.request("lena", now=stage.at(1)).waiting


def test_the_pace_and_defaults_are_the_products() -> None:
    assert Pace.of(load({})) == PACE == Pace(60, 30, 60)
    assert Pace.of(load({"GRACE_S": "120", "ABSENCE_S": "300"})) == Pace(60, 120, 300)
    assert (CONFIG.maxConcurrentMentors, CONFIG.maxSessionsPerMentor, CONFIG.platformFeePercent) == (50, 1, 20)
    assert (CONFIG.defaultPricePerMin, CONFIG.maxSessionDurationMins) == (10, 120)
