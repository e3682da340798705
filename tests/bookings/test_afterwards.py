"""What comes after a session: the student's review, the mentor's notes; and what is told of a hold that has lapsed."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.bookings import deletion, notes, repository
from konnect.context import Context
from konnect.errors import Conflict
from konnect.http.triggers import Change
from konnect.reviews import service as reviews
from konnect.reviews.triggers import on_review_written
from konnect.store import Doc, Query
from tests.bookings.conftest import DAY, HOUR, MENTOR, MINUTE, NOW, OTHER, SLOT, STUDENT, Desk
from tests.support import at_once

REVIEW = {"rating": 4, "comment": "Patient, and to the point. Write to me: meera@example.com"}
ALL_STATUSES = [
    ("pending", None),
    ("confirmed", None),
    ("in_progress", None),
    ("cancelled", "student-cancelled"),
    ("completed", "student-no-show"),
]


@pytest.fixture
def held(desk: Desk) -> tuple[Desk, str]:
    """A booking that has taken place."""
    booking_id = desk.confirmed()
    desk.complete(booking_id, SLOT + HOUR)
    return desk, booking_id


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def field(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["details"][0]["field"]


def mentor(ctx: Context) -> Doc:
    return ctx.db.get("experts", MENTOR) or {}


class TestReview:
    def test_once_and_it_counts_for_the_mentor(self, held: tuple[Desk, str]) -> None:
        desk, booking_id = held
        meera, path = desk.api.user(STUDENT), f"/api/bookings/{booking_id}/review"
        made = meera.post(path, REVIEW)
        assert made.status_code == 201, made.text
        review = made.json()
        assert (review["rating"], review["expertId"], review["reviewerName"]) == (4, MENTOR, "Meera")
        assert review["comment"] == "Patient, and to the point. Write to me: [mail address hidden]"
        assert not {"userId", "bookingId", "sessionId"} & set(review)
        assert error(meera.post(path, {"rating": 1})) == (409, "ALREADY_REVIEWED")
        written(desk, review["id"])
        assert (mentor(desk.ctx)["rating"], mentor(desk.ctx)["reviewCount"]) == (4, 1)
        assert meera.get(f"/api/bookings/{booking_id}").json()["review"] == {"id": review["id"], "rating": 4}
        assert [one["id"] for one in meera.get(f"/api/mentors/{MENTOR}/reviews").json()["items"]] == [review["id"]]
        (told,) = Query(("notifications",)).filter("type", "==", "review_received").run(desk.ctx.db)
        assert (told["userId"], told["data"]["bookingId"]) == (MENTOR, booking_id)
        # The mentor replies; an admin hides it, and the rating follows.
        ravi, reply = desk.api.user(MENTOR, role="expert"), f"/api/reviews/{review['id']}/reply"
        assert ravi.post(reply, {"reply": "Thank you!"}).json()["reply"] == "Thank you!"
        assert field(ravi.post(reply, {"reply": "x" * 501})) == (400, "reply")
        assert desk.api.user(OTHER).post(f"/api/reviews/{review['id']}/report", {"reason": "Rude"}).status_code == 201
        admin = desk.api.user("root", role="admin")
        (reported,) = admin.get("/api/admin/reported-reviews").json()["items"]
        assert (reported["bookingId"], reported["sessionId"]) == (booking_id, None)
        hide = admin.call("PUT", f"/api/admin/reviews/{review['id']}", {"hidden": True, "reason": "Rude"})
        assert hide.status_code == 200
        written(desk, review["id"])
        assert (mentor(desk.ctx)["rating"], mentor(desk.ctx)["reviewCount"]) == (0, 0)

    def test_ten_at_once(self, held: tuple[Desk, str]) -> None:
        desk, booking_id = held

        def review(_: int) -> str:
            subject = lambda tx: reviews.of_booking(tx, booking_id, STUDENT)  # noqa: E731
            made = desk.ctx.run(lambda tx: reviews.create(tx, subject(tx), rating=5, comment="", now=NOW))
            return str(made["id"])

        done = at_once(10, review)
        assert len([one for one in done if isinstance(one, str)]) == 1
        assert len(Query(("reviews",)).run(desk.ctx.db)) == 1
        assert desk.told("review_received") == [MENTOR]

    def test_by_whom_and_of_what(self, held: tuple[Desk, str]) -> None:
        desk, booking_id = held
        path = f"/api/bookings/{booking_id}/review"
        for uid, status, code in (
            (None, 401, "UNAUTHENTICATED"),
            (OTHER, 403, "NOT_A_PARTICIPANT"),
            (MENTOR, 403, "STUDENT_ONLY"),
        ):
            assert error(desk.api.user(uid).post(path, REVIEW)) == (status, code)
        meera = desk.api.user(STUDENT)
        assert error(meera.post("/api/bookings/GRP-20260601-000/review", REVIEW)) == (404, "BOOKING_NOT_FOUND")
        for body, name in (({}, "rating"), ({"rating": 6}, "rating"), ({"rating": 5, "review": "x" * 1001}, "review")):
            assert field(meera.post(path, body)) == (400, name)

    @pytest.mark.parametrize(("status", "reason"), ALL_STATUSES)
    def test_only_of_what_has_taken_place(self, held: tuple[Desk, str], status: str, reason: str | None) -> None:
        desk, booking_id = held
        desk.ctx.db.set(("bookings", booking_id), {"status": status, "statusReason": reason}, merge=True)
        with pytest.raises(Conflict) as refused:
            desk.ctx.run(lambda tx: reviews.of_booking(tx, booking_id, STUDENT))
        assert refused.value.code == "SESSION_NOT_FINISHED"

    def test_its_words_by_the_name_of_the_forms(self, held: tuple[Desk, str]) -> None:
        desk, booking_id = held
        made = desk.api.user(STUDENT).post(f"/api/bookings/{booking_id}/review", {"rating": 5, "review": "Good."})
        assert (made.status_code, made.json()["comment"]) == (201, "Good.")

    def test_the_student_is_asked_for_one(self, held: tuple[Desk, str]) -> None:
        desk, booking_id = held
        found = Query(("notifications",)).filter("type", "==", "session_completed").run(desk.ctx.db)
        links = {one["userId"]: one["actionUrl"] for one in found}
        assert links == {STUDENT: f"/dashboard/mentoring?review={booking_id}", MENTOR: "/mentor/dashboard"}


def written(desk: Desk, review_id: str) -> None:
    """The trigger's event of a review."""
    after = desk.ctx.db.get("reviews", review_id)
    on_review_written(desk.ctx, Change("e", f"reviews/{review_id}", {"reviewId": review_id}, None, after, NOW), NOW)


def note(desk: Desk, booking_id: str, now: datetime, content: str = "Well done.", items: tuple[str, ...] = ()) -> Doc:
    return desk.ctx.run(
        lambda tx: notes.write(tx, repository.get(tx, booking_id), MENTOR, content, list(items), now=now)
    )


class TestNotes:
    def test_both_read_them(self, desk: Desk) -> None:
        # By the real time: it began a minute ago.
        at = clock.now().replace(second=0, microsecond=0) - MINUTE
        booking_id = desk.confirmed()
        desk.ctx.db.set(("bookings", booking_id), {"scheduledAt": at, "endsAt": at + HOUR}, merge=True)
        ravi, path = desk.api.user(MENTOR, role="expert"), f"/api/bookings/{booking_id}/notes"
        body = {"content": "Well done. My number: 98765 43210", "actionItems": ["Read on hashing", "Draw it again"]}
        answer = ravi.call("PUT", path, body)
        assert answer.status_code == 200, answer.text
        wrote = answer.json()["sessionNotes"]
        assert wrote["content"] == "Well done. My number: [phone number hidden]"
        assert (wrote["actionItems"], answer.json()["earnings"]["mentor"]) == (body["actionItems"], 780)
        seen = desk.api.user(STUDENT).get(f"/api/bookings/{booking_id}").json()
        assert (seen["sessionNotes"], seen["earnings"]) == (wrote, None)
        assert ravi.call("PUT", path, {"content": ""}).json()["sessionNotes"] is None

    def test_who_and_what(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        path = f"/api/bookings/{booking_id}/notes"
        for uid, status, code in (
            (None, 401, "UNAUTHENTICATED"),
            (OTHER, 403, "NOT_A_PARTICIPANT"),
            (STUDENT, 403, "MENTOR_ONLY"),
        ):
            assert error(desk.api.user(uid).call("PUT", path, {"content": "x"})) == (status, code)
        ravi = desk.api.user(MENTOR, role="expert")
        missing = ravi.call("PUT", "/api/bookings/GRP-20260601-000/notes", {"content": "x"})
        assert error(missing) == (404, "BOOKING_NOT_FOUND")
        for body, name in (
            ({}, "content"),
            ({"content": "x" * 5001}, "content"),
            ({"content": "x", "actionItems": ["x"] * 21}, "actionItems"),
            ({"content": "x", "actionItems": ["x" * 301]}, "actionItems.0"),
            ({"content": "x", "actionItems": [" "]}, "actionItems.0"),
        ):
            assert field(ravi.call("PUT", path, body)) == (400, name)

    def test_from_the_beginning_on(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        with pytest.raises(Conflict) as refused:
            note(desk, booking_id, SLOT - timedelta(seconds=1))
        assert refused.value.code == "SESSION_NOT_STARTED"
        assert note(desk, booking_id, SLOT)["sessionNotes"]["content"] == "Well done."
        cancelled = desk.confirmed(scheduled_at=SLOT + DAY)
        desk.cancel(cancelled, "mentor", NOW)
        with pytest.raises(Conflict) as refused:
            note(desk, cancelled, SLOT + DAY)
        assert refused.value.code == "NOT_CONFIRMED"

    def test_the_student_is_told_once_a_day(self, held: tuple[Desk, str]) -> None:
        desk, booking_id = held
        first = note(desk, booking_id, SLOT + HOUR, items=("Read on hashing",))
        assert note(desk, booking_id, SLOT + 2 * HOUR, items=("Read on hashing",)) == first
        note(desk, booking_id, SLOT + 2 * HOUR, "Very well done.")
        assert desk.told("session_notes") == [STUDENT]
        note(desk, booking_id, SLOT + DAY, "Very well done indeed.")
        note(desk, booking_id, SLOT + 2 * DAY, "")
        assert desk.told("session_notes") == [STUDENT] * 2
        assert desk.booking(booking_id)["sessionNotes"] is None

    def test_gone_with_the_student_s_account(self, held: tuple[Desk, str]) -> None:
        desk, booking_id = held
        note(desk, booking_id, SLOT + HOUR)
        deletion.erase(desk.ctx, MENTOR, "Deleted", now=SLOT + DAY)
        assert desk.booking(booking_id)["sessionNotes"] is not None
        deletion.erase(desk.ctx, STUDENT, "Deleted", now=SLOT + DAY)
        assert desk.booking(booking_id)["sessionNotes"] is None


class TestLapsed:
    def test_the_student_is_told_in_the_app_alone(self, desk: Desk) -> None:
        booking = desk.book()
        for _ in range(2):
            desk.progress(booking["id"], booking["heldUntil"] + MINUTE)
        (told,) = Query(("notifications",)).run(desk.ctx.db)
        assert (told["userId"], told["type"], told["title"]) == (
            STUDENT,
            "booking_cancelled",
            "Your session is not booked",
        )
        assert "email" not in told["channels"]
        assert "invitation" not in told

    def test_who_pays_too_late_is_told_of_the_money_alone(self, desk: Desk) -> None:
        booking = desk.book()
        paid = desk.pay(booking["payment"]["orderId"])
        late = booking["heldUntil"] + MINUTE
        desk.confirmed(OTHER, now=late)
        desk.settle(paid, now=late)
        told = Query(("notifications",)).filter("userId", "==", STUDENT).run(desk.ctx.db)
        assert [one["title"] for one in told] == ["Your payment is returned"]
