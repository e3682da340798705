"""A course learned on the running stack: enrolled, watched, a quiz passed, certified, reviewed; and bought."""

from collections.abc import Mapping
from typing import Any

import pytest
import requests

from local.person import Person, make_expert, wait_until
from tests import people
from tests.courses.studio import COURSE, FILES


@pytest.fixture(scope="module")
def admin(stack_env: Mapping[str, str]) -> Person:
    return people.admin(stack_env)


@pytest.fixture(scope="module")
def educator(stack_env: Mapping[str, str], admin: Person) -> Person:
    made = people.person(stack_env, "Asha")
    make_expert(admin, made, pricePerMin=10)
    return made


def published(admin: Person, educator: Person, **changes: Any) -> Any:
    """As its educator sees it, answers too."""
    made = educator.post("/api/v1/courses", {**COURSE, **changes, "status": "pending"})
    admin.call("PUT", f"/api/v1/admin/courses/{made['id']}/status", {"status": "published"})
    return made


def test_a_course_from_enrolling_to_the_certificate(
    stack_env: Mapping[str, str], admin: Person, educator: Person
) -> None:
    learner = people.user(stack_env, "Meera")
    content_type, name, data = FILES["video"]
    upload = {"purpose": "video", "contentType": content_type, "size": len(data), "fileName": name}
    begun = educator.post("/api/uploads", upload)
    requests.put(begun["url"], data=data, headers=begun["headers"], timeout=60).raise_for_status()
    video = {"title": "Loops", "durationS": 240, "videoUploadId": begun["id"]}
    course = published(admin, educator, price=0, sections=[*COURSE["sections"], {"title": "More", "lectures": [video]}])
    path = f"/api/v1/courses/{course['id']}"
    enrolled = learner.post(f"{path}/enroll", {})
    assert learner.post(f"{path}/enroll", {}) == enrolled
    content = learner.get(f"{path}/content")
    lectures = [lecture for section in content["sections"] for lecture in section["lectures"]]
    opened = learner.get(f"{path}/lectures/{lectures[-1]['id']}")
    # In pieces, as players ask for it.
    piece = requests.get(opened["videoUrl"], headers={"Range": "bytes=0-3"}, timeout=60)
    assert piece.content == data[:4] or piece.content == data
    for lecture in lectures:
        noted = learner.post(f"{path}/progress", {"lectureId": lecture["id"], "completed": True, "positionS": 60})
    assert (noted["progress"], noted["status"], noted["pointsEarned"]) == (100, "active", 10)
    (quiz,) = course["sections"][0]["quizzes"]
    answers = [{"questionId": one["id"], "answer": one["answer"]} for one in quiz["questions"]]
    graded = learner.post(f"{path}/quizzes/{quiz['id']}/attempts", {"answers": answers})
    assert (graded["percent"], graded["pointsEarned"], graded["courseStatus"]) == (100, 150, "completed")
    (mine,) = learner.get("/api/v1/courses/enrolled")["items"]
    assert (mine["status"], mine["course"]["id"]) == ("completed", course["id"])
    (certificate,) = learner.get("/api/v1/certificates")["items"]
    assert certificate["id"] == mine["certificateId"] == graded["certificateId"]
    seen = requests.get(f"{stack_env['API_URL']}/api/v1/certificates/{certificate['code']}", timeout=60).json()
    assert (seen["learnerName"], seen["instructorName"], seen["isValid"]) == ("Meera", "Asha", True)
    paper = requests.get(stack_env["API_URL"] + certificate["pdfUrl"], timeout=60)
    assert paper.content.startswith(b"%PDF-")
    (student,) = educator.get(f"{path}/students")["items"]
    assert (student["userId"], student["progress"], student["quizzesPassed"]) == (learner.uid, 100, 1)
    review = learner.post(f"{path}/reviews", {"rating": 5, "comment": "Clear and short."})
    assert learner.get(f"{path}/reviews")["items"][0]["id"] == review["id"]
    told = wait_until(
        "the learner to be told",
        lambda: [one for one in learner.get("/api/notifications")["items"] if one["type"] == "course_completed"],
    )
    assert told[0]["data"]["certificateId"] == certificate["id"]

    def counted() -> bool:
        shown = requests.get(stack_env["API_URL"] + path, timeout=60).json()
        return (shown["enrolledCount"], shown["rating"], shown["reviewCount"]) == (1, 5, 1)

    # By the reviews' trigger, and by the task of those who have enrolled.
    wait_until("the course to have its student and its rating", counted)


def test_a_course_bought_from_the_wallet(stack_env: Mapping[str, str], admin: Person, educator: Person) -> None:
    learner = people.user(stack_env, "Arjun", rupees=600)
    course = published(admin, educator)
    path = f"/api/v1/courses/{course['id']}"
    price = learner.response("POST", f"{path}/enroll", {})
    assert (price.status_code, price.json()["error"]["details"][0]["price"]) == (402, 499)
    bought = learner.post(f"{path}/enroll", {"paymentMethod": "wallet", "price": 499})
    assert (bought["source"], bought["price"]) == ("wallet", 499)
    assert learner.get("/api/wallet")["balance"] == 101
