"""A booked session's time: reminder, start, ends; timers that are lost, late, early, repeated."""

import pytest

from konnect.context import Context
from konnect.errors import Conflict, Forbidden, Unavailable
from konnect.sessions import refunds
from konnect.sessions import service as sessions
from konnect.store import Doc
from tests.sessions.bookings import SLOT, USER, Bookings, Crash, dying, running, sweep, told
from tests.sessions.conftest import EXPERT, PACE
from tests.support import START, at_once, kept_events, kept_tasks, wallet_of


@pytest.fixture
def stage(ctx: Context) -> Bookings:
    stage = Bookings(ctx)
    stage.expert_online()
    stage.gone(EXPERT, now=START)
    return stage


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


def test_the_wire_shows_what_both_may_see(stage: Bookings) -> None:
    from konnect.sessions.schemas import Session

    session: Doc = {**stage.session(stage.booked()), "id": "s"}
    shown = Session.model_validate(session).model_dump(mode="json", by_alias=True)
    assert shown["mode"] == "booked"
    assert not {"platformFeePercent", "unservedMs", "shard", "heldPaise"} & set(shown)
