"""Breaks, how long the wait is, and who is told."""

from typing import Any

import pytest

from konnect.errors import Unavailable
from konnect.http.triggers import Change
from konnect.platform import PlatformConfig
from konnect.sessions import attendance, orders, queue, sweeps
from konnect.sessions.waits import Outlook
from tests.sessions.conftest import CONFIG, EXPERT, Stage
from tests.support import START, at_once, give, kept_events, kept_tasks


def status(stage: Stage, uid: str) -> dict[str, Any]:
    """What this user was told last."""
    found: dict[str, Any] = kept_events(stage.ctx).named("queue-status", f"user:{uid}")[-1]
    return found


def learn(stage: Stage, session_id: str, times: int = 1) -> None:
    """The trigger on an ended session's terms comes, maybe again."""
    terms = stage.ctx.db.get("sessions", session_id, "private", "terms")
    change = Change("e1", f"sessions/{session_id}/private/terms", {"sessionId": session_id}, None, terms, START)
    for _ in range(times):
        orders.on_terms_written(stage.ctx, change, START)


def place(stage: Stage, uid: str, minutes: float, seconds: float = 0) -> dict[str, Any] | None:
    now = stage.at(minutes, seconds)
    return queue.place(stage.ctx.db, EXPERT, uid, config=stage.config, now=now)


class TestBreak:
    def test_a_session_goes_on_and_requests_wait(self, stage: Stage) -> None:
        session_id = stage.started("meera", 100)
        stage.user("kabir", 100)
        stage.user("lena", 100)
        stage.request("kabir")
        stage.prefer(onBreak=True)
        assert stage.request("lena").waiting
        stage.progress(session_id, stage.at(1), 1)
        assert stage.session(session_id)["minutesCharged"] == 2
        stage.end(session_id, "meera", stage.at(1, 30))
        stage.advance(stage.at(1, 30))
        assert stage.waiting() == ["kabir", "lena"]
        assert (status(stage, "lena")["position"], status(stage, "lena")["estimatedWaitS"]) == (2, None)
        assert stage.expert()["available"]

    def test_its_end_moves_the_queue(self, stage: Stage) -> None:
        stage.prefer(onBreak=True)
        stage.user("meera", 100)
        assert stage.request("meera").waiting
        stage.prefer(onBreak=False, now=stage.at(1))
        [task] = kept_tasks(stage.ctx).keyed("advance", EXPERT, f"break:{stage.at(1).isoformat()}")
        stage.advance(stage.at(1))
        assert kept_events(stage.ctx).named("chat-started", "user:meera")
        assert task.payload["tell"]

    def test_the_sweep_does_not_end_it(self, stage: Stage) -> None:
        stage.prefer(onBreak=True)
        stage.user("meera", 100)
        stage.request("meera")
        sweeps.sweep(stage.ctx, {}, stage.at(1), clock=lambda: stage.at(1))
        assert stage.waiting() == ["meera"]

    def test_coming_online_keeps_it_and_switching_on_ends_it(self, stage: Stage) -> None:
        stage.prefer(onBreak=True)
        stage.leave(EXPERT, stage.at(1))
        stage.register(EXPERT, stage.at(2))
        assert (stage.expert()["available"], stage.expert()["onBreak"]) == (True, True)
        stage.ctx.run(
            lambda tx: attendance.switch(tx, EXPERT, EXPERT, True, config=CONFIG, now=stage.at(3)),
        )
        assert (stage.expert()["available"], stage.expert()["onBreak"]) == (True, False)
        assert kept_tasks(stage.ctx).keyed("advance", EXPERT, f"break:{stage.at(3).isoformat()}")

    def test_the_same_again_changes_nothing(self, stage: Stage) -> None:
        before = len(kept_tasks(stage.ctx).keyed("advance"))
        stage.prefer(onBreak=False)
        assert len(kept_tasks(stage.ctx).keyed("advance")) == before
        assert "onBreak" not in stage.expert()


class TestPlaces:
    def test_who_waits_is_told_when_another_leaves_or_expires(self, stage: Stage) -> None:
        stage.started("meera", 100)
        for uid in ("kabir", "lena"):
            stage.user(uid, 100)
            stage.request(uid)
        later = stage.at(121)
        stage.ctx.db.ref("queues", EXPERT, "entries", "lena").update({"expiresAt": stage.at(500)})
        sweeps.sweep(stage.ctx, {}, later, clock=lambda: later)
        assert status(stage, "kabir")["reason"] == "expired"
        assert status(stage, "lena")["position"] == 1

    def test_whose_turn_comes_must_have_a_minute(self, stage: Stage) -> None:
        first = stage.started("meera", 100)
        stage.user("kabir", 10)
        stage.request("kabir")
        stage.ctx.run(lambda tx: tx.update(("wallets", "kabir"), {"balancePaise": 900}))
        stage.end(first, "meera", stage.at(1))
        stage.advance(stage.at(1))
        assert (status(stage, "kabir")["position"], status(stage, "kabir")["reason"]) == (0, "insufficient-balance")
        give(stage.ctx, "kabir", 5000)
        again = stage.request("kabir", now=stage.at(2))
        assert again.session is not None

    def test_one_may_wait_for_several(self, stage: Stage) -> None:
        stage.expert_online("ravi")
        first = stage.started("meera", 100)
        stage.user("lena", 100)
        stage.request("lena", expert_id="ravi")
        stage.user("kabir", 100)
        for expert_id in (EXPERT, "ravi"):
            assert stage.request("kabir", expert_id=expert_id).waiting
        stage.end(first, "meera", stage.at(1))
        stage.advance(stage.at(1))
        assert kept_events(stage.ctx).named("chat-started", "user:kabir")
        assert queue.position(stage.ctx.db, "ravi", "kabir") == 1

    def test_starts_of_the_same_turn_at_once(self, stage: Stage) -> None:
        first = stage.started("meera", 100)
        for uid in ("kabir", "lena"):
            stage.user(uid, 100)
            stage.request(uid)
        stage.end(first, "meera", stage.at(1))
        results = at_once(10, lambda _: stage.start_next(stage.at(1)))
        assert all(isinstance(one, bool | Unavailable) for one in results)
        assert len(kept_events(stage.ctx).named("chat-started", "user:kabir")) == 1
        assert stage.waiting() == ["lena"]


class TestWait:
    @pytest.mark.parametrize(
        ("outlook", "waits"),
        [
            (Outlook(None, 100), [None, None]),
            (Outlook(300, 120), [120, 420]),
            (Outlook(300, 0), [0, 300]),
            (Outlook(300, 500, 2), [250, 400]),
        ],
    )
    def test_of(self, outlook: Outlook, waits: list[int | None]) -> None:
        assert [outlook.wait_s(1), outlook.wait_s(2)] == waits

    def test_it_is_the_average_less_what_has_passed(self, stage: Stage) -> None:
        for number, minutes in enumerate((2, 4)):
            session_id = stage.started(f"u{number}", 100)
            stage.end(session_id, EXPERT, stage.at(minutes))
            learn(stage, session_id, times=3)
        lengths = stage.ctx.db.get("experts", EXPERT, "private", "sessionLengths")
        assert lengths == {"averageS": 180, "sessions": 2}
        stage.started("meera", 100)
        for uid in ("kabir", "lena"):
            stage.user(uid, 100)
            stage.request(uid)
        assert place(stage, "kabir", 1) == {"expertId": EXPERT, "position": 1, "estimatedWaitS": 120}
        assert place(stage, "lena", 1) == {"expertId": EXPERT, "position": 2, "estimatedWaitS": 300}
        # The session that goes on is longer than most.
        assert (place(stage, "lena", 9) or {})["estimatedWaitS"] == 180
        stage.config = PlatformConfig(maxSessionsPerMentor=2)
        assert (place(stage, "lena", 1) or {})["estimatedWaitS"] == 150
        stage.prefer(onBreak=True)
        assert (place(stage, "lena", 1) or {})["estimatedWaitS"] is None
        assert place(stage, "meera", 1) is None

    def test_a_request_to_be_accepted_counts_whole(self, stage: Stage) -> None:
        session_id = stage.started("u", 100)
        stage.end(session_id, EXPERT, stage.at(3))
        learn(stage, session_id)
        stage.prefer(acceptsByHand=True)
        stage.offered("meera", 100)
        stage.user("kabir", 100)
        stage.request("kabir")
        assert (place(stage, "kabir", 0, 30) or {})["estimatedWaitS"] == 180

    def test_a_cancelled_request_is_not_counted(self, stage: Stage) -> None:
        stage.prefer(acceptsByHand=True)
        session_id = stage.offered("meera", 100)
        stage.decline(session_id, stage.at(0, 5))
        learn(stage, session_id)
        assert stage.ctx.db.get("experts", EXPERT, "private", "sessionLengths") is None
        assert stage.expert()["orders"] == 0

    def test_old_sessions_count_less_and_less(self, stage: Stage) -> None:
        path = ("experts", EXPERT, "private", "sessionLengths")
        stage.ctx.db.set(path, {"averageS": 100.0, "sessions": 500})
        session_id = stage.started("meera", 100)
        stage.end(session_id, EXPERT, stage.at(5))
        learn(stage, session_id)
        assert (stage.ctx.db.get(*path) or {})["averageS"] == 110
