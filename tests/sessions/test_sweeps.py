"""What the sweep makes good: lost ticks, expired waits, dead instances; and that one failure stops nothing."""

from datetime import timedelta

import pytest

from konnect.presence import service as presence
from konnect.sessions import queue, repository, sweeps
from tests.sessions.conftest import EXPERT, Stage
from tests.support import kept_events, kept_tasks, movements, wallet_of


def sweep(stage: Stage, minutes: float, seconds: float = 0) -> dict[str, int]:
    now = stage.at(minutes, seconds)
    return sweeps.sweep(stage.ctx, {}, now, clock=lambda: now)


def test_a_lost_tick_is_made_good(stage: Stage) -> None:
    session_id = stage.started("meera", 100)
    presence.renew(stage.ctx.db, "i1", now=stage.at(5))
    assert sweep(stage, 1, 5)["sessionsOverdue"] == 0
    assert sweep(stage, 2, 20)["sessionsOverdue"] == 1
    assert stage.session(session_id)["minutesCharged"] == 3
    assert sweep(stage, 2, 25)["sessionsOverdue"] == 0


def test_each_item_has_its_own_time(stage: Stage) -> None:
    """A sweep that takes long starts nobody in the past: the first minute would be followed by others at once."""
    first = stage.started("meera", 100)
    stage.user("kabir", 100)
    stage.request("kabir")
    stage.end(first, "meera", stage.at(1))
    begun, reached = stage.at(2), stage.at(3, 30)
    sweeps.sweep(stage.ctx, {}, begun, clock=lambda: reached)
    [started] = kept_events(stage.ctx).named("chat-started", "user:kabir")
    assert stage.session(started["chatId"])["startedAt"] == reached
    assert stage.session(started["chatId"])["minutesCharged"] == 1


def test_one_that_fails_stops_nothing(stage: Stage) -> None:
    stage.ctx.db.set(("sessions", "broken"), {"shard": 0, "nextTickAt": stage.at(0), "status": "in_progress"})
    session_id = stage.started("meera", 100)
    assert sweep(stage, 1, 20)["sessionsOverdue"] == 2
    assert stage.session(session_id)["minutesCharged"] == 2


def test_many_that_fail_do_not_keep_others_waiting(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "SWEEP_LIMIT", 2)
    for n in range(5):
        # Some of the same moment, on either side of a page's end.
        broken = {"shard": n, "nextTickAt": stage.at(-n // 3), "status": "in_progress"}
        stage.ctx.db.set(("sessions", f"broken{n}"), broken)
    session_id = stage.started("meera", 100)
    assert sweep(stage, 1, 20)["sessionsOverdue"] == 6
    assert stage.session(session_id)["minutesCharged"] == 2
    # As long as there is time: the queues have to be seen to.
    hours = iter(range(1, 100))
    sweeps_hourly = sweeps.sweep(stage.ctx, {}, stage.at(3), clock=lambda: stage.at(60 * next(hours)))
    assert sweeps_hourly["sessionsOverdue"] == 2


def test_a_wait_expires_while_the_expert_is_away(stage: Stage) -> None:
    stage.started("meera", 100)
    stage.user("kabir", 100)
    stage.request("kabir")
    stage.leave(EXPERT, stage.at(1))
    assert sweep(stage, 119)["entriesExpired"] == 0
    assert sweep(stage, 121)["entriesExpired"] == 1
    assert queue.waiting(stage.ctx.db, EXPERT) == []
    assert kept_events(stage.ctx).named("queue-status", "user:kabir")[-1]["reason"] == "expired"


def test_who_was_connected_through_a_dead_instance_is_absent(stage: Stage) -> None:
    session_id = stage.started("meera", 100)
    presence.renew(stage.ctx.db, "i1", now=stage.at(0))
    assert sweep(stage, 0, 20)["connectionsReaped"] == 0
    # The user and the expert.
    assert sweep(stage, 0, 40)["connectionsReaped"] == 2
    session = stage.session(session_id)
    assert session["userAbsentSince"] == session["expertAbsentSince"] == stage.at(0, 40)
    assert not (stage.ctx.db.get("experts", EXPERT) or {})["available"]
    assert presence.is_lost(stage.ctx.db, "i1")
    # What the instance still had under way when it died is found, too; after a while nobody looks any more.
    stage.ctx.run(lambda tx: presence.connect(tx, "late", "c-late", "i1", now=stage.at(1)))
    assert sweep(stage, 2)["connectionsReaped"] == 1
    sweep(stage, 30)
    assert stage.ctx.db.get("presenceLeases", "i1") is None


def test_somebody_who_left_while_asking_is_absent_from_the_start(stage: Stage) -> None:
    stage.user("meera", 100)
    stage.leave("meera", stage.at(0))
    session = stage.request("meera").session
    assert session is not None
    [ends] = kept_tasks(stage.ctx).keyed("absence", session["id"])
    assert ends.at == stage.at(1)
    stage.progress(session["id"], stage.at(1))
    assert stage.session(session["id"])["endReason"] == "user-absent"
    assert wallet_of(stage.ctx, "meera")["balance"] == 90
    assert len([m for m in movements(stage.ctx) if m["kind"] == "session.settle"]) == 1


def test_a_timer_that_a_crash_left_out_is_scheduled_by_the_next_call(stage: Stage) -> None:
    session_id = stage.started("meera", 10)
    stage.run_until(session_id, stage.at(1))
    kept_tasks(stage.ctx).by_name.clear()
    stage.progress(session_id, stage.at(1) + timedelta(seconds=1))
    assert {task.key[0] for task in kept_tasks(stage.ctx).by_name.values()} == {"tick", "grace"}
    stage.end(session_id, "meera", stage.at(1, 5))
    kept_tasks(stage.ctx).by_name.clear()
    stage.end(session_id, "meera", stage.at(1, 6))
    assert kept_tasks(stage.ctx).keyed("advance", EXPERT, session_id)


def test_the_expert_s_side_of_a_connection_stays_so(stage: Stage) -> None:
    def work(tx: object) -> presence.Change:
        presence.connect(tx, EXPERT, f"c-{EXPERT}", "i1", now=stage.at(0))
        return presence.disconnect(tx, EXPERT, [f"c-{EXPERT}"], now=stage.at(0))

    assert stage.ctx.run(work).expert_changed
