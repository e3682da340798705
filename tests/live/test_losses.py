"""Live classes when tasks, instances and accounts are lost."""

from datetime import datetime, timedelta

import pytest

from konnect.errors import Conflict, Unavailable
from konnect.live import deletion, repository, service, sweeps, tasks
from konnect.presence import service as presence
from konnect.sessions import attendance, removal
from konnect.store import Tx
from tests.live.conftest import Hall
from tests.sessions.bookings import SLOT, Crash, dying
from tests.sessions.conftest import EXPERT, PACE
from tests.support import START, kept_tasks

DAY = timedelta(days=1)


class TestWhatIsLost:
    def test_a_crash_after_the_end(self, hall: Hall) -> None:
        """Its tasks were never created: the sweep counts who was there."""
        session_id = hall.opened()
        hall.join(session_id, "a", SLOT)
        with pytest.raises(Crash):
            dying(hall.ctx).run(
                lambda tx: service.change(
                    tx,
                    session_id,
                    EXPERT,
                    {"status": "ended"},
                    is_admin=False,
                    config=hall.config,
                    pace=PACE,
                    now=hall.slot(20),
                )
            )
        assert hall.class_(session_id)["attendedCount"] is None
        at = hall.slot(23)
        assert sweeps.sweep(hall.ctx, {}, at, clock=lambda: at) == {"liveSessions": 1, "failures": 0}
        assert hall.class_(session_id)["attendedCount"] == 1
        assert sweeps.sweep(hall.ctx, {}, at, clock=lambda: at) == {"liveSessions": 0, "failures": 0}

    def test_a_timer(self, hall: Hall) -> None:
        session_id = hall.opened()
        with pytest.raises(Unavailable):
            tasks.progress(hall.ctx, {"sessionId": session_id, "due": hall.slot(65).isoformat()}, hall.slot(64))
        at = hall.slot(70)
        assert sweeps.sweep(hall.ctx, {}, at, clock=lambda: at)["liveSessions"] == 1
        assert hall.class_(session_id)["endedAt"] == hall.slot(65)
        tasks.progress(hall.ctx, {"sessionId": session_id, "due": hall.slot(65).isoformat()}, at)
        assert sweeps.sweep(hall.ctx, {}, START, clock=lambda: START) == {"liveSessions": 0, "failures": 0}

    def test_an_instance_that_was_taken_for_dead(self, hall: Hall) -> None:
        """Its users left, and are there again when it writes down what it has."""
        session_id = hall.plan()
        hall.join(session_id, EXPERT, SLOT, hall.line(EXPERT, "l1", SLOT))
        hall.line_gone(EXPERT, "l1", hall.slot(1))
        hall.ctx.run(
            lambda tx: attendance.restored(
                tx,
                EXPERT,
                "l1",
                "i1",
                as_expert=False,
                rooms=[repository.room(session_id)],
                config=hall.config,
                pace=PACE,
                now=hall.slot(2),
            )
        )
        found = hall.class_(session_id)
        assert (found["hostPresent"], found["hostAbsentSince"]) == (True, None)
        assert len((hall.place(session_id, EXPERT) or {})["intervals"]) == 2

    def test_an_experts_page_on_one_that_was_taken_for_dead(self, hall: Hall) -> None:
        """It is known again by all that it was: that it goes is seen."""
        session_id = hall.plan()
        early = hall.slot(-9)
        hall.join(session_id, EXPERT, early, hall.line(EXPERT, "l1", early))
        hall.line_gone(EXPERT, "l1", hall.slot(-8))
        hall.ctx.run(
            lambda tx: attendance.restored(
                tx,
                EXPERT,
                "l1",
                "i1",
                as_expert=True,
                rooms=[repository.room(session_id)],
                config=hall.config,
                pace=PACE,
                now=hall.slot(-7),
            )
        )
        assert hall.class_(session_id)["hostPresent"] is True
        hall.line_gone(EXPERT, "l1", hall.slot(-6))
        assert hall.class_(session_id)["hostPresent"] is False

    def test_one_connection_is_in_so_many_rooms(self, hall: Hall) -> None:
        """A document has an end."""
        hall.line("a", "la", START)

        def enter(tx: Tx, number: int) -> bool:
            return presence.enter(tx, "a", "la", f"live:{number}", now=START)

        entered = hall.ctx.run(lambda tx: [enter(tx, number) for number in range(presence.ROOMS_MAX + 1)])
        assert entered == [True] * presence.ROOMS_MAX + [False]
        assert hall.ctx.run(lambda tx: enter(tx, 0)) is True
        with pytest.raises(Unavailable):
            hall.join(hall.plan(), "a", START, "la")


class TestAccounts:
    def test_a_host_whose_account_is_closed(self, hall: Hall) -> None:
        planned, running = hall.plan(scheduled_at=SLOT + DAY), hall.opened()
        hall.ctx.run(lambda tx: service.end_all(tx, EXPERT, now=hall.slot(5)))
        [task] = kept_tasks(hall.ctx).keyed("cancel-live")
        tasks.cancel_all(hall.ctx, task.payload, hall.slot(6))
        assert (hall.class_(planned)["endReason"], hall.class_(running)["endReason"]) == ("host-closed", "admin-ended")
        # If that task is lost, the next look finds it.
        hall.ctx.db.set(("users", EXPERT), {"disabled": False})
        other = hall.plan(scheduled_at=SLOT + 2 * DAY)
        hall.ctx.db.set(("users", EXPERT), {"disabled": True})
        hall.look(other, SLOT)
        assert hall.class_(other)["endReason"] == "host-closed"

    def test_what_a_deleted_account_leaves(self, hall: Hall) -> None:
        session_id = hall.plan()
        hall.person("a", 0)
        hall.join(session_id, "a", START)
        other = hall.plan(scheduled_at=SLOT + DAY)
        hall.join(other, EXPERT, SLOT + DAY)
        hall.join(other, "a", SLOT + DAY)
        hall.ctx.db.set((*repository.messages(other), "m1"), {"senderId": "a", "senderName": "A", "message": "hi"})
        matters = hall.ctx.run(lambda tx: deletion.open_matters(tx, EXPERT))
        assert {matter["way"] for matter in matters} == {"end it", "cancel it"}
        with pytest.raises(Conflict) as refused:
            hall.ctx.run(lambda tx: removal.remove(tx, EXPERT, by="root", config=hall.config, now=START))
        assert refused.value.code == "EXPERT_BUSY"
        for _ in range(2):
            deletion.erase(hall.ctx, "a", "Deleted user", now=START)
        assert hall.place(session_id, "a") is None
        assert hall.class_(session_id)["participantCount"] == 0
        assert (hall.place(other, "a") or {})["name"] == "Deleted user"
        assert (hall.ctx.db.get(*repository.messages(other), "m1") or {})["senderName"] == "Deleted user"
        deletion.erase(hall.ctx, EXPERT, "Deleted user", now=START)
        assert hall.class_(other)["host"]["name"] == "Deleted user"

    def test_what_is_to_come(self, hall: Hall) -> None:
        first, second = hall.plan(), hall.plan(scheduled_at=SLOT + DAY)
        gone = hall.plan(scheduled_at=SLOT + 2 * DAY)
        for session_id in (second, first, gone):
            hall.join(session_id, "a", START)
        hall.call_off(gone)

        def ids_of(uid: str, now: datetime, limit: int = 9) -> list[str]:
            return [one["id"] for one in service.upcoming(hall.ctx.db, uid, now, limit=limit)]

        assert ids_of("a", START) == ids_of(EXPERT, START) == [first, second]
        assert ids_of("a", START, 1) == [first]
        assert ids_of("a", SLOT + DAY) == [second]
