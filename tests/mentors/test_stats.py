# ruff: noqa: F811 - pytest takes fixtures by their names
"""What bookings and answers add up to: real bookings, and the triggers' events fired by hand, repeated and late."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from konnect.http.triggers import Change
from konnect.mentors import deletion, stats
from konnect.mentors.triggers import on_booking_written
from konnect.messaging.response_times import on_message_created
from konnect.store import Doc
from tests.bookings.conftest import (  # noqa: F401 - fixtures
    DAY,
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

CONFIRMED = {"isOpen": True, "confirmedAt": NOW, "status": "confirmed", "statusReason": None, "cancelledBy": None}


def ended(desk: Desk, booking_id: str, *, before: Doc | None = CONFIRMED) -> None:
    """The trigger's event of a booking."""
    after = desk.booking(booking_id)
    path = f"bookings/{booking_id}"
    change = Change("event", path, {"bookingId": booking_id}, before, after, NOW)
    on_booking_written(desk.ctx, change, NOW)


def held(desk: Desk, uid: str, at: datetime) -> str:
    booking_id = desk.confirmed(uid, scheduled_at=at)
    desk.complete(booking_id, at + timedelta(hours=1))
    ended(desk, booking_id)
    return booking_id


def numbers(desk: Desk, now: datetime = SLOT) -> dict[str, Any]:
    expert = desk.ctx.db.get("experts", MENTOR)
    assert expert is not None
    return stats.of(desk.ctx.db, {**expert, "id": MENTOR}, now=now)


def mentor(desk: Desk) -> Doc:
    found = desk.ctx.db.get("experts", MENTOR)
    assert found is not None
    return found


class TestBookings:
    def test_sessions_students_and_earnings(self, desk: Desk) -> None:
        first = held(desk, STUDENT, SLOT)
        assert (mentor(desk)["orders"], mentor(desk)["repeatStudentRate"]) == (1, 0)
        held(desk, OTHER, SLOT + DAY)
        held(desk, STUDENT, SLOT + 2 * DAY)
        # An hour's price is 1,000: the mentor gets 780 of each.
        found = numbers(desk)
        assert found["earnings"] == {"thisMonth": 2340, "total": 2340, "thisMonthPaise": 234000, "totalPaise": 234000}
        assert (found["completedBookings"], found["totalSessions"], found["sessionsThisMonth"]) == (3, 3, 3)
        assert (found["students"], found["repeatStudentRate"], found["cancellationRate"]) == (2, 50, 0)
        assert mentor(desk)["repeatStudentRate"] == 50
        assert desk.earned() == 234000
        # Events come again.
        for _ in range(2):
            ended(desk, first)
            ended(desk, first, before=None)
        assert numbers(desk) == found

    def test_many_events_of_one_booking_at_once(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        desk.complete(booking_id, SLOT + timedelta(hours=1))
        answers = at_once(8, lambda _: ended(desk, booking_id))
        assert not [one for one in answers if one is not None]
        assert (numbers(desk)["completedBookings"], mentor(desk)["orders"]) == (1, 1)

    def test_cancellations(self, desk: Desk) -> None:
        held(desk, STUDENT, SLOT)
        by_mentor = desk.confirmed(OTHER, scheduled_at=SLOT + DAY)
        desk.cancel(by_mentor, "mentor", NOW)
        ended(desk, by_mentor)
        # Late: half of the price is kept, and settled as a price of 500.
        by_student = desk.confirmed(OTHER, scheduled_at=SLOT + 2 * DAY)
        desk.cancel(by_student, "student", SLOT + 2 * DAY - timedelta(hours=10))
        ended(desk, by_student)
        found = numbers(desk)
        assert (found["cancellationRate"], found["completedBookings"], found["students"]) == (33.3, 1, 1)
        assert found["earnings"]["totalPaise"] == 78000 + 39000 == desk.earned()
        assert mentor(desk)["orders"] == 1
        assert "cancellationRate" not in mentor(desk)

    def test_what_was_never_paid_is_nothing(self, desk: Desk) -> None:
        booking = desk.book()
        desk.progress(booking["id"], booking["heldUntil"] + timedelta(seconds=1))
        ended(desk, booking["id"], before={**CONFIRMED, "confirmedAt": None})
        assert desk.ctx.db.get("mentorStats", MENTOR) is None

    def test_months_are_the_mentors(self, desk: Desk) -> None:
        """The last evening of June in New York is July in UTC."""
        desk.ctx.db.set(("experts", MENTOR), {"timeZone": "America/New_York"}, merge=True)
        at = datetime.fromisoformat("2026-07-01T01:00:00+00:00")
        held(desk, STUDENT, at)
        assert numbers(desk, now=at)["earnings"]["thisMonth"] == 780
        later = numbers(desk, now=at + DAY)["earnings"]
        assert (later["thisMonth"], later["total"]) == (0, 780)

    def test_upcoming(self, desk: Desk) -> None:
        desk.confirmed()
        assert numbers(desk)["upcomingBookings"] == 1

    def test_gone_with_the_account(self, desk: Desk) -> None:
        held(desk, STUDENT, SLOT)
        for _ in range(2):
            deletion.erase(desk.ctx, MENTOR)
        assert desk.ctx.db.get("mentorStats", MENTOR) is None
        assert list(desk.ctx.db.ref("mentorStats", MENTOR).collections()) == []


class TestAnswers:
    def conversation(self, desk: Desk, chat_id: str, *said: tuple[str, float]) -> None:
        """`said`: who, and how many minutes after the beginning."""
        fields = {"type": "mentor", "participants": [STUDENT, MENTOR], "expertId": MENTOR}
        desk.ctx.db.set(("conversations", chat_id), fields)
        for number, (sender, minutes) in enumerate(said):
            doc = {"senderId": sender, "createdAt": NOW + timedelta(minutes=minutes)}
            desk.ctx.db.set(("conversations", chat_id, "messages", f"m{number}"), doc)

    def told(self, desk: Desk, chat_id: str, number: int) -> None:
        params = {"chatId": chat_id, "messageId": f"m{number}"}
        path = f"conversations/{chat_id}/messages/m{number}"
        after = desk.ctx.db.get(*path.split("/"))
        on_message_created(desk.ctx, Change("event", path, params, None, after, NOW), NOW)

    def test_the_first_of_each_conversation(self, desk: Desk) -> None:
        assert numbers(desk)["responseMins"] is None
        self.conversation(
            desk, "c1", (MENTOR, 0), (STUDENT, 1), (STUDENT, 5), (MENTOR, 11), (STUDENT, 20), (MENTOR, 99)
        )
        # In any order, and repeated.
        for number in (5, 3, 0, 1, 4, 2, 3):
            self.told(desk, "c1", number)
        assert (numbers(desk)["responseMins"], mentor(desk)["responseMins"]) == (10, 10)
        self.conversation(desk, "c2", (STUDENT, 0), (MENTOR, 20))
        for number in (0, 1, 1):
            self.told(desk, "c2", number)
        assert mentor(desk)["responseMins"] == 15

    @pytest.mark.parametrize("said", [[(MENTOR, 0)], [(STUDENT, 0)], [(MENTOR, 0), (STUDENT, 5)]])
    def test_no_answer_yet(self, desk: Desk, said: list[tuple[str, float]]) -> None:
        self.conversation(desk, "c1", *said)
        for number in range(len(said)):
            self.told(desk, "c1", number)
        assert desk.ctx.db.get("mentorStats", MENTOR) is None

    def test_of_a_conversation_that_is_gone(self, desk: Desk) -> None:
        change = Change("event", "p", {"chatId": "none", "messageId": "m"}, None, {"senderId": MENTOR}, NOW)
        on_message_created(desk.ctx, change, NOW)


class TestDashboard:
    PATH = "/api/mentors/dashboard/stats"

    def test_own(self, desk: Desk) -> None:
        held(desk, STUDENT, SLOT)
        answer = desk.api.user(MENTOR, role="expert").get(self.PATH)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["earnings"]["total"], body["completedBookings"], body["currency"]) == (780, 1, "INR")

    def test_who(self, desk: Desk) -> None:
        assert desk.api.user(None).get(self.PATH).status_code == 401
        assert desk.api.user(STUDENT).get(self.PATH).status_code == 403
        assert desk.api.user("nobody", role="expert").get(self.PATH).status_code == 404
