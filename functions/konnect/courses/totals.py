"""What an educator's courses, and a learner's, come to. Read from the documents, so that no counter has to be kept."""

from typing import Any

from konnect.experts import standing
from konnect.store import Database, Query

from . import repository

MOST = 200
"""Courses of one educator that are looked at, the last changed first."""
_FIELDS = ("status", "enrolledCount", "ratingSum", "reviewCount", "updatedAt")


def of_instructor(db: Database, uid: str) -> dict[str, Any]:
    """{byStatus: {status: how many}, students, rating, reviewCount} of all courses that `uid` teaches."""
    query = Query((repository.COLLECTION,), order=(("updatedAt", "desc"),), limit=MOST, fields=_FIELDS)
    found = query.filter("instructor.uid", "==", uid).run(db)
    by_status = dict.fromkeys(repository.STATUSES, 0)
    for course in found:
        by_status[course["status"]] += 1
    stars, reviews = (sum(int(course.get(name) or 0) for course in found) for name in ("ratingSum", "reviewCount"))
    return {
        "byStatus": by_status,
        "students": sum(int(course.get("enrolledCount") or 0) for course in found),
        "rating": standing.average(stars, reviews),
        "reviewCount": reviews,
    }


def of_learner(db: Database, uid: str) -> dict[str, int]:
    """{active, completed}: how many courses."""
    query = Query(("enrollments",)).filter("uid", "==", uid)
    return {status: query.filter("status", "==", status).count(db) for status in ("active", "completed")}


def certificates(db: Database, uid: str) -> int:
    """How many valid ones a learner has."""
    return Query(("certificates",)).filter("uid", "==", uid).filter("status", "==", "valid").count(db)
