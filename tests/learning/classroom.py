"""A course on a project of one's own: two lectures, a preview and a quiz, by an educator; and people who learn it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from konnect import ids
from konnect.context import Context
from konnect.courses import authoring, sections
from konnect.learning import certificates, enrollments, quizzes
from konnect.learning import progress as learning
from konnect.store import Doc
from tests.experts import world
from tests.payments.api import Api, User
from tests.support import START

EDUCATOR, LEARNER = "asha", "meera"
DAY = timedelta(days=1)
ARTICLE = "Split the data by its key."


@dataclass
class Classroom:
    ctx: Context
    api: Api

    def course(self, *, price: float = 0, quiz: bool = True, status: str = "published", **fields: Any) -> Doc:
        """A course by EDUCATOR: its document, and the ids of its parts as "parts"."""
        questions = [
            {"text": "Two shards?", "options": ["a", "b"], "answer": 1},
            {"text": "Three?", "options": ["a", "b", "c"], "answer": 2},
        ]
        lectures = [
            {"title": "Welcome", "videoUrl": "https://video.test/1", "durationS": 90, "isPreview": True},
            {"title": "Keys", "article": ARTICLE, "durationS": 0},
            {"title": "Shards", "videoUrl": "https://video.test/3", "durationS": 600},
        ]
        section = {"title": "Sharding", "lectures": lectures, "quizzes": []}
        if quiz:
            section["quizzes"] = [{"title": "Check", "passingPercent": 50, "questions": questions}]
        given = {
            "title": "Sharding from scratch",
            "description": "All about it.",
            "category": "Databases",
            "price": price,
            "sections": sections.numbered([section], ids.new),
            **fields,
        }
        course_id = ids.new()
        whole = self.ctx.run(lambda tx: authoring.create(tx, EDUCATOR, course_id, given, {}, key=None, now=START))
        self.ctx.db.set(("courses", course_id), {"status": status, "publishedAt": START}, merge=True)
        return {**whole, "status": status}

    def enrolled(self, course: Doc, uid: str = LEARNER, *, now: datetime = START) -> Doc:
        return self.ctx.run(lambda tx: enrollments.grant(tx, course, uid, source="free", now=now))

    def progress(self, course: Doc, lecture_id: str, uid: str = LEARNER, **fields: Any) -> learning.Done:
        given: dict[str, Any] = {"completed": True, "position_s": None, "code": certificates.new_code(), "now": START}
        given |= fields
        return self.ctx.run(lambda tx: learning.progress(tx, course["id"], uid, lecture_id, **given))

    def attempt(self, course: Doc, answers: list[int], uid: str = LEARNER, **fields: Any) -> dict[str, Any]:
        quiz = quiz_of(course)
        chosen = {question["id"]: answer for question, answer in zip(quiz["questions"], answers, strict=False)}
        given: dict[str, Any] = {"key": None, "code": certificates.new_code(), "now": START, **fields}
        return self.ctx.run(lambda tx: quizzes.attempt(tx, course["id"], uid, quiz["id"], chosen, **given))

    def complete(self, course: Doc, uid: str = LEARNER) -> str:
        """Its certificate's code."""
        for lecture_id in lectures_of(course):
            self.progress(course, lecture_id, uid)
        if course["sections"][0]["quizzes"]:
            self.attempt(course, [1, 2], uid)
        return str(self.enrollment(course, uid)["certificateId"])

    def enrollment(self, course: Doc, uid: str = LEARNER) -> Doc:
        return world.doc(self.ctx, "enrollments", enrollments.id_of(course["id"], uid))

    def points(self, uid: str = LEARNER) -> Doc:
        return self.ctx.db.get("gamification", uid) or {"points": 0, "badges": []}

    def badges(self, uid: str = LEARNER) -> list[str]:
        return [badge["id"] for badge in self.points(uid)["badges"]]

    def of(self, uid: str | None, **claims: Any) -> User:
        return self.api.user(uid, **claims)


@contextmanager
def opened(**settings: Any) -> Iterator[Classroom]:
    with world.opened(**settings) as (ctx, api):
        world.expert(ctx, EDUCATOR)
        for uid in (EDUCATOR, LEARNER, "arjun"):
            ctx.db.set(("users", uid), {"name": f"{uid.title()} Rao", "disabled": False})
        yield Classroom(ctx, api)


def lectures_of(course: Doc) -> list[str]:
    return [lecture["id"] for section in course["sections"] for lecture in section["lectures"]]


def quiz_of(course: Doc) -> Doc:
    """With its questions and their answers."""
    found: Doc = course["sections"][0]["quizzes"][0]
    return found
