"""A booked session's time: reminder, start, absences, no-shows, ends; timers that are lost, late, early, repeated."""

from typing import Any

import pytest

from konnect.context import Context
from konnect.errors import Conflict, Forbidden, KonnectError, Unavailable
from konnect.platform import PlatformConfig
from konnect.presence import service as presence
from konnect.reviews import service as reviews
from konnect.sessions import deletion, queue, refunds, removal, sweeps, tasks
from konnect.sessions import service as sessions
from konnect.store import Doc, Query
from tests.sessions.bookings import SLOT, USER, Bookings, Crash, dying
from tests.sessions.conftest import EXPERT, PACE
from tests.support import START, at_once, kept_events, kept_tasks, wallet_of


@pytest.fixture
def stage(ctx: Context) -> Bookings:
    stage = Bookings(ctx)
    stage.expert_online()
    stage.gone(EXPERT, now=START)
    return stage


def sweep(stage: Bookings, now: Any) -> dict[str, int]:
    presence.renew(stage.ctx.db, "i1", now=now)
    return sweeps.sweep(stage.ctx, {}, now, clock=lambda: now)


def running(stage: Bookings, **fields: Any) -> str:
    """A booked session that has started on time."""
    session_id = stage.booked(**fields)
    stage.here(USER, EXPERT, now=stage.slot(-1))
    stage.progress(session_id, SLOT)
    assert stage.session(session_id)["status"] == "in_progress"
    return session_id


def told(stage: Bookings, type: str) -> set[str]:
    found = Query(("notifications",)).filter("type", "==", type).run(stage.ctx.db)
    return {one["userId"] for one in found}


class TestReminder:
    def test_both_once(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.progress(session_id, stage.slot(-16))
        assert told(stage, "booking_reminder") == set()
        for _ in range(2):
            stage.progress(session_id, stage.slot(-15))
        assert told(stage, "booking_reminder") == {USER, EXPERT}
        assert stage.session(session_id)["nextTickAt"] == SLOT
        assert [task.at for task in kept_tasks(stage.ctx).keyed("booked", session_id)][-1] == SLOT

    def test_none_for_a_cancelled_one(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.cancel(session_id, EXPERT, START)
        stage.tasks_until(stage.slot(60))
        assert sweep(stage, stage.slot(60))["sessionsOverdue"] == 0
        assert told(stage, "booking_reminder") == set()

    def test_a_lost_task_is_made_good(self, stage: Bookings) -> None:
        stage.booked()
        assert sweep(stage, stage.slot(-15, 10))["sessionsOverdue"] == 0
        assert sweep(stage, stage.slot(-14))["sessionsOverdue"] == 1
        assert told(stage, "booking_reminder") == {USER, EXPERT}

    def test_too_close_for_one(self, stage: Bookings) -> None:
        session_id = stage.booked(scheduled_at=stage.at(15))
        [task] = kept_tasks(stage.ctx).keyed("booked", session_id)
        assert task.at == stage.at(15)


class TestClosedAccount:
    """Of either side, although the task is lost that cancels what it is booked for."""

    @pytest.mark.parametrize("closed", [USER, EXPERT])
    @pytest.mark.parametrize("minute", [-15, 0, 10])
    def test_all_comes_back(self, stage: Bookings, closed: str, minute: int) -> None:
        session_id = stage.booked()
        stage.here(USER, EXPERT, now=stage.slot(-20))
        if minute == 10:
            stage.gone(closed, now=stage.slot(-1))
            stage.progress(session_id, SLOT)
        stage.ctx.db.set(("users", closed), {"disabled": True}, merge=True)
        for _ in range(2):
            stage.progress(session_id, stage.slot(minute))
        session = stage.session(session_id)
        assert (session["status"], session["cancelledBy"], session["startedAt"]) == ("cancelled", "platform", None)
        assert told(stage, "booking_reminder") == set()
        assert told(stage, "booking_cancelled") == {USER, EXPERT}
        stage.check(session_id, kept=0)

    def test_a_connection_starts_nothing(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.here(USER, now=stage.slot(-1))
        stage.ctx.db.set(("users", USER), {"disabled": True}, merge=True)
        stage.here(EXPERT, now=stage.slot(1))
        assert stage.session(session_id)["status"] == "cancelled"
        stage.check(session_id, kept=0)


class TestStart:
    def test_when_both_are_there(self, stage: Bookings) -> None:
        session_id = stage.booked(type="video")
        stage.here(USER, EXPERT, now=stage.slot(-10))
        assert stage.session(session_id)["status"] == "confirmed"
        stage.tasks_until(SLOT)
        session = stage.session(session_id)
        assert (session["status"], session["startedAt"], session["nextTickAt"]) == ("in_progress", SLOT, stage.slot(30))
        assert stage.claims() == [session_id, session_id]
        events = kept_events(stage.ctx)
        [to_user], [to_expert] = (events.named("chat-started", f"user:{uid}") for uid in (USER, EXPERT))
        assert (to_user["expert"]["name"], to_expert["user"]) == ("Asha", {"id": USER, "name": "Meera"})
        assert {
            name: to_user[name] for name in ("chatId", "type", "duration", "scheduledAt", "endsAt", "pricePerMin")
        } == {
            "chatId": session_id,
            "type": "video",
            "duration": 30,
            "scheduledAt": "2026-01-07T10:00:00.000Z",
            "endsAt": "2026-01-07T10:30:00.000Z",
            "pricePerMin": 10,
        }

    @pytest.mark.parametrize(("first", "second"), [(USER, EXPERT), (EXPERT, USER)])
    def test_by_who_comes_last(self, stage: Bookings, first: str, second: str) -> None:
        session_id = stage.booked()
        stage.here(first, now=stage.slot(-1))
        stage.tasks_until(SLOT)
        stage.here(second, now=stage.slot(3))
        session = stage.session(session_id)
        assert (session["status"], session["startedAt"]) == ("in_progress", stage.slot(3))
        # The user's lateness is the user's, the expert's is not.
        assert session["unservedMs"] == (180_000 if second == EXPERT else 0)

    def test_by_a_connection_although_the_task_is_lost(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.here(EXPERT, now=stage.slot(-1))
        stage.here(USER, now=stage.slot(0, 1))
        assert stage.session(session_id)["startedAt"] == stage.slot(0, 1)

    def test_a_timer_that_is_early(self, stage: Bookings) -> None:
        session_id = stage.booked()
        with pytest.raises(Unavailable):
            stage.ctx.run(lambda tx: sessions.progress(tx, session_id, pace=PACE, now=stage.slot(0, -1), due=SLOT))

    def test_by_many_at_once(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.here(USER, EXPERT, now=stage.slot(-1))
        at_once(10, lambda _: stage.progress(session_id, SLOT))
        assert stage.claims() == [session_id, session_id]
        assert len(kept_events(stage.ctx).named("chat-started", f"user:{USER}")) == 1

    def test_it_can_be_resumed_and_talked_in(self, stage: Bookings) -> None:
        session_id = running(stage)
        stage.gone(USER, now=stage.slot(2))
        assert stage.session(session_id)["userAbsentSince"] == stage.slot(2)
        stage.here(USER, now=stage.slot(5))
        session = stage.session(session_id)
        assert (session["status"], session["userAbsentSince"], session["unservedMs"]) == ("in_progress", None, 0)

    def test_before_it_there_is_nothing_to_end(self, stage: Bookings) -> None:
        session_id = stage.booked()
        for uid in (USER, EXPERT):
            with pytest.raises(Conflict) as refused:
                stage.end(session_id, uid, stage.slot(-1))
            assert refused.value.code == "SESSION_NOT_STARTED"
        with pytest.raises(Forbidden):
            stage.end(session_id, "eve", stage.slot(-1))

    def test_another_session_that_should_be_over_makes_room(self, stage: Bookings) -> None:
        """Its timer was lost, and the sweep has not come yet."""
        first = running(stage)
        second = stage.booked("kabir", scheduled_at=stage.slot(30))
        stage.here("kabir", now=stage.slot(29))
        stage.progress(second, stage.slot(30))
        assert stage.session(first)["endReason"] == "completed"
        assert stage.session(second)["status"] == "in_progress"
        stage.check_books()

    def test_nobody_pays_for_a_session_that_another_kept_from_starting(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.here(USER, EXPERT, now=stage.slot(-1))
        other = stage.booked("kabir", scheduled_at=stage.slot(60))
        # What no rule lets happen: the expert is in another session.
        stage.ctx.db.set(("claims", f"expert:{EXPERT}"), {"sessions": [other]})
        stage.ctx.db.set(("sessions", other), {"status": "in_progress", "seenUntil": SLOT}, merge=True)
        stage.progress(session_id, SLOT)
        assert [task.at for task in kept_tasks(stage.ctx).keyed("booked", session_id)][-1] == stage.slot(1)
        stage.gone(USER, now=stage.slot(5))
        stage.progress(session_id, stage.slot(10))
        session = stage.session(session_id)
        assert (session["status"], session["endReason"], session["refundedAmount"]) == ("cancelled", "not-started", 300)
        assert wallet_of(stage.ctx, USER)["balance"] == 1000


class TestEnd:
    def test_with_its_time(self, stage: Bookings) -> None:
        session_id = running(stage)
        stage.tasks_until(stage.slot(30))
        session = stage.session(session_id)
        assert (session["status"], session["endReason"], session["endedAt"]) == (
            "completed",
            "completed",
            stage.slot(30),
        )
        assert (session["duration"], session["durationSeconds"], session["refundedAmount"]) == (30, 1800, 0)
        [to_user] = kept_events(stage.ctx).named("chat-ended", f"user:{USER}")
        [to_expert] = kept_events(stage.ctx).named("chat-ended", f"user:{EXPERT}")
        assert (to_user["duration"], to_user["totalCharged"], to_user["reason"]) == (30, 300, "completed")
        assert (to_expert["earning"], "earning" in to_user) == (240, False)
        stage.check(session_id, kept=300)

    def test_with_its_time_although_it_began_late(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.here(EXPERT, now=stage.slot(-1))
        stage.here(USER, now=stage.slot(9))
        stage.tasks_until(stage.slot(30))
        assert stage.session(session_id)["durationSeconds"] == 21 * 60
        stage.check(session_id, kept=300)

    @pytest.mark.parametrize(
        ("course", "end", "kept"),
        [
            # Late, gone, and both, in seconds; the whole minutes of the sum come back.
            ("expert+0 user+0", None, 300),
            ("user+0 expert+239", None, 270),
            ("user+0 expert+240", None, 260),
            ("expert+0 user+0 expert-300 expert+359", None, 300),
            ("expert+0 user+0 expert-300 expert+360", None, 290),
            ("expert+0 user+0 expert-300 expert+330 expert-600 expert+630", None, 290),
            ("expert+0 user+0 expert-600", None, 100),
            ("user+0 expert+90 expert-600 expert+690", None, 270),
            # The user's own absence costs and returns nothing.
            ("expert+0 user+0 user-60 user+900", None, 300),
            ("expert+0 user+0 user-60 expert-120 user+600 expert+660", None, 210),
            # Ended by the user, by the expert, by a user who is left alone for less and for more than a minute.
            ("expert+0 user+0", "user@600", 300),
            ("expert+0 user+0", "expert@600", 100),
            ("expert+0 user+0", "expert@601", 110),
            ("expert+0 user+0 expert-600", "user@659", 300),
            ("expert+0 user+0 expert-600", "user@660", 100),
        ],
    )
    def test_the_user_pays_for_what_the_expert_was_there_for(
        self, stage: Bookings, course: str, end: str | None, kept: float
    ) -> None:
        people = {"user": USER, "expert": EXPERT}
        session_id = stage.booked()
        stage.progress(session_id, SLOT)
        for change in course.split():
            sign = "+" if "+" in change else "-"
            side, _, second = change.partition(sign)
            (stage.here if sign == "+" else stage.gone)(people[side], now=stage.slot(0, float(second)))
        if end is None:
            stage.progress(session_id, stage.slot(30))
        else:
            side, _, second = end.partition("@")
            ended = stage.end(session_id, people[side], stage.slot(0, float(second)))
            assert (ended["endReason"], ended["endedAt"]) == (f"{side}-ended", stage.slot(0, float(second)))
        stage.check(session_id, kept=kept)

    def test_a_rate_with_paise_rounds_to_the_paisa(self, ctx: Context) -> None:
        """10.01 INR × 7 minutes, of which the expert missed 2; fee 20 % of 50.05 is 10.01."""
        stage = Bookings(ctx)
        stage.expert_online(price_paise=1001)
        stage.gone(EXPERT, now=START)
        session_id = running(stage, minutes=7)
        stage.end(session_id, EXPERT, stage.slot(5))
        stage.check(session_id, kept=50.05, price=70.07)

    def test_twice_late_and_by_many(self, stage: Bookings) -> None:
        session_id = running(stage)
        at_once(6, lambda _: stage.progress(session_id, stage.slot(31)))
        stage.end(session_id, USER, stage.slot(40))
        stage.progress(session_id, stage.slot(50))
        assert stage.session(session_id)["endedAt"] == stage.slot(30)
        stage.check(session_id, kept=300)

    def test_a_crash_after_the_commit(self, stage: Bookings) -> None:
        session_id = running(stage)
        kept_tasks(stage.ctx).by_name.clear()
        with pytest.raises(Crash):
            dying(stage.ctx).run(lambda tx: sessions.progress(tx, session_id, pace=PACE, now=stage.slot(30)))
        stage.progress(session_id, stage.slot(31))
        stage.check(session_id, kept=300)

    def test_the_sweep_makes_good_what_tasks_lost(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.here(USER, EXPERT, now=stage.slot(-1))
        assert sweep(stage, stage.slot(0, 50))["sessionsOverdue"] == 1
        # Nothing could begin for 50 seconds: less than a minute.
        assert stage.session(session_id)["startedAt"] == stage.slot(0, 50)
        assert sweep(stage, stage.slot(30, 20))["sessionsOverdue"] == 1
        stage.check(session_id, kept=300)

    def test_the_rest_of_what_an_admin_ends_comes_back(self, stage: Bookings) -> None:
        session_id = running(stage)
        ended = stage.ctx.run(lambda tx: sessions.end_all(tx, USER, pace=PACE, now=stage.slot(12)))
        assert ended == [session_id]
        assert stage.session(session_id)["endReason"] == "admin-ended"
        stage.check(session_id, kept=120)

    def test_an_admin_refunds_what_was_paid(self, stage: Bookings) -> None:
        session_id = running(stage)
        stage.end(session_id, EXPERT, stage.slot(20))
        given = refunds.Request(session_id, "r1", None, "poor connection", "root")
        made = stage.ctx.run(lambda tx: refunds.refund(tx, given, now=stage.slot(60)))
        assert (made["amount"], made["platformFee"], made["refundable"]) == (200, 40, 0)
        assert stage.session(session_id)["refundedAmount"] == 300
        assert wallet_of(stage.ctx, USER)["depositedPaise"] == 100000
        stage.check_books()


class TestNoShow:
    @pytest.mark.parametrize(
        ("course", "status", "reason", "kept"),
        [
            ("", "cancelled", "expert-no-show", 0),
            ("user+0", "cancelled", "expert-no-show", 0),
            ("user+0 user-120", "cancelled", "expert-no-show", 0),
            ("expert+0", "completed", "user-no-show", 300),
            ("expert+0 expert-299", "cancelled", "expert-no-show", 0),
            ("expert+0 expert-300", "cancelled", "not-started", 0),
            ("expert+185", "completed", "user-no-show", 270),
            # Came, waited a minute, and went before the expert came.
            ("user+0 user-60 expert+300", "cancelled", "not-started", 0),
            ("user+0 user-59 expert+300", "completed", "user-no-show", 250),
            # By all of the time, and not by who is there at its end.
            ("expert+301", "cancelled", "expert-no-show", 0),
            ("expert+599", "cancelled", "expert-no-show", 0),
            ("user+0 user-59 expert+599", "cancelled", "expert-no-show", 0),
            ("expert+0 expert-599", "completed", "user-no-show", 300),
            ("expert+0 expert-540", "cancelled", "not-started", 0),
        ],
    )
    def test_who_did_not_come(self, stage: Bookings, course: str, status: str, reason: str, kept: float) -> None:
        people = {"user": USER, "expert": EXPERT}
        session_id = stage.booked()
        stage.progress(session_id, SLOT)
        for change in course.split():
            sign = "+" if "+" in change else "-"
            side, _, second = change.partition(sign)
            (stage.here if sign == "+" else stage.gone)(people[side], now=stage.slot(0, float(second)))
        stage.progress(session_id, stage.slot(9, 59))
        assert stage.session(session_id)["status"] == "confirmed"
        stage.tasks_until(stage.slot(10))
        session = stage.session(session_id)
        assert (session["status"], session["endReason"], session["startedAt"]) == (status, reason, None)
        assert told(stage, "session_not_held") == {USER, EXPERT}
        stage.check(session_id, kept=kept)
        for _ in range(2):
            stage.progress(session_id, stage.slot(11))
            stage.here(USER, EXPERT, now=stage.slot(12))
        stage.check(session_id, kept=kept)

    def test_the_configured_share_and_time(self, ctx: Context) -> None:
        stage = Bookings(ctx, PlatformConfig(noShowMins=3, userNoShowChargePercent=50))
        stage.expert_online()
        session_id = stage.booked()
        # Frozen when it was booked.
        stage.config = PlatformConfig()
        stage.progress(session_id, SLOT)
        stage.progress(session_id, stage.slot(3))
        assert stage.session(session_id)["endReason"] == "user-no-show"
        stage.check(session_id, kept=150)

    def test_never_after_its_end(self, stage: Bookings) -> None:
        session_id = stage.booked(minutes=5)
        assert stage.session(session_id)["noShowAt"] == stage.slot(5)

    def test_a_late_timer_judges_by_what_was_at_the_time(self, stage: Bookings) -> None:
        """The expert comes after the deadline and before the timer: too late."""
        session_id = stage.booked()
        stage.here(USER, now=SLOT)
        stage.here(EXPERT, now=stage.slot(10, 1))
        assert stage.session(session_id)["endReason"] == "expert-no-show"
        stage.check(session_id, kept=0)

    def test_nobody_looked_during_all_of_it(self, stage: Bookings) -> None:
        """Whatever was, it is not known: nobody pays."""
        session_id = stage.booked()
        stage.here(EXPERT, now=stage.slot(-1))
        sweep(stage, stage.slot(31))
        assert stage.session(session_id)["endReason"] == "not-started"
        stage.check(session_id, kept=0)

    def test_many_timers_at_once(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.here(EXPERT, now=SLOT)
        at_once(6, lambda _: stage.progress(session_id, stage.slot(10)))
        stage.check(session_id, kept=300)

    def test_a_session_that_was_not_held_is_not_reviewed(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.here(EXPERT, now=SLOT)
        stage.progress(session_id, stage.slot(10))
        with pytest.raises(Conflict) as refused:
            stage.ctx.run(lambda tx: reviews.create(tx, session_id, USER, rating=1, comment="", now=stage.slot(60)))
        assert refused.value.code == "SESSION_NOT_FINISHED"


class TestBesideSessionsByTheMinute:
    """A start, or a turn in the queue, never runs into a booking and its buffer of 5 minutes."""

    @pytest.mark.parametrize(("before", "minutes"), [(200, 120), (125, 120), (124.5, 119), (20, 15), (6, 1)])
    @pytest.mark.parametrize("side", ["user", "expert"])
    def test_a_start_is_capped(self, stage: Bookings, before: float, minutes: int, side: str) -> None:
        stage.expert_online("ravi")
        stage.booked()
        now = stage.slot(-before)
        stage.back_online(now)
        if side == "expert":
            stage.user("kabir", 10_000)
        else:
            stage.here(USER, now=now)
        uid, expert_id = ("kabir", EXPERT) if side == "expert" else (USER, "ravi")
        session = stage.request(uid, expert_id=expert_id, now=now).session
        assert session is not None
        assert session["maxMinutes"] == minutes

    def test_a_capped_one_ends_before_the_buffer(self, stage: Bookings) -> None:
        booked = stage.booked()
        stage.back_online(stage.slot(-20))
        stage.user("kabir", 1000)
        walk_in = stage.request("kabir", now=stage.slot(-20)).session
        assert walk_in is not None
        stage.run_until(walk_in["id"], stage.slot(-4))
        session = stage.session(walk_in["id"])
        assert (session["endReason"], session["endedAt"], session["minutesCharged"]) == (
            "max-duration",
            stage.slot(-5),
            15,
        )
        stage.here(USER, now=stage.slot(-1))
        stage.progress(booked, SLOT)
        assert stage.session(booked)["status"] == "in_progress"
        stage.check_books()

    def test_who_is_booked_soon_counts_as_busy(self, stage: Bookings) -> None:
        stage.booked()
        now = stage.slot(-6, 1)
        stage.back_online(now)
        stage.user("kabir", 1000)
        assert stage.request("kabir", now=now).waiting
        stage.expert_online("ravi")
        stage.here(USER, now=now)
        with pytest.raises(Conflict) as refused:
            stage.request(USER, expert_id="ravi", now=now)
        assert (refused.value.code, refused.value.details) == (
            "BOOKED_SOON",
            [{"scheduledAt": "2026-01-07T10:00:00.000Z"}],
        )

    def test_the_queue_waits_until_the_booking_is_over(self, stage: Bookings) -> None:
        booked = stage.booked()
        stage.back_online(stage.slot(-6))
        stage.here(USER, now=stage.slot(-6))
        stage.user("kabir", 1000)
        stage.request("kabir", now=stage.slot(-5))
        tasks.advance(stage.ctx, {"expertId": EXPERT}, stage.slot(-5))
        stage.progress(booked, SLOT)
        tasks.advance(stage.ctx, {"expertId": EXPERT}, stage.slot(10))
        assert [entry["id"] for entry in queue.waiting(stage.ctx.db, EXPERT)] == ["kabir"]
        stage.end(booked, USER, stage.slot(20))
        tasks.advance(stage.ctx, {"expertId": EXPERT}, stage.slot(20))
        [started] = kept_events(stage.ctx).named("chat-started", "user:kabir")
        assert stage.session(started["chatId"])["startedAt"] == stage.slot(20)

    def test_one_who_waits_and_is_booked_soon_loses_the_turn(self, stage: Bookings) -> None:
        stage.expert_online("ravi")
        stage.user("kabir", 1000)
        stage.request("kabir", expert_id="ravi", now=stage.slot(-20))
        stage.booked()
        stage.here(USER, now=stage.slot(-20))
        assert stage.request(USER, expert_id="ravi", now=stage.slot(-20)).waiting
        [running] = Query(("sessions",)).filter("userId", "==", "kabir").run(stage.ctx.db)
        stage.end(running["id"], "kabir", stage.slot(-5))
        tasks.advance(stage.ctx, {"expertId": "ravi"}, stage.slot(-5))
        assert kept_events(stage.ctx).named("queue-status", f"user:{USER}")[-1]["reason"] == "booked"


class TestBesideRequestsToAccept:
    """An expert who accepts by hand: a booking may be made, or begin, while a request waits."""

    @pytest.fixture
    def offer(self, stage: Bookings) -> str:
        stage.back_online(stage.at(0))
        stage.prefer(acceptsByHand=True)
        stage.user("kabir", 1000)
        waiting = stage.request("kabir", now=stage.at(0)).offer
        assert waiting is not None
        return str(waiting["id"])

    def test_it_is_capped_by_what_is_booked_by_then(self, stage: Bookings, offer: str) -> None:
        stage.booked(scheduled_at=stage.at(20))
        assert stage.accept(offer, stage.at(0, 30))["maxMinutes"] == 14

    def test_it_comes_too_late(self, stage: Bookings, offer: str) -> None:
        stage.booked(scheduled_at=stage.at(20))
        closed = stage.accept(offer, stage.at(14, 1))
        assert (closed["status"], closed["endReason"]) == ("cancelled", "booked")
        assert wallet_of(stage.ctx, "kabir")["balance"] == 1000
        stage.check_books()

    def test_it_is_in_the_way(self, stage: Bookings, offer: str) -> None:
        session_id = stage.booked(scheduled_at=stage.at(20))
        stage.here(USER, now=stage.at(19))
        stage.progress(session_id, stage.at(20))
        assert stage.session(session_id)["status"] == "in_progress"
        assert stage.session(offer)["endReason"] == "booked"

    def test_both_may_be_cancelled_by_one_path(self, stage: Bookings, offer: str) -> None:
        for _ in range(2):
            assert stage.cancel(offer, "kabir", stage.at(0, 10))["status"] == "cancelled"
        stage.check_books()


class TestAccounts:
    @pytest.mark.parametrize(("closed", "code"), [(USER, "ACCOUNT_DISABLED"), (EXPERT, "NOT_ACCEPTING_BOOKINGS")])
    def test_a_closed_account_books_nothing_more(self, stage: Bookings, closed: str, code: str) -> None:
        stage.person(USER)
        stage.ctx.db.set(("users", closed), {"disabled": True}, merge=True)
        with pytest.raises(KonnectError) as refused:
            stage.book()
        assert refused.value.code == code

    def test_an_open_booking_stands_in_the_way_of_deletion_and_removal(self, stage: Bookings) -> None:
        session_id = stage.booked()
        for uid in (USER, EXPERT):
            [matter] = stage.ctx.run(lambda tx, uid=uid: deletion.open_matters(tx, uid))
            assert (matter["code"], matter["sessionId"], matter["way"]) == ("SESSION_OPEN", session_id, "cancel it")
        with pytest.raises(Conflict) as refused:
            stage.ctx.run(lambda tx: removal.remove(tx, EXPERT, by="root", config=stage.config, now=START))
        assert refused.value.code == "EXPERT_BUSY"

    @pytest.mark.parametrize("closed", [USER, EXPERT])
    def test_what_a_disabled_account_is_booked_for_is_cancelled(self, stage: Bookings, closed: str) -> None:
        session_id = stage.booked()
        other = stage.booked("kabir", scheduled_at=stage.slot(60))
        stage.ctx.run(lambda tx: sessions.end_all(tx, closed, pace=PACE, now=stage.slot(-1)))
        [task] = kept_tasks(stage.ctx).keyed("cancel-all", closed)
        for _ in range(2):
            tasks.cancel_all(stage.ctx, task.payload, stage.slot(-1))
        session = stage.session(session_id)
        assert (session["status"], session["cancelledBy"], session["refundedAmount"]) == ("cancelled", "platform", 300)
        assert stage.session(other)["status"] == ("cancelled" if closed == EXPERT else "confirmed")
        assert wallet_of(stage.ctx, USER)["balance"] == 1000
        stage.check_books()

    def test_names_of_the_deleted_go(self, stage: Bookings) -> None:
        session_id = stage.booked()
        stage.cancel(session_id, EXPERT, START)
        deletion.erase(stage.ctx, USER, None, "Deleted user", now=START)
        assert stage.session(session_id)["userName"] == "Deleted user"


def test_the_wire_shows_what_both_may_see(stage: Bookings) -> None:
    from konnect.sessions.schemas import Session

    session: Doc = {**stage.session(stage.booked()), "id": "s"}
    shown = Session.model_validate(session).model_dump(mode="json", by_alias=True)
    assert shown["mode"] == "booked"
    assert not {"platformFeePercent", "unservedMs", "shard", "heldPaise"} & set(shown)
