"""Educators who write courses: the API over a project and a bucket of one's own, triggers and clocks by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from konnect.context import Context
from konnect.courses.triggers import on_course_written
from konnect.http.triggers import Change
from konnect.store import Doc
from tests.experts import world
from tests.payments.api import Api
from tests.support import START

EDUCATOR = "asha"
VIDEO = b"\x00\x00\x00\x18ftypmp42 a lecture"
PNG = b"\x89PNG\r\n\x1a\n a picture"
PDF = b"%PDF-1.7 exercises"
FILES = {
    "thumbnail": ("image/png", "course.png", PNG),
    "video": ("video/mp4", "lecture.mp4", VIDEO),
    "material": ("application/pdf", "exercises.pdf", PDF),
}
QUIZ: Doc = {
    "title": "What was it?",
    "questions": [{"text": "1 + 1?", "options": ["1", "2", "3"], "answer": 1}],
}
COURSE: Doc = {
    "title": "Python from Zero",
    "description": "Variables, functions, files.",
    "category": "Programming",
    "level": "beginner",
    "language": "English",
    "tags": ["python", "basics"],
    "price": 499,
    "sections": [
        {
            "title": "Begin",
            "lectures": [
                {"title": "Hello", "durationS": 300, "isPreview": True, "article": "print('hello')"},
                {"title": "Names", "durationS": 600, "videoUrl": "https://videos.example/names"},
            ],
            "quizzes": [QUIZ],
        }
    ],
}


@dataclass
class Studio:
    ctx: Context
    api: Api

    def call(self, method: str, path: str, body: Any = None, *, by: str | None = EDUCATOR, **claims: Any) -> Any:
        return self.api.user(by, **claims).call(method, f"/api/v1{path}", body)

    def admin(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.api.user("root", role="admin").call(method, f"/api/v1/admin{path}", body)

    def write(self, *, by: str = EDUCATOR, **changes: Any) -> Doc:
        """A new course, as its educator sees it."""
        answer = self.call("POST", "/courses", {**COURSE, **changes}, by=by)
        assert answer.status_code == 201, answer.text
        written: Doc = answer.json()
        return written

    def edit(self, course_id: str, changes: Any, *, by: str = EDUCATOR) -> Doc:
        answer = self.call("PUT", f"/courses/{course_id}", changes, by=by)
        assert answer.status_code == 200, answer.text
        edited: Doc = answer.json()
        return edited

    def published(self, *, by: str = EDUCATOR, **changes: Any) -> Doc:
        """A new course on sale, with its listing."""
        course = self.write(by=by, status="pending", **changes)
        return self.decide(course["id"], "published")

    def decide(self, course_id: str, status: str, **more: Any) -> Doc:
        answer = self.admin("PUT", f"/courses/{course_id}/status", {"status": status, **more})
        assert answer.status_code == 200, answer.text
        self.written(course_id)
        decided: Doc = answer.json()
        return decided

    def written(self, course_id: str) -> None:
        """The trigger's event of a course; what it is by then decides."""
        change = Change("event", f"courses/{course_id}", {"courseId": course_id}, None, None, START)
        on_course_written(self.ctx, change, START)

    def upload(self, purpose: str, *, by: str = EDUCATOR) -> Doc:
        content_type, name, data = FILES[purpose]
        body = {"purpose": purpose, "contentType": content_type, "size": len(data), "fileName": name}
        answer = self.api.user(by).post("/api/uploads", body)
        assert answer.status_code == 201, answer.text
        begun: Doc = answer.json()
        sent = requests.put(begun["url"], data=data, headers=begun["headers"], timeout=60)
        assert sent.status_code == 200, sent.text
        return begun

    def file(self, upload_id: str) -> Doc:
        return world.doc(self.ctx, "uploads", upload_id)


@contextmanager
def opened() -> Iterator[Studio]:
    """With an approved educator."""
    with world.opened() as (ctx, api):
        world.expert(ctx, EDUCATOR, imageUrl="https://pictures.example/asha.png")
        yield Studio(ctx, api)


def problem(response: requests.Response) -> tuple[int, str, str | None]:
    """Status, code and the field that is named first."""
    error = response.json()["error"]
    named = error["details"][0].get("field") if error["details"] else None
    return response.status_code, error["code"], named
