# ruff: noqa: F811 - pytest takes fixtures by their names
"""The success metrics: GET /api/admin/metrics/success, and the sums that they are counted by."""

from datetime import timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.admin import success
from konnect.admin.mentors.index import on_mentor_written
from konnect.http.triggers import Change
from konnect.mentors import activity, deletion
from konnect.mentors.triggers import on_booking_written
from konnect.store import Doc, measure
from tests.admin.conftest import USER, Panel
from tests.bookings.conftest import (  # noqa: F401 - fixtures
    DAY,
    HOUR,
    MENTOR,
    NOW,
    OTHER,
    SLOT,
    STUDENT,
    Desk,
    desk,
    open_desk,
    razorpay,
    settings,
)
from tests.support import at_once

PATH = "/api/admin/metrics/success"


def told(desk: Desk, booking_id: str, before: Doc | None = None) -> None:
    """The trigger's event of a booking."""
    change = Change("event", f"bookings/{booking_id}", {"bookingId": booking_id}, before, desk.booking(booking_id), NOW)
    on_booking_written(desk.ctx, change, NOW)


def booked(desk: Desk, uid: str = STUDENT, *, held: bool = True, **wanted: Any) -> str:
    """Paid, and held if so said; each event twice."""
    booking_id = desk.confirmed(uid, **wanted)
    told(desk, booking_id)
    if held:
        before = desk.booking(booking_id)
        desk.complete(booking_id, before["scheduledAt"] + HOUR, before["mentorUid"])
        told(desk, booking_id, before)
        told(desk, booking_id, before)
    told(desk, booking_id)
    return booking_id


def measured(desk: Desk, now: Any = SLOT + DAY) -> dict[str, Any]:
    return success.metrics(desk.ctx, now=now)


def test_nothing_to_measure_yet(panel: Panel) -> None:
    found = panel.admin.get(PATH).json()
    names = ("mrr", "sessionsPerWeek", "activeMentors", "averageRating", "repeatRate")
    shown = {name: (found[name]["value"], found[name]["target"], found[name]["reached"]) for name in names}
    assert shown == {
        "mrr": (0, 50_000, False),
        "sessionsPerWeek": (0, 30, False),
        "activeMentors": (0, 15, False),
        "averageRating": (None, 4.5, False),
        "repeatRate": (None, 40, False),
    }
    assert found["monthlyRevenue"] == {"gross": 0, "commission": 0, "net": 0}


def test_who_may(panel: Panel) -> None:
    assert panel.api.user(None).get(PATH).status_code == 401
    assert panel.api.user(USER).get(PATH).status_code == 403
    assert panel.api.user(USER, role="expert").get(PATH).status_code == 403


def test_what_it_costs(panel: Panel) -> None:
    with measure() as usage:
        success.metrics(panel.ctx, now=clock.now())
    assert (usage.reads <= 50, usage.writes) == (True, 0)


class TestBookings:
    def test_sessions_a_week_and_repeat_rate(self, desk: Desk) -> None:
        """Whatever became of a booking, it was booked; a student comes again who has held two, with whomever."""
        desk.mentor_of("zoe")
        booked(desk)
        booked(desk, scheduled_at=SLOT + 2 * HOUR, mentor_id="zoe")
        booked(desk, OTHER, scheduled_at=SLOT + 4 * HOUR)
        called_off = booked(desk, OTHER, held=False, scheduled_at=SLOT + 6 * HOUR)
        before = desk.booking(called_off)
        desk.cancel(called_off, "mentor", NOW)
        told(desk, called_off, before)
        found = measured(desk)
        assert (found["sessionsPerWeek"]["value"], found["sessionsPerWeek"]["weekBefore"]) == (4, 0)
        assert (found["repeatRate"]["value"], found["repeatRate"]["reached"]) == (50, True)
        assert (found["repeatRate"]["students"], found["repeatRate"]["repeating"]) == (2, 1)
        assert found["monthlyRevenue"] == {"gross": 3000, "commission": 600, "net": 508.47}
        later = measured(desk, NOW + 8 * DAY)["sessionsPerWeek"]
        assert (later["value"], later["weekBefore"]) == (0, 4)

    def test_many_events_at_once_count_once(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        at_once(20, lambda _: told(desk, booking_id))
        told(desk, booking_id)
        assert (desk.ctx.db.get(activity.MENTORS, MENTOR) or {})["upcoming"] == 1


class TestActiveMentors:
    def test_until_thirty_days_after_the_last(self, desk: Desk) -> None:
        assert measured(desk)["activeMentors"]["value"] == 0
        booked(desk, held=False)
        # With one to come, or that nobody has closed, however long.
        assert measured(desk, SLOT + 400 * DAY)["activeMentors"]["value"] == 1
        booked(desk, scheduled_at=SLOT + 2 * HOUR)
        assert measured(desk, SLOT + 400 * DAY)["activeMentors"]["value"] == 1
        [waiting] = [one["id"] for one in desk.all("bookings") if one["isOpen"]]
        before = desk.booking(waiting)
        desk.complete(waiting, SLOT + HOUR)
        told(desk, waiting, before)
        last = SLOT + 2 * HOUR + 30 * DAY
        assert measured(desk, last - timedelta(seconds=1))["activeMentors"]["value"] == 1
        assert measured(desk, last)["activeMentors"]["value"] == 0

    def test_who_is_approved_no_longer(self, desk: Desk) -> None:
        booked(desk, held=False)
        for status, value in (("rejected", 0), ("approved", 1)):
            before = desk.ctx.db.get("experts", MENTOR)
            desk.ctx.db.set(("experts", MENTOR), {"mentorStatus": status}, merge=True)
            after = desk.ctx.db.get("experts", MENTOR)
            on_mentor_written(desk.ctx, Change("event", "p", {"expertId": MENTOR}, before, after, NOW), NOW)
            assert measured(desk)["activeMentors"]["value"] == value
        for _ in range(2):
            deletion.erase(desk.ctx, MENTOR)
        assert measured(desk)["activeMentors"]["value"] == 0
        assert list(desk.ctx.db.ref(activity.MENTORS, MENTOR).collections()) == []


def test_rating_of_the_last_month(panel: Panel) -> None:
    now = clock.now()
    for number, (rating, hidden, days) in enumerate([(5, False, 1), (4, False, 29), (1, True, 1), (1, False, 31)]):
        written = now - timedelta(days=days)
        panel.ctx.db.set(("reviews", f"r{number}"), {"rating": rating, "hidden": hidden, "createdAt": written})
    rating = panel.admin.get(PATH).json()["averageRating"]
    assert rating == {"value": 4.5, "target": 4.5, "reached": True, "reviews": 2}


@pytest.mark.parametrize(("many", "reached"), [(2, False), (101, True)])
def test_recurring_revenue(panel: Panel, many: int, reached: bool) -> None:
    now = clock.now()
    running = {"revokedAt": None, "endsAt": now + timedelta(days=9), "pricePaise": 499_00}
    for number in range(many):
        panel.ctx.db.set(("subscriptionPeriods", f"p{number}"), running)
    panel.ctx.db.set(("subscriptionPeriods", "over"), {**running, "endsAt": now - timedelta(days=1)})
    panel.ctx.db.set(("subscriptionPeriods", "revoked"), {**running, "revokedAt": now})
    mrr = panel.admin.get(PATH).json()["mrr"]
    assert mrr == {"value": 499 * many, "target": 50_000, "reached": reached, "subscribers": many}
