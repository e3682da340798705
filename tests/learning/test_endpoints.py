"""Enrolling, the player, certificates and reviews over HTTP: who may, what is refused, what each reader sees."""

from collections.abc import Iterator
from typing import Any

import pytest

from konnect.learning import certificates, enrollments
from konnect.store import Doc
from tests.learning import classroom
from tests.learning.classroom import ARTICLE, EDUCATOR, LEARNER, Classroom, lectures_of, quiz_of
from tests.payments.api import error_code
from tests.support import START, give, sum_of_all_legs, wallet_of

BASE = "/api/v1/courses"


@pytest.fixture(scope="module")
def room() -> Iterator[Classroom]:
    with classroom.opened() as room:
        yield room


@pytest.fixture(scope="module")
def course(room: Classroom) -> Doc:
    """One that LEARNER is enrolled in."""
    course = room.course()
    assert room.of(LEARNER).post(f"{BASE}/{course['id']}/enroll", {}).status_code == 201
    return course


def answered(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


def refused(response: Any, status: int, code: str) -> list[dict[str, Any]]:
    assert (response.status_code, error_code(response)) == (status, code), response.text
    details: list[dict[str, Any]] = response.json()["error"]["details"]
    return details


class TestEnroll:
    def test_a_free_course(self, room: Classroom, course: Doc) -> None:
        path = f"{BASE}/{course['id']}/enroll"
        made = answered(room.of(LEARNER).post(path, {"price": 0}), 201)
        assert (made["status"], made["source"], made["price"], made["progress"]) == ("active", "free", 0, 0)
        assert made["id"] == enrollments.id_of(course["id"], LEARNER)
        refused(room.of(None).post(path, {}), 401, "UNAUTHENTICATED")
        refused(room.of(EDUCATOR).post(path, {}), 409, "OWN_COURSE")
        details = refused(room.of("arjun").post(path, {"paymentMethod": "gold"}), 400, "INVALID_INPUT")
        assert details[0]["field"] == "paymentMethod"
        refused(room.of("arjun").post(f"{BASE}/nothing/enroll", {}), 404, "COURSE_NOT_FOUND")

    def test_one_that_is_not_published(self, room: Classroom) -> None:
        draft = room.course(status="draft")
        refused(room.of(LEARNER).post(f"{BASE}/{draft['id']}/enroll", {}), 404, "COURSE_NOT_FOUND")

    def test_one_that_costs_something(self, room: Classroom) -> None:
        path = f"{BASE}/{room.course(price=499.5)['id']}/enroll"
        learner = room.of(LEARNER)
        ways = refused(learner.post(path, {}), 402, "PAYMENT_REQUIRED")[0]
        assert (ways["price"], ways["pricePaise"]) == (499.5, 49950)
        assert ways["checkout"]["path"] == "/api/v1/payments/create-checkout"
        assert refused(learner.post(path, {"price": 400}), 409, "PRICE_CHANGED") == [{"price": 499.5}]
        refused(learner.post(path, {"paymentMethod": "wallet"}), 402, "INSUFFICIENT_BALANCE")
        give(room.ctx, LEARNER, 600_00)
        for _ in range(2):
            bought = answered(learner.post(ways["wallet"]["path"], ways["wallet"]["body"]), 201)
            assert (bought["source"], bought["pricePaise"]) == ("wallet", 49950)
        assert wallet_of(room.ctx, LEARNER)["balancePaise"] == 600_00 - 49950
        assert sum_of_all_legs(room.ctx) == 0

    def test_a_closed_account(self, room: Classroom, course: Doc) -> None:
        room.ctx.db.set(("users", "gone"), {"name": "Gone", "disabled": True})
        refused(room.of("gone").post(f"{BASE}/{course['id']}/enroll", {}), 403, "ACCOUNT_DISABLED")


class TestPlayer:
    def test_what_everybody_sees(self, room: Classroom, course: Doc) -> None:
        seen = answered(room.of(None).get(f"{BASE}/{course['id']}/content"))
        assert (seen["access"], seen["status"], seen["progress"]) == ("none", None, None)
        section = seen["sections"][0]
        assert [lecture["isLocked"] for lecture in section["lectures"]] == [False, True, True]
        assert (section["quizzes"][0]["questions"], section["quizzes"][0]["questionCount"]) == ([], 2)
        refused(room.of(None).get(f"{BASE}/nothing/content"), 404, "COURSE_NOT_FOUND")
        refused(
            room.of(None).call("GET", f"{BASE}/{course['id']}/content", Authorization="Bearer x"),
            401,
            "UNAUTHENTICATED",
        )

    def test_what_opens_it(self, room: Classroom, course: Doc) -> None:
        for caller, access in (
            (room.of(LEARNER), "student"),
            (room.of(EDUCATOR), "educator"),
            (room.of("root", role="admin"), "admin"),
            (room.of("eve"), "none"),
        ):
            answer = caller.get(f"{BASE}/{course['id']}/content")
            assert answered(answer)["access"] == access
            assert answer.headers["Cache-Control"] == "no-store"
            questions = answer.json()["sections"][0]["quizzes"][0]["questions"]
            assert [set(one) for one in questions] == ([] if access == "none" else [{"id", "text", "options"}] * 2)

    def test_lectures(self, room: Classroom, course: Doc) -> None:
        preview, article, _ = lectures_of(course)
        path = f"{BASE}/{course['id']}/lectures"
        open_to_all = answered(room.of(None).get(f"{path}/{preview}"))
        assert (open_to_all["videoUrl"], open_to_all["nextLectureId"]) == ("https://video.test/1", article)
        refused(room.of(None).get(f"{path}/{article}"), 403, "NOT_ENROLLED")
        refused(room.of("eve").get(f"{path}/{article}"), 403, "NOT_ENROLLED")
        for caller in (room.of(LEARNER), room.of(EDUCATOR), room.of("root", role="admin")):
            assert answered(caller.get(f"{path}/{article}"))["article"] == ARTICLE
        refused(room.of(LEARNER).get(f"{path}/nothing"), 404, "LECTURE_NOT_FOUND")

    def test_a_lecture_that_comes_later(self, room: Classroom) -> None:
        course = room.course(quiz=False)
        path = f"{BASE}/{course['id']}"
        room.enrolled(course, "ravi")
        room.complete(course, "ravi")
        more = [*course["sections"], {"title": "More", "lectures": [{"title": "New", "article": "News."}]}]
        answered(room.of(EDUCATOR).call("PUT", path, {"sections": more}))
        seen = answered(room.of("ravi").get(f"{path}/content"))
        assert (seen["progress"], seen["status"]) == (75, "completed")
        assert [one["progress"] for one in answered(room.of("ravi").get(f"{BASE}/enrolled"))["items"]] == [75]
        assert [one["progress"] for one in answered(room.of(EDUCATOR).get(f"{path}/students"))["items"]] == [75]

    def test_a_lecture_that_goes(self, room: Classroom) -> None:
        course = room.course()
        path, (first, second, _) = f"{BASE}/{course['id']}", lectures_of(course)
        room.enrolled(course, "ravi")
        for lecture_id in (first, second):
            room.progress(course, lecture_id, "ravi", position_s=5)
        room.attempt(course, [1, 2], "ravi")
        (section,) = course["sections"]
        left = {**section, "lectures": [one for one in section["lectures"] if one["id"] != second], "quizzes": []}
        answered(room.of(EDUCATOR).call("PUT", path, {"sections": [left]}))
        (student,) = answered(room.of(EDUCATOR).get(f"{path}/students"))["items"]
        assert (student["completedLectures"], student["quizzesPassed"], student["progress"]) == (1, 0, 50)
        again = answered(room.of("ravi").post(f"{path}/enroll", {}), 201)
        assert (again["completedLectures"], again["progress"]) == ([first], 50)
        # Nothing of it stays in the document, which would grow with each new version of the course.
        room.progress(course, first, "ravi")
        kept = room.enrollment(course, "ravi")
        assert (kept["completedLectures"], list(kept["positions"])) == ([first], [first])

    def test_an_archived_course_stays_its_students(self, room: Classroom) -> None:
        course = room.course()
        room.enrolled(course)
        room.ctx.db.set(("courses", course["id"]), {"status": "archived"}, merge=True)
        path = f"{BASE}/{course['id']}/content"
        refused(room.of("eve").get(path), 404, "COURSE_NOT_FOUND")
        assert answered(room.of(LEARNER).get(path))["status"] == "active"


class TestProgress:
    def test_as_documented(self, room: Classroom, course: Doc) -> None:
        first, second, _ = lectures_of(course)
        path = f"{BASE}/{course['id']}/progress"
        noted = answered(room.of(LEARNER).post(path, {"lectureId": first, "completed": True, "positionS": 12}))
        assert (noted["pointsEarned"], noted["progress"], noted["courseCompleted"]) == (10, 33, False)
        assert answered(room.of(LEARNER).post(path, {"lectureId": first, "completed": True}))["pointsEarned"] == 0
        for fields, field in (
            ({}, "lectureId"),
            ({"lectureId": second, "positionS": -1}, "positionS"),
            ({"lectureId": second, "completed": "yes"}, "completed"),
        ):
            assert refused(room.of(LEARNER).post(path, fields), 400, "INVALID_INPUT")[0]["field"] == field
        for caller, body, status, code in (
            (room.of(None), {"lectureId": first}, 401, "UNAUTHENTICATED"),
            (room.of("eve"), {"lectureId": first}, 403, "NOT_ENROLLED"),
            (room.of(EDUCATOR), {"lectureId": first}, 403, "NOT_ENROLLED"),
            (room.of(LEARNER), {"lectureId": "nothing"}, 404, "LECTURE_NOT_FOUND"),
        ):
            refused(caller.post(path, body), status, code)

    def test_too_often(self) -> None:
        with classroom.opened(rate_limit_factor=1, rate_limit_progress=1) as room:
            course = room.course()
            room.enrolled(course)
            path, body = f"{BASE}/{course['id']}/progress", {"lectureId": lectures_of(course)[0], "positionS": 1}
            answers = [room.of(LEARNER).post(path, body).status_code for _ in range(4)]
        # A minute may have ended within them.
        assert (answers[0], answers.count(429) >= 2) == (200, True)

    def test_a_quiz(self, room: Classroom, course: Doc) -> None:
        quiz = quiz_of(course)
        path = f"{BASE}/{course['id']}/quizzes/{quiz['id']}/attempts"
        first, second = (one["id"] for one in quiz["questions"])
        body = {"answers": [{"questionId": first, "answer": 1}, {"questionId": second, "answer": 0}]}
        graded = answered(room.of(LEARNER).post(path, body, key="k"), 201)
        assert (graded["percent"], graded["isPassed"], graded["attemptsLeft"]) == (50, True, 4)
        assert answered(room.of(LEARNER).post(path, body, key="k"), 201) == graded
        refused(room.of(LEARNER).post(path, {"answers": []}, key="k"), 409, "IDEMPOTENCY_KEY_REUSED")
        twice = {"answers": [{"questionId": first, "answer": 1}] * 2}
        for wrong in (
            twice,
            {},
            {"answers": [{"questionId": first, "answer": 7}]},
            {"answers": [{"questionId": "x", "answer": 0}]},
        ):
            assert refused(room.of(LEARNER).post(path, wrong), 400, "INVALID_INPUT")[0]["field"] == "answers"
        refused(room.of(None).post(path, body), 401, "UNAUTHENTICATED")
        refused(room.of("eve").post(path, body), 403, "NOT_ENROLLED")
        refused(room.of(LEARNER).post(f"{BASE}/{course['id']}/quizzes/x/attempts", body), 404, "QUIZ_NOT_FOUND")


class TestLists:
    def test_enrolled(self, room: Classroom) -> None:
        courses = [room.course() for _ in range(3)]
        for course in courses:
            room.enrolled(course, "arjun")
        arjun = room.of("arjun")
        page = answered(arjun.get(f"{BASE}/enrolled", limit=2))
        rest = answered(arjun.get(f"{BASE}/enrolled", limit=2, cursor=page["nextCursor"]))
        found = [*page["items"], *rest["items"]]
        assert {one["courseId"] for one in found} == {course["id"] for course in courses}
        assert found[0]["course"]["title"] == "Sharding from scratch"
        assert found[0]["course"]["instructor"]["name"] == "Asha"
        assert answered(arjun.get(f"{BASE}/enrolled", limit=2, page=2))["items"] == rest["items"]
        assert answered(arjun.get(f"{BASE}/enrolled", status="revoked"))["items"] == []
        refused(arjun.get(f"{BASE}/enrolled", status="x"), 400, "INVALID_INPUT")
        refused(room.of(None).get(f"{BASE}/enrolled"), 401, "UNAUTHENTICATED")

    def test_students(self, room: Classroom) -> None:
        course = room.course()
        room.enrolled(course)
        room.enrolled(course, "arjun")
        room.ctx.run(lambda tx: enrollments.revoke(tx, course["id"], "arjun", reason="refund", now=START))
        path = f"{BASE}/{course['id']}/students"
        for caller in (room.of(EDUCATOR), room.of("root", role="admin")):
            (student,) = answered(caller.get(path))["items"]
            assert (student["userId"], student["name"], student["completedLectures"]) == (LEARNER, "Meera Rao", 0)
            assert "email" not in student
        refused(room.of(None).get(path), 401, "UNAUTHENTICATED")
        refused(room.of(LEARNER).get(path), 403, "NOT_YOUR_COURSE")
        refused(room.of(EDUCATOR).get(f"{BASE}/nothing/students"), 404, "COURSE_NOT_FOUND")


class TestCertificates:
    def test_own_and_everybodys(self, room: Classroom) -> None:
        course = room.course(quiz=False)
        room.enrolled(course, "arjun")
        code = room.complete(course, "arjun")
        (mine,) = answered(room.of("arjun").get("/api/v1/certificates"))["items"]
        assert (mine["id"], mine["isValid"], mine["courseId"]) == (code, True, course["id"])
        refused(room.of(None).get("/api/v1/certificates"), 401, "UNAUTHENTICATED")
        # As somebody types it.
        for typed in (code, mine["code"], mine["code"].lower().replace("0", "o")):
            seen = answered(room.of(None).get(f"/api/v1/certificates/{typed}"))
            assert (seen["learnerName"], seen["courseTitle"]) == ("Arjun Rao", "Sharding from scratch")
            assert not {"uid", "userId", "email", "revokeReason"} & set(seen)
        refused(room.of(None).get("/api/v1/certificates/0000000000000000"), 404, "CERTIFICATE_NOT_FOUND")
        paper = room.of(None).get(mine["pdfUrl"])
        assert (paper.status_code, paper.content[:5]) == (200, b"%PDF-")
        assert f"certificate-{code}.pdf" in paper.headers["Content-Disposition"]
        again = room.of(None).call("GET", mine["pdfUrl"], **{"If-None-Match": paper.headers["ETag"]})
        assert again.status_code == 304
        room.ctx.run(lambda tx: certificates.revoke(tx, code, reason="refund", now=START))
        assert answered(room.of(None).get(f"/api/v1/certificates/{code}"))["isValid"] is False
        refused(room.of(None).get(mine["pdfUrl"]), 409, "CERTIFICATE_REVOKED")


class TestReviews:
    def test_of_a_course(self, room: Classroom) -> None:
        course = room.course()
        path = f"{BASE}/{course['id']}/reviews"
        room.enrolled(course)
        review = {"rating": 5, "comment": "Clear."}
        refused(room.of(LEARNER).post(path, review), 409, "COURSE_NOT_BEGUN")
        room.progress(course, lectures_of(course)[0])
        made = answered(room.of(LEARNER).post(path, review), 201)
        assert (made["courseId"], made["reviewerName"], made["rating"]) == (course["id"], "Meera", 5)
        refused(room.of(LEARNER).post(path, review), 409, "ALREADY_REVIEWED")
        refused(room.of(None).post(path, review), 401, "UNAUTHENTICATED")
        refused(room.of("eve").post(path, review), 403, "NOT_ENROLLED")
        assert refused(room.of(LEARNER).post(path, {"rating": 6}), 400, "INVALID_INPUT")[0]["field"] == "rating"
        replied = answered(room.of(EDUCATOR).post(f"/api/reviews/{made['id']}/reply", {"reply": "Thank you."}))
        assert (replied["courseId"], replied["expertId"], replied["reply"]) == (course["id"], None, "Thank you.")
        refused(room.of("eve").post(f"/api/reviews/{made['id']}/reply", {"reply": "Mine."}), 403, "ONLY_THE_EXPERT")
        answered(room.of("eve").post(f"/api/reviews/{made['id']}/report", {"reason": "rude"}), 201)
        (shown,) = answered(room.of(None).get(path))["items"]
        assert (shown["id"], shown["reply"]) == (made["id"], "Thank you.")
        # Not on the educator's own page.
        assert answered(room.of(None).get(f"/api/experts/{EDUCATOR}/reviews"))["items"] == []
        admin = room.of("root", role="admin")
        reported = answered(admin.get("/api/admin/reported-reviews"))["items"]
        assert [one["courseId"] for one in reported] == [course["id"]]
        answered(admin.call("PUT", f"/api/admin/reviews/{made['id']}", {"hidden": True, "reason": "rude"}))
        assert answered(room.of(None).get(path))["items"] == []
        refused(room.of(None).get(f"{BASE}/nothing/reviews"), 404, "COURSE_NOT_FOUND")
