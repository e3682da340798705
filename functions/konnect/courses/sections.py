"""A course's sections as an educator writes them: what of them everybody sees, and what only students get. Pure.

A part that is known already comes with its id; a lecture or quiz that comes without its content keeps what it has, so
that a frontend can send back what it was shown. A part without an id, or with one that is not known, gets a new one.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from konnect.errors import BadRequest
from konnect.store import Doc

LECTURES_MAX = 500
QUIZZES_MAX = 100
BYTES_MAX = 900_000
"""Of the public part and of the content each; a document has 1 MiB."""
PASSING_PERCENT = 70
_CONTENTS = ("videoUploadId", "videoUrl", "article")
_UNSAID: Doc = {"durationS": 0, "isPreview": False}
"""Of a lecture of which nothing has been said."""


@dataclass
class Outline:
    """`sections` as the course has them, `lectures` and `quizzes` as the content has them, by id."""

    sections: list[Doc] = field(default_factory=list)
    lectures: dict[str, Doc] = field(default_factory=dict)
    quizzes: dict[str, Doc] = field(default_factory=dict)

    @property
    def total_duration_s(self) -> int:
        return sum(lecture["durationS"] for section in self.sections for lecture in section["lectures"])


def numbered(given: list[Doc], new_id: Any) -> list[Doc]:
    """The same sections, each part with a `spare` id, should it need a new one."""

    def spare(parts: list[Doc]) -> list[Doc]:
        return [{**part, "spare": new_id()} for part in parts]

    return [
        {
            **section,
            "lectures": spare(section.get("lectures") or []),
            "quizzes": [
                {**quiz, **({"questions": spare(quiz["questions"])} if quiz.get("questions") is not None else {})}
                for quiz in spare(section.get("quizzes") or [])
            ],
        }
        for section in spare(given)
    ]


def build(given: list[Doc], before: list[Doc], content: Doc) -> Outline:
    """The outline of the sections `given` (`numbered`) for a course that had `before` and `content`.

    Raises BadRequest: which part, and what is wrong with it; COURSE_TOO_LARGE.
    """
    known = {section["id"] for section in before}
    shown = {part["id"]: part for section in before for part in (*section["lectures"], *section["quizzes"])}
    found, taken = Outline(), set[str]()

    def id_of(part: Doc, ids: Any) -> str:
        wanted: str = part.get("id") or ""
        chosen: str = wanted if wanted in ids and wanted not in taken else part["spare"]
        taken.add(chosen)
        return chosen

    for index, section in enumerate(given):
        at = f"sections.{index}"
        section_id = id_of(section, known)
        lectures: list[Doc] = []
        for number, lecture in enumerate(section["lectures"]):
            lecture_id = id_of(lecture, content["lectures"])
            inside = _lecture_content(lecture, content["lectures"].get(lecture_id), f"{at}.lectures.{number}")
            found.lectures[lecture_id] = inside
            old = shown.get(lecture_id, {})
            lectures.append(
                {
                    "id": lecture_id,
                    "title": lecture["title"],
                    "kind": _kind(lecture, inside, old),
                    **{name: _given_or_kept(lecture, old, name) for name in _UNSAID},
                }
            )
        quizzes: list[Doc] = []
        for number, quiz in enumerate(section["quizzes"]):
            quiz_id = id_of(quiz, content["quizzes"])
            asked = _quiz_content(quiz, content["quizzes"].get(quiz_id), f"{at}.quizzes.{number}")
            found.quizzes[quiz_id] = asked
            quizzes.append(
                {
                    "id": quiz_id,
                    "title": quiz["title"],
                    "questionCount": len(asked["questions"]),
                    "passingPercent": asked["passingPercent"],
                }
            )
        found.sections.append({"id": section_id, "title": section["title"], "lectures": lectures, "quizzes": quizzes})
    _check_size(found)
    return found


def uploads_of(content: Doc) -> dict[str, str]:
    """The files that a course names: upload's id → its purpose."""
    found: dict[str, str] = {}
    if content.get("thumbnailUploadId"):
        found[content["thumbnailUploadId"]] = "thumbnail"
    for lecture in content["lectures"].values():
        if lecture["videoUploadId"]:
            found[lecture["videoUploadId"]] = "video"
        for resource in lecture["resources"]:
            if resource["uploadId"]:
                found[resource["uploadId"]] = "material"
    return found


def missing(course: Doc, content: Doc) -> list[dict[str, str]]:
    """What a course lacks to be published: [{field, message}]."""
    problems = [
        {"field": name, "message": "is required before a course is submitted"}
        for name in ("description", "category")
        if not course[name]
    ]
    if not any(section["lectures"] for section in course["sections"]):
        problems.append({"field": "sections", "message": "must have at least one lecture"})
    for index, section in enumerate(course["sections"]):
        for number, lecture in enumerate(section["lectures"]):
            inside = content["lectures"].get(lecture["id"], {})
            if not any(inside.get(name) for name in _CONTENTS):
                problems.append(
                    {"field": f"sections.{index}.lectures.{number}", "message": "has no video and no article"}
                )
        for number, quiz in enumerate(section["quizzes"]):
            if not quiz["questionCount"]:
                problems.append({"field": f"sections.{index}.quizzes.{number}", "message": "has no questions"})
    return problems


def joined(course: Doc, content: Doc) -> list[Doc]:
    """The sections with all that is in them, for their educator and for admins."""
    return [
        {
            **section,
            "lectures": [{**lecture, **content["lectures"].get(lecture["id"], {})} for lecture in section["lectures"]],
            "quizzes": [{**quiz, **content["quizzes"].get(quiz["id"], {})} for quiz in section["quizzes"]],
        }
        for section in course["sections"]
    ]


def _given_or_kept(lecture: Doc, old: Doc, name: str) -> Any:
    given = lecture.get(name)
    return old.get(name, _UNSAID[name]) if given is None else given


def _kind(lecture: Doc, inside: Doc, old: Doc) -> str:
    if inside["article"]:
        return "article"
    if inside["videoUploadId"] or inside["videoUrl"]:
        return "video"
    return str(lecture.get("kind") or old.get("kind") or "video")


def _lecture_content(lecture: Doc, old: Doc | None, at: str) -> Doc:
    given = {name: lecture[name] for name in _CONTENTS if lecture.get(name) is not None}
    if len(given) > 1:
        raise BadRequest.field(at, "has a video or an article, and one video alone")
    kind = lecture.get("kind")
    if given and kind and kind != ("article" if "article" in given else "video"):
        raise BadRequest.field(f"{at}.kind", f"does not fit its content: it is {kind}")
    kept = {name: (old or {}).get(name) for name in _CONTENTS}
    resources = lecture.get("resources")
    if resources is not None:
        resources = [{"url": None, "uploadId": None, **resource} for resource in resources]
        for index, resource in enumerate(resources):
            if (resource["url"] is None) == (resource["uploadId"] is None):
                raise BadRequest.field(f"{at}.resources.{index}", "has a url or an uploadId")
    return {
        **(dict.fromkeys(_CONTENTS) | given if given else kept),
        "resources": (old or {}).get("resources", []) if resources is None else resources,
    }


def _quiz_content(quiz: Doc, old: Doc | None, at: str) -> Doc:
    passing = quiz.get("passingPercent") or (old or {}).get("passingPercent") or PASSING_PERCENT
    questions = quiz.get("questions")
    if questions is None:
        return {"questions": (old or {}).get("questions", []), "passingPercent": passing}
    known = {question["id"] for question in (old or {}).get("questions", [])}
    asked: list[Doc] = []
    for index, question in enumerate(questions):
        if question["answer"] >= len(question["options"]):
            raise BadRequest.field(f"{at}.questions.{index}.answer", "must be the index of an option")
        question_id = question.get("id")
        if question_id not in known:
            question_id = question["spare"]
        known.discard(question_id)
        asked.append({"id": question_id, **{name: question[name] for name in ("text", "options", "answer")}})
    return {"questions": asked, "passingPercent": passing}


def _check_size(found: Outline) -> None:
    if len(found.lectures) > LECTURES_MAX or len(found.quizzes) > QUIZZES_MAX:
        raise BadRequest.field("sections", f"must have at most {LECTURES_MAX} lectures and {QUIZZES_MAX} quizzes")
    for part in (found.sections, [found.lectures, found.quizzes]):
        if len(json.dumps(part, ensure_ascii=False).encode()) > BYTES_MAX:
            raise BadRequest.field(
                "sections", f"must not exceed {BYTES_MAX} bytes: put long texts into resources", code="COURSE_TOO_LARGE"
            )
