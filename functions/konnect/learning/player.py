"""What a learner sees of a course: its parts, how far they are, and one lecture or quiz at a time.

A lecture's video is signed for when it is opened, not with the whole list: each signature is a call to IAM.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from konnect import clock
from konnect.auth import Principal
from konnect.context import Context
from konnect.courses import repository, service
from konnect.store import Doc, Tx
from konnect.uploads import service as uploads

from . import enrollments, grading, progress

Access = Literal["none", "student", "educator", "admin"]
WATCHED_WITHIN = timedelta(hours=6)
"""A player fetches a video in pieces, by one URL, for as long as it is watched."""


@dataclass(frozen=True)
class Seat:
    """Who looks at a course. `enrollment`: that opens it, if one does."""

    course: Doc
    content: Doc
    access: Access
    enrollment: Doc | None


def seat(tx: Tx, course_id: str, visitor: Principal | None) -> Seat:
    """Raises NotFound (COURSE_NOT_FOUND): also for a course that is not published, to who is neither its student nor
    its educator nor an admin."""
    tx.peek(repository.path(course_id), repository.content_path(course_id))
    course = service.get(tx, course_id)
    enrollment = None if visitor is None else enrollments.standing(tx, course_id, visitor.uid)
    access: Access = "none"
    if visitor is not None and visitor.uid == course["instructor"]["uid"]:
        access = "educator"
    elif visitor is not None and visitor.role == "admin":
        access = "admin"
    elif enrollment is not None:
        access = "student"
    if access == "none" and course["status"] != "published":
        raise repository.not_found()
    return Seat(course, service.content(tx, course_id), access, enrollment)


def outline(at: Seat, *, now: datetime) -> dict[str, Any]:
    """The whole course: what is locked is shown by its title. Questions come without their answers."""
    enrollment = at.enrollment or {}
    return {
        "courseId": at.course["id"],
        "title": at.course["title"],
        "access": at.access,
        "status": enrollment.get("status"),
        "progress": grading.progress(at.course, enrollment["completedLectures"]) if enrollment else None,
        "lastLectureId": enrollment.get("lastLectureId"),
        "completedAt": enrollment.get("completedAt"),
        "certificateId": enrollment.get("certificateId"),
        "certificate": at.content["certificate"],
        "sections": [
            {
                "id": section["id"],
                "title": section["title"],
                "lectures": [_lecture(at, lecture) for lecture in section["lectures"]],
                "quizzes": [_quiz(at, quiz, now) for quiz in section["quizzes"]],
            }
            for section in at.course["sections"]
        ],
    }


def lecture(ctx: Context, at: Seat, lecture_id: str, *, now: datetime) -> dict[str, Any]:
    """One lecture with what is in it. Not within a transaction.

    Raises NotFound (LECTURE_NOT_FOUND, UPLOAD_NOT_FOUND), Forbidden (NOT_ENROLLED), Unavailable.
    """
    found = progress.find_lecture(at.course, lecture_id)
    if _is_locked(at, found):
        raise enrollments.not_enrolled()
    inside = at.content["lectures"].get(lecture_id, {})
    video = _opened(ctx, inside.get("videoUrl"), inside.get("videoUploadId"), now)
    order = [one["id"] for one in grading.lectures(at.course)]
    return {
        **_lecture(at, found),
        "courseId": at.course["id"],
        "videoUrl": video["url"],
        "videoExpiresAt": video["expiresAt"],
        "article": inside.get("article"),
        "resources": [
            {"title": one["title"], **_opened(ctx, one.get("url"), one.get("uploadId"), now)}
            for one in inside.get("resources") or []
        ],
        "nextLectureId": next(iter(order[order.index(lecture_id) + 1 :]), None),
    }


def _is_locked(at: Seat, lecture: Doc) -> bool:
    return at.access == "none" and not lecture["isPreview"]


def _lecture(at: Seat, lecture: Doc) -> dict[str, Any]:
    enrollment = at.enrollment or {}
    return {
        **lecture,
        "isLocked": _is_locked(at, lecture),
        "isCompleted": lecture["id"] in enrollment.get("completedLectures", ()),
        "positionS": enrollment.get("positions", {}).get(lecture["id"], 0),
    }


def _quiz(at: Seat, quiz: Doc, now: datetime) -> dict[str, Any]:
    is_locked = at.access == "none"
    questions = [] if is_locked else at.content["quizzes"].get(quiz["id"], {}).get("questions", [])
    record = (at.enrollment or {}).get("quizzes", {}).get(quiz["id"], {})
    return {
        **quiz,
        "isLocked": is_locked,
        "questions": [{name: question[name] for name in ("id", "text", "options")} for question in questions],
        "bestPercent": record.get("bestPercent"),
        "isPassed": record.get("passedAt") is not None,
        "attemptsLeft": grading.attempts_left(record, clock.business_day(now)) if at.enrollment else 0,
    }


def _opened(ctx: Context, url: str | None, upload_id: str | None, now: datetime) -> dict[str, Any]:
    """A file's address: somebody else's as it is, one of ours signed."""
    if upload_id is None:
        return {"url": url, "expiresAt": None}
    link = uploads.lend(ctx, upload_id, expires_in=WATCHED_WITHIN, now=now)
    return {"url": link["url"], "expiresAt": link["expiresAt"]}
