"""Courses as others read them: learning, sale, live classes, dashboards."""

from konnect.store import Database, Doc, Page, Tx

from . import repository


def published(tx: Tx, course_id: str) -> Doc:
    """A course that is on sale, with its id. Raises NotFound (COURSE_NOT_FOUND) for every other."""
    course = repository.find(tx, course_id)
    if course is None or course["status"] != "published":
        raise repository.not_found()
    return course


def get(tx: Tx, course_id: str) -> Doc:
    """A course in any status (one that is archived stays its students'). Raises NotFound (COURSE_NOT_FOUND)."""
    course = repository.find(tx, course_id)
    if course is None:
        raise repository.not_found()
    return course


def content(tx: Tx, course_id: str) -> Doc:
    """What only students get, of a course in any status: {lectures, quizzes, certificate} (repository.py). Who may have
    it is the caller's to check, and no quiz's `answer` is for anybody but its educator and the admins.
    """
    return repository.content(tx, course_id)


def of_instructor(db: Database, uid: str, *, limit: int, cursor: str | None = None) -> Page:
    """An educator's own courses, without their sections, in every status, the last changed first."""
    return repository.of_instructor(db, uid, limit=limit, cursor=cursor)
