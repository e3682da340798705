"""Reminders: a day and a quarter of an hour before, once, at the time that counts by then."""

from datetime import datetime, timedelta

from konnect import platform
from konnect.bookings import sweeps
from konnect.store import Query
from tests.support import kept_tasks

from .conftest import DAY, HOUR, MENTOR, MINUTE, NOW, SLOT, STUDENT, Desk

SECOND = timedelta(seconds=1)


def reminded(desk: Desk) -> dict[str, int]:
    """How many reminders each has."""
    told = desk.told("booking_reminder")
    return {uid: told.count(uid) for uid in set(told)}


def test_a_day_and_a_quarter_of_an_hour_before(desk: Desk) -> None:
    booking_id = desk.confirmed()
    assert desk.booking(booking_id)["nextActionAt"] == SLOT - DAY
    desk.tasks_until(SLOT - DAY - SECOND)
    assert reminded(desk) == {}
    desk.tasks_until(SLOT - DAY)
    assert (reminded(desk), desk.booking(booking_id)["reminderSent"]) == ({STUDENT: 1, MENTOR: 1}, False)
    desk.tasks_until(SLOT - 15 * MINUTE)
    assert (reminded(desk), desk.booking(booking_id)["reminderSent"]) == ({STUDENT: 2, MENTOR: 2}, True)
    # Each task again, and on to the beginning.
    desk.tasks_until(SLOT)
    assert reminded(desk) == {STUDENT: 2, MENTOR: 2}
    assert desk.booking(booking_id)["status"] == "in_progress"
    [first, *_] = Query(("notifications",)).filter("type", "==", "booking_reminder").run(desk.ctx.db)
    assert first["data"]["bookingId"] == booking_id
    assert first["actionUrl"] == f"/call/{booking_id}"


def test_booked_within_a_day_only_the_later_one(desk: Desk) -> None:
    soon = NOW + 3 * HOUR
    booking_id = desk.confirmed(scheduled_at=soon)
    assert desk.booking(booking_id)["nextActionAt"] == soon - 15 * MINUTE
    desk.tasks_until(soon)
    assert reminded(desk) == {STUDENT: 1, MENTOR: 1}


def test_paid_so_late_that_a_reminder_s_time_is_over(desk: Desk) -> None:
    slot = NOW + DAY
    booking = desk.book(scheduled_at=slot, now=NOW - 2 * MINUTE)
    desk.settle(desk.pay(booking["payment"]["orderId"]), now=NOW + 2 * MINUTE)
    assert desk.booking(booking["id"])["nextActionAt"] == slot - 15 * MINUTE


def test_moved(desk: Desk) -> None:
    booking_id, to = desk.confirmed(), SLOT + 2 * DAY
    desk.move(booking_id, to)
    assert desk.booking(booking_id)["nextActionAt"] == to - DAY
    desk.tasks_until(SLOT)
    assert reminded(desk) == {}
    desk.tasks_until(to)
    assert reminded(desk) == {STUDENT: 2, MENTOR: 2}


def test_cancelled(desk: Desk) -> None:
    booking_id = desk.confirmed()
    desk.cancel(booking_id, "student", NOW)
    desk.tasks_until(SLOT)
    assert reminded(desk) == {}


def test_a_lost_task_is_made_good_with_one_reminder(desk: Desk) -> None:
    booking_id = desk.confirmed()

    def swept(now: datetime) -> None:
        assert sweeps.sweep(desk.ctx, {}, now, clock=lambda: now)["failures"] == 0

    swept(SLOT - DAY + 10 * SECOND)
    assert reminded(desk) == {}
    swept(SLOT - 10 * MINUTE)
    swept(SLOT - 9 * MINUTE)
    assert (reminded(desk), desk.booking(booking_id)["reminderSent"]) == ({STUDENT: 1, MENTOR: 1}, True)


def test_further_ahead_than_a_task_can_be(desk: Desk) -> None:
    desk.ctx.db.set(("config", "platform"), {"bookingHorizonDays": 60})
    platform.forget(desk.ctx.db)
    far = NOW + 32 * DAY
    desk.confirmed(scheduled_at=far)
    assert max(task.at for task in kept_tasks(desk.ctx).keyed("booking") if task.at) <= NOW + 29 * DAY
    desk.tasks_until(far)
    assert reminded(desk) == {STUDENT: 2, MENTOR: 2}
