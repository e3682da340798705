"""Claims that the other side did not come: by what evidence, until when, and what they do to the money."""

from datetime import datetime, timedelta

import pytest

from konnect.bookings import attendance, no_show, repository, sweeps
from konnect.payments import sweeps as payments
from konnect.store import Doc, Tx
from tests.support import at_once

from .conftest import DAY, HOUR, MENTOR, MINUTE, NOW, OTHER, SLOT, STUDENT, Desk
from .test_booking import Crash, dying
from .test_ending import code

SECOND = timedelta(seconds=1)
ENDED = SLOT + HOUR
LATER = SLOT + 20 * MINUTE


def seen(desk: Desk, booking_id: str, *sides: attendance.Side) -> None:
    """So many have taken their link."""

    def take(tx: Tx) -> None:
        for side in sides:
            attendance.linked(tx, repository.get(tx, booking_id), side, every_s=60, now=SLOT)

    desk.ctx.run(take)


def claim(desk: Desk, booking_id: str, uid: str = STUDENT, now: datetime = LATER) -> Doc:
    return desk.ctx.run(
        lambda tx: no_show.claim(tx, repository.get(tx, booking_id), uid, config=desk.config, pace=desk.pace, now=now)
    )


class TestTheMentorDidNotCome:
    def test_before_its_completion_all_goes_back(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        desk.progress(booking_id, SLOT)
        seen(desk, booking_id, "student")
        stored = claim(desk, booking_id)
        assert (stored["status"], stored["statusReason"], stored["heldPaise"]) == ("cancelled", "mentor-no-show", 0)
        assert (stored["cancelledAt"], stored["cancelledBy"], stored["refund"]["amount"]) == (LATER, None, 1000)
        assert desk.told("session_not_held") == [STUDENT, MENTOR]
        assert desk.taken() == desk.taken(STUDENT) == []
        assert desk.kinds() == ["booking.pay", "booking.release"]
        desk.check_books()
        desk.tasks_until(ENDED + HOUR)
        assert desk.send_refunds() == ["processed"]
        assert desk.booking(booking_id)["payment"]["status"] == "refunded"
        assert (desk.earned(), desk.account("gateway:razorpay")) == (0, 0)
        desk.check_books()

    def test_after_it_the_share_is_taken_back(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        desk.complete(booking_id, SLOT + MINUTE)
        seen(desk, booking_id, "student")
        stored = claim(desk, booking_id, now=ENDED + DAY)
        assert (stored["status"], stored["statusReason"], stored["completedAt"]) == (
            "cancelled",
            "mentor-no-show",
            None,
        )
        assert (desk.earned(), stored["reversedPaise"], desk.terms(booking_id)["mentorPaise"]) == (0, 1000_00, 0)
        assert desk.told("session_not_held") == [STUDENT, MENTOR]
        desk.check_books()
        assert desk.send_refunds() == ["processed"]
        assert desk.account("gateway:razorpay") == 0
        desk.check_books()

    @pytest.mark.parametrize("is_over", [False, True])
    def test_the_same_again_and_twenty_at_once(self, desk: Desk, is_over: bool) -> None:
        booking_id = desk.confirmed()
        if is_over:
            desk.complete(booking_id, SLOT)
        seen(desk, booking_id, "student")
        at_once(20, lambda _: claim(desk, booking_id))
        assert claim(desk, booking_id, now=ENDED + 3 * DAY)["statusReason"] == "mentor-no-show"
        assert len(desk.all("gatewayRefunds")) == 1
        assert (desk.earned(), len(desk.told("session_not_held"))) == (0, 2)
        desk.check_books()

    def test_claiming_and_completing_at_once(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        seen(desk, booking_id, "student")
        at_once(2, lambda n: claim(desk, booking_id) if n else desk.complete(booking_id, LATER))
        claim(desk, booking_id)
        assert desk.booking(booking_id)["statusReason"] == "mentor-no-show"
        assert desk.earned() == 0
        desk.check_books()

    def test_a_crash_after_the_commit(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        seen(desk, booking_id, "student")
        living, desk.ctx = desk.ctx, dying(desk.ctx)
        with pytest.raises(Crash):
            claim(desk, booking_id)
        desk.ctx = living
        assert payments.sweep(desk.ctx, {}, LATER + 10 * MINUTE)["refunds"] == 1
        assert desk.booking(booking_id)["refund"]["status"] == "processed"
        desk.check_books()


class TestTheStudentDidNotCome:
    @pytest.mark.parametrize("is_over", [False, True])
    def test_the_mentor_is_paid(self, desk: Desk, is_over: bool) -> None:
        booking_id = desk.confirmed()
        if is_over:
            desk.complete(booking_id, ENDED)
        seen(desk, booking_id, "mentor")
        for _ in range(2):
            stored = claim(desk, booking_id, MENTOR)
            assert (stored["status"], stored["statusReason"]) == ("completed", "student-no-show")
        assert (desk.earned(), stored["refund"]) == (780_00, None)
        assert desk.told("session_not_held") == [STUDENT, MENTOR]
        assert desk.kinds() == ["booking.pay", "booking.settle"]
        desk.check_books()


class TestRefusals:
    @pytest.mark.parametrize(
        ("sides", "uid"),
        [((), STUDENT), (("mentor",), STUDENT), (("student", "mentor"), STUDENT), (("student",), MENTOR)],
    )
    def test_without_evidence_there_is_the_dispute(
        self, desk: Desk, sides: tuple[attendance.Side, ...], uid: str
    ) -> None:
        booking_id = desk.confirmed()
        seen(desk, booking_id, *sides)
        assert code(lambda: claim(desk, booking_id, uid)) == "NO_EVIDENCE"
        assert desk.booking(booking_id)["status"] == "confirmed"

    def test_nobody_was_ever_seen(self, desk: Desk) -> None:
        assert code(lambda: claim(desk, desk.confirmed())) == "NO_EVIDENCE"

    def test_its_time(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        seen(desk, booking_id, "student")
        early, late = SLOT + 10 * MINUTE - SECOND, ENDED + DAY + SECOND
        assert code(lambda: claim(desk, booking_id, now=early)) == "TOO_EARLY_TO_CLAIM"
        assert code(lambda: claim(desk, booking_id, now=late)) == "TOO_LATE_TO_CLAIM"
        assert claim(desk, booking_id, now=early + SECOND)["statusReason"] == "mentor-no-show"

    def test_others_and_unpaid_ones(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        seen(desk, booking_id, "student")
        assert code(lambda: claim(desk, booking_id, OTHER)) == "NOT_A_PARTICIPANT"
        unpaid = desk.book(scheduled_at=SLOT + DAY)["id"]
        assert code(lambda: claim(desk, unpaid, now=SLOT + DAY + HOUR)) == "NOT_CONFIRMED"
        desk.cancel(booking_id, "student", NOW)
        assert code(lambda: claim(desk, booking_id)) == "NOT_CONFIRMED"


class TestLostTasks:
    @pytest.mark.parametrize("uid", [STUDENT, MENTOR])
    def test_a_disabled_side_s_booking_does_not_begin(self, desk: Desk, uid: str) -> None:
        """The task that should have cancelled it is lost."""
        booking_id = desk.confirmed()
        desk.ctx.db.set(("users", uid), {"disabled": True}, merge=True)
        desk.progress(booking_id, SLOT)
        stored = desk.booking(booking_id)
        assert (stored["status"], stored["statusReason"], stored["cancelledBy"]) == (
            "cancelled",
            "admin-cancelled",
            "admin",
        )
        assert stored["refund"]["amount"] == 1000
        desk.check_books()

    def test_the_sweep_gets_past_those_that_fail(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(repository, "SWEEP_LIMIT", 2)
        for number in range(4):
            broken = {"nextActionAt": SLOT - DAY + number * SECOND, "isOpen": True, "status": "pending"}
            desk.ctx.db.set(("bookings", f"broken-{number}"), broken)
        booking_id = desk.confirmed()
        swept = sweeps.sweep(desk.ctx, {}, SLOT + MINUTE, clock=lambda: SLOT + MINUTE)
        assert swept == {"bookings": 5, "failures": 4}
        assert desk.booking(booking_id)["status"] == "in_progress"

    def test_a_long_sweep_leaves_the_rest_to_the_next(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(repository, "SWEEP_LIMIT", 1)
        for number in range(3):
            broken = {"nextActionAt": SLOT - DAY + number * SECOND, "isOpen": True, "status": "pending"}
            desk.ctx.db.set(("bookings", f"broken-{number}"), broken)
        times = iter(SLOT + number * 20 * SECOND for number in range(100))
        assert sweeps.sweep(desk.ctx, {}, SLOT, clock=lambda: next(times))["bookings"] == 2
