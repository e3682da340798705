"""Enrolments, progress, quizzes and certificates as rules: what they give, once, and what a refund takes back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from konnect import idempotency
from konnect.errors import Conflict, Forbidden, KonnectError, NotFound, RateLimited, Unavailable
from konnect.learning import certificates, enrollments
from konnect.learning import deletion as learning_deletion
from konnect.learning import tasks as learning_tasks
from konnect.reviews import service as reviews
from konnect.store import Query
from tests.experts import world
from tests.learning import classroom
from tests.learning.classroom import DAY, EDUCATOR, LEARNER, Classroom, lectures_of, quiz_of
from tests.support import START, at_once, kept_tasks


@pytest.fixture(scope="module")
def opened() -> Iterator[Classroom]:
    with classroom.opened() as room:
        yield room


@pytest.fixture
def room(opened: Classroom) -> Classroom:
    """Nobody has points yet."""
    for collection in ("gamification", "points"):
        for doc in Query((collection,)).run(opened.ctx.db):
            opened.ctx.db.ref(collection, doc["id"]).delete()
    return opened


class TestEnrolments:
    def test_a_grant_and_the_same_again(self, room: Classroom) -> None:
        course = room.course()
        first = room.enrolled(course)
        assert (first["status"], first["source"], first["pricePaise"], first["userName"]) == (
            "active",
            "free",
            0,
            "Meera Rao",
        )
        again = room.ctx.run(lambda tx: enrollments.grant(tx, course, LEARNER, source="checkout", now=START + DAY))
        assert (again["id"], again["source"], again["enrolledAt"]) == (first["id"], "free", START)

    def test_ten_at_once(self, room: Classroom) -> None:
        course = room.course()
        found = at_once(10, lambda _: room.enrolled(course))
        assert all(isinstance(one, Unavailable | dict) for one in found)
        room.enrolled(course)
        assert enrollments.count_of(room.ctx.db, course["id"]) == 1

    def test_taken_back_and_bought_again(self, room: Classroom) -> None:
        course = room.course(price=500)

        def grant(purchase_id: str, paise: int | None = None) -> Any:
            return room.ctx.run(
                lambda tx: enrollments.grant(
                    tx, course, LEARNER, source="wallet", purchase_id=purchase_id, price_paise=paise, now=START
                )
            )

        def revoke(purchase_id: str | None = None) -> Any:
            return room.ctx.run(
                lambda tx: enrollments.revoke(
                    tx, course["id"], LEARNER, reason="refund", purchase_id=purchase_id, now=START
                )
            )

        assert revoke() is None
        assert grant("p1")["pricePaise"] == 50000
        code = room.complete(course)
        assert revoke("another")["status"] == "completed"
        assert revoke("p1")["status"] == revoke("p1")["status"] == "revoked"
        assert world.doc(room.ctx, "certificates", code)["status"] == "revoked"
        with pytest.raises(Forbidden, match="not enrolled"):
            room.progress(course, lectures_of(course)[0])
        # What was learned stays, and counts once.
        points = room.points()["points"]
        assert (grant("p2", 40000)["status"], room.enrollment(course)["pricePaise"]) == ("completed", 40000)
        assert certificates.find(room.ctx.db, code)["status"] == "valid"
        room.complete(course)
        assert room.points()["points"] == points

    def test_the_course_has_the_number_of_its_students(self, room: Classroom) -> None:
        course = room.course()
        for uid in (LEARNER, "arjun"):
            room.enrolled(course, uid)
        # One task for both, soon after.
        tasks = kept_tasks(room.ctx).keyed("course-recount", course["id"])
        assert len(tasks) == 1
        assert tasks[0].at is not None
        assert timedelta(0) < tasks[0].at - START <= timedelta(seconds=15)
        for _ in range(2):
            learning_tasks.recount(room.ctx, tasks[0].payload, START)
            assert world.doc(room.ctx, "courses", course["id"])["enrolledCount"] == 2
        room.ctx.run(lambda tx: enrollments.revoke(tx, course["id"], "arjun", reason="refund", now=START))
        learning_tasks.recount(room.ctx, tasks[0].payload, START)
        assert world.doc(room.ctx, "courses", course["id"])["enrolledCount"] == 1
        learning_tasks.recount(room.ctx, {"courseId": "nothing"}, START)


class TestProgress:
    def test_a_lecture_gives_its_points_once(self, room: Classroom) -> None:
        course = room.course()
        first, *_ = lectures_of(course)
        room.enrolled(course)
        done = room.progress(course, first, position_s=200)
        assert (done.points, done.is_end, done.enrollment["progress"]) == (10, False, 33)
        # Never beyond its end.
        assert done.enrollment["positions"] == {first: 90}
        assert room.progress(course, first).points == 0
        undone = room.progress(course, first, completed=False)
        assert (undone.points, undone.enrollment["progress"], undone.enrollment["completedLectures"]) == (0, 0, [])
        assert room.progress(course, first).points == 0
        # The day's first activity gives 5 too.
        assert room.points()["points"] == 15

    def test_where_it_was_left(self, room: Classroom) -> None:
        course = room.course()
        _, _, last = lectures_of(course)
        room.enrolled(course)
        left = room.progress(course, last, completed=None, position_s=42, now=START + DAY).enrollment
        assert (left["lastLectureId"], left["positions"], left["progress"]) == (last, {last: 42}, 0)
        assert left["lastActiveAt"] == START + DAY

    def test_completing_it_all(self, room: Classroom) -> None:
        course = room.course()
        room.enrolled(course)
        for lecture_id in lectures_of(course):
            assert not room.progress(course, lecture_id).is_end
        assert room.enrollment(course)["progress"] == 100
        code = certificates.new_code()
        result = room.attempt(course, [1, 2], code=code)
        # 50 for the quiz, 100 for the course.
        assert (result["pointsEarned"], result["courseStatus"], result["certificateId"]) == (150, "completed", code)
        assert room.points()["points"] == 3 * 10 + 150 + 5
        assert room.points()["completedCourses"] == room.points()["perfectQuizzes"] == 1
        assert room.badges() == ["first_course"]
        issued = certificates.find(room.ctx.db, certificates.shown_code(code).lower())
        assert (issued["userName"], issued["courseTitle"], issued["instructorName"]) == (
            "Meera Rao",
            "Sharding from scratch",
            "Asha",
        )
        told = [one for one in Query(("notifications",)).run(room.ctx.db) if one["type"] == "course_completed"]
        assert told[-1]["data"]["certificateId"]
        # It stays completed, whatever comes later.
        again = room.progress(course, lectures_of(course)[0], completed=False)
        assert (again.enrollment["status"], again.points) == ("completed", 0)
        assert room.progress(course, lectures_of(course)[0]).is_end is False

    def test_the_end_ten_times_at_once(self, room: Classroom) -> None:
        course = room.course(quiz=False)
        *others, last = lectures_of(course)
        room.enrolled(course)
        for lecture_id in others:
            room.progress(course, lecture_id)

        def end(index: int) -> Any:
            return room.progress(course, last, code=f"{index:016}")

        assert all(isinstance(one, Unavailable) or one.enrollment for one in at_once(10, end))
        end(99)
        mine = Query(("certificates",)).filter("courseId", "==", course["id"]).run(room.ctx.db)
        assert [one["id"] for one in mine] == [room.enrollment(course)["certificateId"]]
        assert room.points()["points"] == 3 * 10 + 100 + 5
        assert room.points()["completedCourses"] == 1

    def test_without_a_certificate_or_its_quizzes(self, room: Classroom) -> None:
        course = room.course(certificate={"isOffered": False, "quizzesRequired": False})
        room.enrolled(course)
        done = [room.progress(course, lecture_id) for lecture_id in lectures_of(course)]
        assert [one.is_end for one in done] == [False, False, True]
        assert room.enrollment(course)["certificateId"] is None
        assert room.points()["points"] == 3 * 10 + 100 + 5

    def test_what_is_refused(self, room: Classroom) -> None:
        course = room.course()
        with pytest.raises(Forbidden):
            room.progress(course, lectures_of(course)[0])
        room.enrolled(course)
        with pytest.raises(NotFound) as refused:
            room.progress(course, "elsewhere")
        assert refused.value.code == "LECTURE_NOT_FOUND"
        with pytest.raises(NotFound) as refused:
            room.progress({"id": "nothing"}, "x")
        assert refused.value.code == "COURSE_NOT_FOUND"

    def test_nothing_comes_of_a_closed_account(self, room: Classroom) -> None:
        course = room.course(quiz=False)
        *others, last = lectures_of(course)
        room.ctx.db.set(("users", "gone"), {"name": "Gone", "disabled": False})
        room.enrolled(course, "gone")
        for lecture_id in others:
            room.progress(course, lecture_id, "gone")
        room.ctx.db.set(("users", "gone"), {"name": "Gone", "disabled": True})
        learning_deletion.erase(room.ctx, "gone", "Deleted user", now=START)
        # By a request that was let in before.
        with pytest.raises(Forbidden):
            room.progress(course, last, "gone")
        assert Query(("certificates",)).filter("uid", "==", "gone").run(room.ctx.db) == []


class TestQuizzes:
    def test_grades_and_what_they_give(self, room: Classroom) -> None:
        course = room.course()
        room.enrolled(course)
        first = room.attempt(course, [0, 2])
        assert (first["percent"], first["score"], first["total"], first["isPassed"]) == (50, 1, 2, True)
        assert [one["isCorrect"] for one in first["results"]] == [False, True]
        assert (first["pointsEarned"], first["attemptsLeft"]) == (0, 4)
        perfect = room.attempt(course, [1, 2])
        assert (perfect["percent"], perfect["pointsEarned"]) == (100, 50)
        worse = room.attempt(course, [])
        assert (worse["percent"], worse["isPassed"], worse["bestPercent"]) == (0, False, 100)
        # Once a quiz, also for Quiz Master.
        assert room.attempt(course, [1, 2])["pointsEarned"] == 0
        assert room.points()["perfectQuizzes"] == 1
        assert room.enrollment(course)["quizzes"][quiz_of(course)["id"]]["attempts"] == 4

    def test_five_a_day_in_india(self, room: Classroom) -> None:
        course = room.course()
        room.enrolled(course)
        # 10:00 UTC is 15:30 in India: the day ends in eight and a half hours.
        for _ in range(5):
            room.attempt(course, [0, 0])
        with pytest.raises(RateLimited) as refused:
            room.attempt(course, [1, 2])
        assert (refused.value.code, refused.value.retry_after_s) == ("TOO_MANY_ATTEMPTS", 8 * 3600 + 1801)
        assert room.attempt(course, [1, 2], now=START + timedelta(hours=8, minutes=30))["attemptsLeft"] == 4

    def test_a_key_counts_once(self, room: Classroom) -> None:
        course = room.course()
        room.enrolled(course)
        key = idempotency.key(LEARNER, "quiz-attempt", course["id"], {})
        first = room.attempt(course, [1, 2], key=key)
        assert room.attempt(course, [1, 2], key=key) == first
        assert first["attemptsLeft"] == 4

    def test_five_perfect_ones_make_a_quiz_master(self, room: Classroom) -> None:
        for _ in range(5):
            course = room.course()
            room.enrolled(course)
            assert "quiz_master" not in room.badges()
            room.attempt(course, [1, 2])
        assert "quiz_master" in room.badges()

    def test_what_is_refused(self, room: Classroom) -> None:
        course = room.course()
        with pytest.raises(Forbidden):
            room.attempt(course, [1])
        room.enrolled(course)
        for answers in ([2, 0], [0, 9]):
            with pytest.raises(KonnectError) as refused:
                room.attempt(course, answers)
            assert refused.value.details[0]["field"] == "answers"
        assert room.enrollment(course)["quizzes"] == {}


class TestReviews:
    def review(self, room: Classroom, course: Any, rating: int, uid: str = LEARNER) -> Any:
        return room.ctx.run(
            lambda tx: reviews.create(
                tx, reviews.of_course(tx, course["id"], uid), rating=rating, comment="Good.", now=START
            )
        )

    def test_of_a_course(self, room: Classroom) -> None:
        course = room.course()
        for uid in (LEARNER, "arjun"):
            room.enrolled(course, uid)
        with pytest.raises(Conflict) as refused:
            self.review(room, course, 5)
        assert refused.value.code == "COURSE_NOT_BEGUN"
        for uid, rating in ((LEARNER, 5), ("arjun", 4)):
            room.progress(course, lectures_of(course)[0], uid)
            made = self.review(room, course, rating, uid)
            for _ in range(2):
                world.review_written(room.ctx, made["id"])
        rated = world.doc(room.ctx, "courses", course["id"])
        assert (rated["rating"], rated["reviewCount"]) == (4.5, 2)
        # Not for what the educator does in sessions.
        assert world.doc(room.ctx, "experts", EDUCATOR).get("reviewCount", 0) == 0
        assert room.points("arjun")["points"] == 10 + 15 + 5
        with pytest.raises(Conflict) as refused:
            self.review(room, course, 1)
        assert refused.value.code == "ALREADY_REVIEWED"
        # One that is hidden leaves the average.
        room.ctx.run(lambda tx: reviews.moderate(tx, made["id"], True, by="admin", reason="spam", now=START))
        world.review_written(room.ctx, made["id"])
        assert world.doc(room.ctx, "courses", course["id"])["rating"] == 5


def test_what_a_deleted_account_leaves(room: Classroom) -> None:
    course = room.course(quiz=False)
    room.enrolled(course)
    mine = room.complete(course)
    room.enrolled(course, "arjun")
    others = room.complete(course, "arjun")
    for uid in (LEARNER, EDUCATOR):
        for _ in range(2):
            learning_deletion.erase(room.ctx, uid, "Deleted user", now=START)
    left = room.enrollment(course)
    assert (left["userName"], left["certificateId"], left["status"]) == ("Deleted user", None, "completed")
    assert room.ctx.db.get("certificates", mine) is None
    kept = certificates.find(room.ctx.db, others)
    assert (kept["userName"], kept["instructorName"]) == ("Arjun Rao", "Deleted user")
