"""Requests that the expert accepts by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from konnect.errors import Conflict, Forbidden, NotFound, Unavailable
from konnect.platform import PlatformConfig
from konnect.reconciliation.service import reconcile
from konnect.sessions import attendance, refunds, service, sweeps
from konnect.store import Doc
from tests.sessions.conftest import EXPERT, PACE, Stage
from tests.support import at_once, kept_events, kept_tasks, movements, sum_of_all_legs, wallet_of


@pytest.fixture
def stage(stage: Stage) -> Stage:
    stage.prefer(acceptsByHand=True)
    return stage


def told(stage: Stage, event: str, uid: str) -> list[Any]:
    return kept_events(stage.ctx).named(event, f"user:{uid}")


class TestOffer:
    def test_nothing_is_charged_and_both_are_told(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        session = stage.session(session_id)
        assert (session["status"], session["mode"], session["startedAt"]) == ("pending", "perMinute", None)
        assert (session["acceptUntil"], session["minutesCharged"], session["heldPaise"]) == (stage.at(1), 0, 0)
        assert wallet_of(stage.ctx, "meera")["balance"] == 100
        [asked] = told(stage, "chat-request", EXPERT)
        assert (asked["chatId"], asked["userId"], asked["userName"]) == (session_id, "meera", "Meera")
        assert (asked["type"], asked["pricePerMin"], asked["expiresAt"]) == ("chat", 10, "2026-01-05T10:01:00.000Z")
        [waits] = told(stage, "queue-joined", "meera")
        assert (waits["position"], waits["pending"], waits["chatId"]) == (1, True, session_id)
        [task] = kept_tasks(stage.ctx).keyed("acceptance", session_id)
        assert task.at == stage.at(1)
        assert not kept_tasks(stage.ctx).keyed("tick")
        assert not told(stage, "chat-started", "meera")

    def test_the_expert_is_asked_one_thing_at_a_time(self, stage: Stage) -> None:
        stage.offered("meera", 100)
        stage.user("kabir", 100)
        asked = stage.request("kabir")
        assert (asked.waiting, asked.offer) == (True, None)
        assert len(told(stage, "chat-request", EXPERT)) == 1

    def test_asking_again_changes_nothing(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        again = stage.request("meera")
        assert again.offer is not None
        assert again.offer["id"] == session_id
        stage.expert_online("ravi")
        with pytest.raises(Conflict, match="have asked"):
            stage.request("meera", expert_id="ravi")

    def test_a_deposit_or_a_tick_does_not_start_it(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        stage.progress(session_id, stage.at(0, 30))
        assert stage.session(session_id)["status"] == "pending"
        # The name of the task that moves the queue at the session's end is not spent.
        assert not kept_tasks(stage.ctx).keyed("advance", EXPERT, session_id)

    def test_the_time_is_configured(self, stage: Stage) -> None:
        stage.config = PlatformConfig(acceptSeconds=15)
        assert stage.session(stage.offered("meera", 100))["acceptUntil"] == stage.at(0, 15)


class TestAccept:
    def test_a_user_whose_account_is_closed(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        stage.ctx.db.set(("users", "meera"), {"disabled": True})
        accepted = stage.accept(session_id, stage.at(0, 10))
        assert (accepted["status"], accepted["endReason"]) == ("cancelled", "admin-ended")
        assert wallet_of(stage.ctx, "meera")["balance"] == 100
        assert kept_tasks(stage.ctx).keyed("advance", EXPERT, session_id)

    def test_an_expert_whose_account_is_closed(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        stage.ctx.db.set(("users", EXPERT), {"disabled": True})
        with pytest.raises(Forbidden) as refused:
            stage.accept(session_id, stage.at(0, 10))
        assert refused.value.code == "ACCOUNT_DISABLED"
        assert stage.session(session_id)["status"] == "pending"

    def test_it_starts_at_the_acceptance(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        accepted = stage.accept(session_id, stage.at(0, 40))
        assert (accepted["status"], accepted["startedAt"]) == ("in_progress", stage.at(0, 40))
        assert (accepted["minutesCharged"], accepted["heldPaise"]) == (1, 1000)
        assert kept_tasks(stage.ctx).keyed("tick", session_id, 1)[0].at == stage.at(1, 40)
        assert told(stage, "chat-started", "meera")[0]["chatId"] == session_id
        assert told(stage, "chat-started", EXPERT)[0]["user"] == {"id": "meera", "name": "Meera"}
        stage.time_out(session_id, stage.at(1))
        assert stage.session(session_id)["status"] == "in_progress"
        ended = stage.end(session_id, "meera", stage.at(0, 50))
        assert (ended["endReason"], ended["totalAmount"], ended["durationSeconds"]) == ("user-ended", 10, 10)
        assert kept_tasks(stage.ctx).keyed("advance", EXPERT, session_id)
        assert reconcile(stage.ctx).differences == []

    def test_again_schedules_what_a_crash_left_out(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        stage.accept(session_id, stage.at(0, 10))
        kept_tasks(stage.ctx).by_name.clear()
        assert stage.accept(session_id, stage.at(0, 20))["startedAt"] == stage.at(0, 10)
        assert [task.at for task in kept_tasks(stage.ctx).keyed("tick")] == [stage.at(1, 10)]
        assert wallet_of(stage.ctx, "meera")["balance"] == 90

    def test_twenty_at_once_charge_one_minute(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        results = at_once(20, lambda _: stage.accept(session_id, stage.at(0, 10)))
        assert all(isinstance(one, dict | Unavailable) for one in results)
        assert stage.accept(session_id, stage.at(0, 10))["status"] == "in_progress"
        assert [m["kind"] for m in movements(stage.ctx)].count("session.minute") == 1
        assert wallet_of(stage.ctx, "meera")["balance"] == 90
        assert sum_of_all_legs(stage.ctx) == 0

    def test_price_and_fee_are_those_of_the_request(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        stage.ctx.run(lambda tx: tx.update(("experts", EXPERT), {"pricePerMin": 50, "pricePerMinPaise": 5000}))
        stage.config = PlatformConfig(platformFeePercent=100)
        stage.accept(session_id, stage.at(0, 10))
        stage.end(session_id, EXPERT, stage.at(0, 20))
        assert wallet_of(stage.ctx, "meera")["balance"] == 90
        assert wallet_of(stage.ctx, EXPERT)["withdrawablePaise"] == 800

    @pytest.mark.parametrize("by", ["meera", "eve"])
    def test_only_its_expert(self, stage: Stage, by: str) -> None:
        session_id = stage.offered("meera", 100)
        for answer in (stage.accept, stage.decline):
            with pytest.raises(Forbidden):
                answer(session_id, stage.at(0, 10), by=by)
        assert stage.session(session_id)["status"] == "pending"

    def test_nothing_to_accept(self, stage: Stage) -> None:
        with pytest.raises(NotFound):
            stage.accept("nothing", stage.at(0))

    def test_the_user_has_left(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        stage.user("kabir", 100)
        stage.request("kabir")
        stage.leave("meera", stage.at(0, 5))
        answered = stage.accept(session_id, stage.at(0, 10))
        assert (answered["status"], answered["endReason"]) == ("cancelled", "user-absent")
        stage.advance(stage.at(0, 10))
        assert told(stage, "chat-request", EXPERT)[-1]["userId"] == "kabir"

    def test_the_wallet_is_empty(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 10)
        stage.ctx.run(lambda tx: tx.update(("wallets", "meera"), {"balancePaise": 500}))
        answered = stage.accept(session_id, stage.at(0, 10))
        assert (answered["status"], answered["endReason"]) == ("cancelled", "insufficient-balance")
        assert told(stage, "chat-ended", "meera")[-1]["reason"] == "insufficient-balance"
        assert stage.accept(session_id, stage.at(0, 20))["status"] == "cancelled"


class TestClosed:
    """Declined or withdrawn: nothing charged, both free, the next is asked."""

    @pytest.mark.parametrize(
        ("close", "reason", "by"),
        [
            (lambda stage, chat, at: stage.decline(chat, at, note="in a minute"), "declined", "expert"),
            (lambda stage, chat, at: stage.end(chat, EXPERT, at), "declined", "expert"),
            (lambda stage, chat, at: stage.end(chat, "meera", at), "user-cancelled", "user"),
            (lambda stage, chat, at: stage.leave_queue("meera", at), "user-cancelled", "user"),
            (
                lambda stage, chat, at: stage.ctx.run(lambda tx: service.end_all(tx, "meera", pace=PACE, now=at)),
                "admin-ended",
                "platform",
            ),
            (
                lambda stage, chat, at: stage.ctx.run(lambda tx: service.end_all(tx, EXPERT, pace=PACE, now=at)),
                "admin-ended",
                "platform",
            ),
        ],
    )
    def test_by(self, stage: Stage, close: Callable[..., Any], reason: str, by: str) -> None:
        session_id = stage.offered("meera", 100)
        stage.user("kabir", 100)
        stage.request("kabir")
        close(stage, session_id, stage.at(0, 10))
        session = stage.session(session_id)
        assert (session["status"], session["endReason"], session["cancelledBy"]) == ("cancelled", reason, by)
        assert (session["nextTickAt"], session["totalAmount"]) == (None, 0)
        [ended] = told(stage, "chat-ended", "meera")
        assert (ended["duration"], ended["totalCharged"], ended["reason"]) == (0, 0, reason)
        assert ended.get("note") == ("in a minute" if session["cancelReason"] else None)
        assert told(stage, "chat-ended", EXPERT)[0]["reason"] == reason
        [advance] = kept_tasks(stage.ctx).keyed("advance", EXPERT, session_id)
        assert advance.payload["tell"]
        stage.advance(stage.at(0, 10))
        assert told(stage, "chat-request", EXPERT)[-1]["userId"] == "kabir"
        assert told(stage, "queue-status", "kabir")[-1]["pending"]
        assert reconcile(stage.ctx).differences == []
        # What comes late finds it closed.
        assert stage.accept(session_id, stage.at(0, 20))["status"] == "cancelled"
        assert stage.decline(session_id, stage.at(0, 20))["endReason"] == reason
        stage.time_out(session_id, stage.at(1))
        assert stage.session(session_id)["endReason"] == reason
        assert wallet_of(stage.ctx, "meera")["balance"] == 100

    def test_the_user_may_ask_again(self, stage: Stage) -> None:
        first = stage.offered("meera", 100)
        stage.decline(first, stage.at(0, 10))
        again = stage.request("meera", now=stage.at(0, 20)).offer
        assert again is not None
        assert again["id"] != first

    def test_a_running_session_is_not_declined(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        stage.accept(session_id, stage.at(0, 10))
        assert stage.decline(session_id, stage.at(0, 20))["status"] == "in_progress"
        assert not kept_tasks(stage.ctx).keyed("advance", EXPERT, session_id)

    def test_there_is_nothing_to_refund(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        stage.decline(session_id, stage.at(0, 10))
        given = refunds.Request(session_id, "r1", None, "test", "admin")
        with pytest.raises(Conflict) as refused:
            stage.ctx.run(lambda tx: refunds.refund(tx, given, now=stage.at(1)))
        assert refused.value.code == "NOTHING_TO_REFUND"

    def test_leaving_another_queue_leaves_it_alone(self, stage: Stage) -> None:
        stage.expert_online("ravi")
        session_id = stage.offered("meera", 100)
        assert not stage.leave_queue("meera", stage.at(0, 5), expert_id="ravi")
        assert stage.session(session_id)["status"] == "pending"


class TestTimeOut:
    def test_it_goes_back_to_the_front_and_the_expert_on_a_break(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        for uid in ("kabir", "lena"):
            stage.user(uid, 100)
            stage.request(uid)
        stage.time_out(session_id, stage.at(1))
        session = stage.session(session_id)
        assert (session["status"], session["endReason"]) == ("cancelled", "not-accepted")
        assert stage.expert()["onBreak"]
        assert stage.waiting() == ["meera", "kabir", "lena"]
        back = told(stage, "queue-status", "meera")[-1]
        assert (back["position"], back["pending"], back["reason"]) == (1, False, "not-accepted")
        assert not told(stage, "chat-ended", "meera")
        assert told(stage, "chat-ended", EXPERT)[-1]["onBreak"]
        # On a break nobody is asked; its end asks the same again, as another session.
        stage.advance(stage.at(1))
        assert len(told(stage, "chat-request", EXPERT)) == 1
        assert told(stage, "queue-status", "kabir")[-1]["position"] == 2
        stage.prefer(onBreak=False, now=stage.at(2))
        assert kept_tasks(stage.ctx).keyed("advance", EXPERT, f"break:{stage.at(2).isoformat()}")
        stage.advance(stage.at(2))
        again = told(stage, "chat-request", EXPERT)[-1]
        assert (again["userId"], again["chatId"] == session_id) == ("meera", False)
        assert stage.waiting() == ["kabir", "lena"]
        # The second time it is given up.
        stage.time_out(again["chatId"], stage.at(3))
        assert stage.session(again["chatId"])["endReason"] == "not-accepted"
        assert told(stage, "chat-ended", "meera")[-1]["reason"] == "not-accepted"
        assert stage.waiting() == ["kabir", "lena"]
        assert reconcile(stage.ctx).differences == []

    def test_the_place_in_the_queue_is_kept(self, stage: Stage) -> None:
        first = stage.offered("meera", 100)
        for uid in ("kabir", "lena"):
            stage.user(uid, 100)
            stage.request(uid)
        stage.decline(first, stage.at(0, 5))
        stage.advance(stage.at(0, 5))
        asked = told(stage, "chat-request", EXPERT)[-1]
        stage.user("late", 100)
        stage.request("late")
        stage.time_out(asked["chatId"], stage.at(2))
        assert stage.waiting() == ["kabir", "lena", "late"]

    def test_an_early_task_comes_again(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        with pytest.raises(Unavailable):
            stage.time_out(session_id, stage.at(0, 59))
        assert stage.session(session_id)["status"] == "pending"

    def test_again_schedules_what_a_crash_left_out(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        stage.time_out(session_id, stage.at(1))
        kept_tasks(stage.ctx).by_name.clear()
        stage.time_out(session_id, stage.at(1))
        assert kept_tasks(stage.ctx).keyed("advance", EXPERT, session_id)
        assert stage.waiting() == ["meera"]

    def test_the_sweep_finds_a_lost_task(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        assert sweeps.sweep(stage.ctx, {}, stage.at(1, 16), clock=lambda: stage.at(1, 16))["sessionsOverdue"] == 1
        assert stage.session(session_id)["endReason"] == "not-accepted"
        assert stage.waiting() == ["meera"]

    def test_the_expert_is_gone(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        stage.leave(EXPERT, stage.at(0, 10))
        assert stage.session(session_id)["endReason"] == "expert-absent"
        assert stage.waiting() == ["meera"]
        assert (stage.expert()["available"], stage.expert().get("onBreak", False)) == (False, False)
        stage.advance(stage.at(0, 10))
        assert stage.waiting() == ["meera"]
        # Back again, the expert is asked again: it does not count as unanswered.
        for minute in (1, 2):
            stage.register(EXPERT, stage.at(minute))
            stage.advance(stage.at(minute))
            stage.leave(EXPERT, stage.at(minute, 5))
        assert stage.waiting() == ["meera"]
        assert not told(stage, "chat-ended", "meera")

    def test_the_user_is_gone_when_asked_for_again(self, stage: Stage) -> None:
        session_id = stage.offered("meera", 100)
        stage.leave("meera", stage.at(0, 10))
        stage.time_out(session_id, stage.at(1))
        stage.prefer(onBreak=False, now=stage.at(2))
        stage.advance(stage.at(2))
        assert told(stage, "queue-status", "meera")[-1]["reason"] == "absent"
        assert stage.waiting() == []


class TestRaces:
    def test_of_accept_decline_time_out_and_withdrawal_one_wins(self, stage: Stage) -> None:
        outcomes: set[str] = set()
        for number in range(4):
            uid = f"u{number}"
            session_id = stage.offered(uid, 100, now=stage.at(number * 10))
            at = stage.at(number * 10 + 1)
            kinds: list[Callable[[], object]] = [
                lambda chat=session_id, at=at: stage.accept(chat, at),
                lambda chat=session_id, at=at: stage.decline(chat, at),
                lambda chat=session_id, at=at: stage.time_out(chat, at),
                lambda uid=uid, at=at: stage.leave_queue(uid, at),
            ]
            at_once(8, lambda index, kinds=kinds: kinds[index % 4]())
            session = stage.session(session_id)
            minutes = sum(m["subject"].get("session") == session_id for m in movements(stage.ctx))
            claim = stage.ctx.db.get("claims", f"user:{uid}")
            outcomes.add(session["endReason"] or session["status"])
            if session["status"] == "in_progress":
                assert (minutes, claim) == (1, {"session": session_id})
                stage.end(session_id, EXPERT, stage.at(number * 10 + 1, 1))
            else:
                assert session["status"] == "cancelled"
                assert minutes == 0
                assert claim is None
            # A withdrawal may find the request back in the queue after the time-out.
            stage.leave_queue(uid, at)
            stage.prefer(onBreak=False, now=stage.at(number * 10 + 2))
            assert stage.ctx.db.get("claims", f"expert:{EXPERT}") is None
        assert outcomes
        assert sum_of_all_legs(stage.ctx) == 0
        assert reconcile(stage.ctx).differences == []

    def test_twenty_requests_at_once_one_is_asked_for(self, stage: Stage) -> None:
        users = [f"u{i:02}" for i in range(20)]
        for uid in users:
            stage.user(uid, 100)
        results = at_once(20, lambda i: stage.request(users[i]))
        while failed := [i for i, r in enumerate(results) if isinstance(r, Unavailable)]:
            for i in failed:
                results[i] = stage.request(users[i])
        assert sum(1 for r in results if not isinstance(r, Exception) and r.offer is not None) == 1
        assert len(stage.waiting()) == 19
        assert len(told(stage, "chat-request", EXPERT)) == 1


def test_current_names_what_is_open(stage: Stage) -> None:
    def current(uid: str) -> attendance.Current:
        return stage.ctx.run(lambda tx: attendance.current(tx, uid))

    def ids(found: list[Doc]) -> list[str]:
        return [session["id"] for session in found]

    session_id = stage.offered("meera", 100)
    for uid in ("meera", EXPERT):
        assert (current(uid).session, ids(current(uid).offers)) == (None, [session_id])
    assert (
        stage.ctx.run(lambda tx: attendance.connected(tx, "meera", "c2", "i1", pace=PACE, now=stage.at(0, 5))) is None
    )
    stage.accept(session_id, stage.at(0, 10))
    running = current("meera")
    assert running.session is not None
    assert (running.session["id"], running.offers) == (session_id, [])
