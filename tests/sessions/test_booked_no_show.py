"""A booked session for which somebody does not come, or goes."""

from dataclasses import replace

import pytest

from konnect.context import Context
from konnect.errors import Conflict
from konnect.platform import PlatformConfig
from konnect.reviews import service as reviews
from tests.sessions.bookings import SLOT, USER, Bookings, sweep, told
from tests.sessions.conftest import EXPERT
from tests.support import START, at_once


@pytest.fixture
def stage(ctx: Context) -> Bookings:
    stage = Bookings(ctx)
    stage.expert_online()
    stage.gone(EXPERT, now=START)
    return stage


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

    def test_how_long_a_side_may_be_away_from_others_is_another_matter(self, ctx: Context) -> None:
        """An operator's ABSENCE_S does not make who was there for five minutes one who did not come."""
        stage = Bookings(replace(ctx, settings=ctx.settings.model_copy(update={"absence_s": 600})))
        stage.expert_online()
        stage.gone(EXPERT, now=START)
        session_id = stage.booked()
        stage.here(USER, now=SLOT)
        stage.gone(USER, now=stage.slot(5))
        stage.here(EXPERT, now=stage.slot(5))
        stage.tasks_until(stage.slot(10))
        assert stage.session(session_id)["endReason"] == "not-started"
        stage.check(session_id, kept=0)

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
            stage.ctx.run(lambda tx: reviews.of_session(tx, session_id, USER))
        assert refused.value.code == "SESSION_NOT_FINISHED"
