"""What is booked and what is by the minute, on one calendar: neither runs into the other."""

import pytest

from konnect.context import Context
from konnect.errors import Conflict
from konnect.sessions import queue, tasks
from konnect.store import Query
from tests.sessions.bookings import SLOT, USER, Bookings
from tests.sessions.conftest import EXPERT
from tests.support import START, kept_events, wallet_of


@pytest.fixture
def stage(ctx: Context) -> Bookings:
    stage = Bookings(ctx)
    stage.expert_online()
    stage.gone(EXPERT, now=START)
    return stage


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
