"""Learning a course: lectures done, where one has stopped, and what completing all of it brings.

Everything is in one transaction with the enrolment: the points, the certificate and the badges. So a repeat finds it
done, and gives nothing again.
"""

from dataclasses import dataclass
from datetime import datetime

from konnect.courses import repository, service
from konnect.errors import NotFound
from konnect.gamification import service as gamification
from konnect.identity import service as identity
from konnect.notifications import service as notifications
from konnect.store import Database, Doc, Tx

from . import certificates, enrollments, grading


@dataclass(frozen=True)
class Done:
    """`points`: given by this very call. `is_end`: this call has completed the course."""

    enrollment: Doc
    points: int
    is_end: bool = False


def progress(
    tx: Tx,
    course_id: str,
    uid: str,
    lecture_id: str,
    *,
    completed: bool | None,
    position_s: int | None,
    code: str,
    now: datetime,
) -> Done:
    """Note what became of a lecture: done or not (None: as it was), and where it was left. `code`: a new one, for the
    certificate that this may come to.

    Raises NotFound (COURSE_NOT_FOUND, LECTURE_NOT_FOUND), Forbidden (NOT_ENROLLED, ACCOUNT_DISABLED).
    """
    course, enrollment = of(tx, course_id, uid)
    lecture = find_lecture(course, lecture_id)
    gamification.touch(tx, uid, now=now)
    # What was of parts that are gone goes, or the document would grow with each new version of the course.
    enrollment = grading.current(course, enrollment)
    done = list(enrollment["completedLectures"])
    points = 0
    if completed and lecture_id not in done:
        done.append(lecture_id)
        points += gamification.award(tx, uid, "lecture_completed", f"{course_id}/{lecture_id}", now=now)
    elif completed is False and lecture_id in done:
        done.remove(lecture_id)
    positions = dict(enrollment["positions"])
    if position_s is not None:
        positions[lecture_id] = min(position_s, lecture["durationS"] or position_s)
    changed: Doc = {
        "completedLectures": done,
        "positions": positions,
        "lastLectureId": lecture_id,
        "progress": grading.progress(course, done),
        "lastActiveAt": now,
        "updatedAt": now,
    }
    tx.update(("enrollments", enrollment["id"]), changed)
    return finish(tx, course, {**enrollment, **changed}, points, code=code, now=now)


def finish(tx: Tx, course: Doc, enrollment: Doc, points: int, *, code: str, now: datetime) -> Done:
    """Complete the enrolment if there is nothing left to do. Once: what comes to the course later, or is marked as not
    done again, changes nothing of it."""
    if enrollment["completedAt"] is not None:
        return Done(enrollment, points)
    wanted = service.content(tx, course["id"])["certificate"]
    passed = [quiz_id for quiz_id, record in enrollment["quizzes"].items() if record["passedAt"] is not None]
    is_complete = grading.is_complete(
        course, enrollment["completedLectures"], passed, quizzes_required=wanted["quizzesRequired"]
    )
    if not is_complete:
        return Done(enrollment, points)
    uid = enrollment["uid"]
    certificate = certificates.issue(tx, code, course, enrollment, now=now) if wanted["isOffered"] else None
    changed: Doc = {
        "status": "completed",
        "completedAt": now,
        "certificateId": None if certificate is None else code,
        "updatedAt": now,
    }
    tx.update(("enrollments", enrollment["id"]), changed)
    points += gamification.award(tx, uid, "course_completed", course["id"], now=now)
    gamification.count(tx, uid, "completedCourses", now=now)
    _tell(tx, course, uid, certificate, now=now)
    return Done({**enrollment, **changed}, points, is_end=True)


def with_courses(db: Database, found: list[Doc]) -> list[tuple[Doc, Doc]]:
    """Enrolments with what their courses are by now, each beside its course; without those whose course is gone."""
    known = db.get_many(repository.path(one["courseId"]) for one in found) if found else {}
    courses = [(one, known[repository.path(one["courseId"])]) for one in found]
    return [
        (grading.current(course, one), {**course, "id": one["courseId"]})
        for one, course in courses
        if course is not None
    ]


def of(tx: Tx, course_id: str, uid: str) -> tuple[Doc, Doc]:
    """The course, in any status, and the enrolment that opens it. Raises NotFound (COURSE_NOT_FOUND), Forbidden
    (NOT_ENROLLED, ACCOUNT_DISABLED)."""
    # Without a lock: all its students read the course, and now and then it is written.
    tx.peek(repository.path(course_id), repository.content_path(course_id))
    tx.prefetch(("enrollments", enrollments.id_of(course_id, uid)), ("gamification", uid), ("users", uid))
    identity.require_open(tx, uid)
    course, enrollment = service.get(tx, course_id), enrollments.standing(tx, course_id, uid)
    if enrollment is None:
        # Of a course that is not on sale nobody else has to know.
        raise enrollments.not_enrolled() if course["status"] == "published" else repository.not_found()
    return course, enrollment


def find_lecture(course: Doc, lecture_id: str) -> Doc:
    """Raises NotFound (LECTURE_NOT_FOUND)."""
    for lecture in grading.lectures(course):
        if lecture["id"] == lecture_id:
            return lecture
    raise NotFound("there is no such lecture in this course", code="LECTURE_NOT_FOUND")


def _tell(tx: Tx, course: Doc, uid: str, certificate: Doc | None, *, now: datetime) -> None:
    proof = "" if certificate is None else " Your certificate is ready."
    data = {
        "courseId": course["id"],
        "courseTitle": course["title"],
        "certificateId": None if certificate is None else certificate["id"],
    }
    notifications.notify(
        tx,
        uid,
        "course_completed",
        about=(course["id"],),
        title="You have completed a course",
        body=f"Well done: you have completed “{course['title']}”.{proof}",
        data=data,
        now=now,
    )
