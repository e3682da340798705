"""The cancellation rate's consequences: a warning once, then no more bookings until an admin lifts that."""

from datetime import timedelta
from typing import Any

import pytest

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.mentors import stats, stopping
from konnect.mentors.triggers import on_booking_written
from konnect.store import Doc, Query
from tests.support import START, at_once, new_context

MENTOR = "ravi"
OPEN = {"isOpen": True, "confirmedAt": START, "status": "confirmed", "statusReason": None, "cancelledBy": None}
HELD = {"status": "completed", "statusReason": "completed", "cancelledBy": None}
CALLED_OFF = {"status": "cancelled", "statusReason": "mentor-cancelled", "cancelledBy": "mentor"}
NO_SHOW = {"status": "cancelled", "statusReason": "mentor-no-show", "cancelledBy": None}


class Mentor:
    def __init__(self, ctx: Context) -> None:
        self.ctx, self.number = ctx, 0
        ctx.db.set(("experts", MENTOR), {"name": "Ravi", "firebaseUid": MENTOR, "timeZone": "UTC", "orders": 0})

    def has(self, *outcomes: dict[str, Any]) -> None:
        """So many more bookings, that have ended so."""
        for outcome in outcomes:
            self.number += 1
            self.write(f"b{self.number}", outcome)
            self.told(f"b{self.number}")

    def write(self, booking_id: str, outcome: dict[str, Any]) -> None:
        ended = {
            "studentId": "meera",
            "mentorId": MENTOR,
            "scheduledAt": START,
            "confirmedAt": START,
            "isOpen": False,
            **outcome,
        }
        self.ctx.db.set(("bookings", booking_id), {**ended, "completedAt": START, "cancelledAt": START})

    def told(self, booking_id: str, before: Doc | None = OPEN) -> None:
        """The trigger's event."""
        after = self.ctx.db.get("bookings", booking_id)
        path = f"bookings/{booking_id}"
        change = Change("event", path, {"bookingId": booking_id}, before, after, START)
        on_booking_written(self.ctx, change, START + timedelta(minutes=self.number))

    @property
    def is_stopped(self) -> bool:
        return bool((self.ctx.db.get("experts", MENTOR) or {}).get("bookingsStopped"))

    @property
    def notified(self) -> list[str]:
        return sorted(one["type"] for one in Query(("notifications",)).run(self.ctx.db))

    def lift(self) -> Doc | None:
        return self.ctx.run(lambda tx: stopping.lift(tx, MENTOR, now=START))


@pytest.fixture
def mentor() -> Mentor:
    return Mentor(new_context())


def test_a_warning_once_until_it_is_fine_again(mentor: Mentor) -> None:
    mentor.has(CALLED_OFF, HELD, HELD, HELD)
    assert mentor.notified == []
    # One of five: 20 %.
    mentor.has(HELD)
    assert (mentor.notified, mentor.is_stopped) == (["mentor_warned"], False)
    [told] = Query(("notifications",)).run(mentor.ctx.db)
    assert (told["data"]["reason"], told["data"]["value"]) == ("cancellations", 20)
    mentor.has(CALLED_OFF)
    mentor.told("b1")
    assert mentor.notified == ["mentor_warned"]
    mentor.has(*[HELD] * 5)
    # Two of eleven are fine; three of twelve are not.
    mentor.has(CALLED_OFF)
    assert (mentor.notified, mentor.is_stopped) == (["mentor_warned"] * 2, False)


def test_a_no_show_counts_as_called_off_and_the_stop_is_an_admin_s_to_lift(mentor: Mentor) -> None:
    mentor.has(HELD, HELD, HELD, NO_SHOW, CALLED_OFF)
    assert (mentor.notified, mentor.is_stopped) == (["bookings_stopped"], True)
    mentor.has(*[HELD] * 6)
    assert mentor.is_stopped, "good numbers alone don't bring it back"
    assert (mentor.lift() or {})["reason"] == "cancellations"
    assert not mentor.is_stopped
    mentor.has(*[CALLED_OFF] * 4)
    assert not mentor.is_stopped, "five more bookings first"
    mentor.has(CALLED_OFF)
    assert mentor.is_stopped
    assert mentor.notified.count("bookings_stopped") == 2


def test_one_that_turns_out_not_to_have_been_held(mentor: Mentor) -> None:
    """Completed first, and a no-show by a claim or a dispute later."""
    mentor.has(HELD, HELD, HELD, HELD, CALLED_OFF)
    assert mentor.notified == ["mentor_warned"]
    mentor.write("b1", {**NO_SHOW, "reversedPaise": 1000_00})
    for _ in range(2):
        mentor.told("b1", {**OPEN, **HELD, "isOpen": False})
    assert (mentor.is_stopped, mentor.notified) == (True, ["bookings_stopped", "mentor_warned"])
    sums = mentor.ctx.db.get("mentorStats", MENTOR) or {}
    assert (sums["completed"], sums["cancelledByMentor"], sums["ended"]) == (3, 2, 5)
    assert stats.cancellation_rate(sums) == 40
    assert (mentor.ctx.db.get("experts", MENTOR) or {})["orders"] == 3


def test_what_went_back_lowers_what_was_earned(mentor: Mentor) -> None:
    terms = ("bookings", "b1", "private", "terms")
    mentor.ctx.db.set(terms, {"mentorPaise": 780_00, "settledAt": START})
    mentor.has(HELD)
    mentor.write("b1", {**HELD, "reversedPaise": 500_00})
    mentor.ctx.db.set(terms, {"mentorPaise": 390_00, "settledAt": START, "reversedPaise": 500_00})
    for _ in range(2):
        mentor.told("b1", {**OPEN, **HELD, "isOpen": False})
    sums = mentor.ctx.db.get("mentorStats", MENTOR) or {}
    assert (sums["completed"], sums["earnedPaise"]) == (1, 390_00)


def test_twenty_events_at_once_stop_once(mentor: Mentor) -> None:
    mentor.has(HELD, HELD, HELD, CALLED_OFF)
    mentor.write("b5", CALLED_OFF)
    at_once(20, lambda _: mentor.told("b5"))
    mentor.told("b5")
    assert (mentor.is_stopped, mentor.notified) == (True, ["bookings_stopped"])
