"""Numbers of courses and enrolments, by counting index entries (a read a thousand): for the administration."""

from datetime import datetime

from konnect.courses import catalogue, repository
from konnect.store import Database, Doc, Query

from . import enrollments


def by_status(db: Database) -> dict[str, int]:
    """How many courses there are of each status."""
    query = Query((repository.COLLECTION,))
    return {status: query.filter("status", "==", status).count(db) for status in repository.STATUSES}


def enrolled(db: Database) -> dict[str, int]:
    """How many enrolments are under way (active), and completed."""
    query = Query(("enrollments",))
    return {status: query.filter("status", "==", status).count(db) for status in enrollments.STANDING}


def count_enrolled(db: Database, since: datetime, until: datetime) -> int:
    """How many enrolments were made, those taken back since included."""
    return Query(("enrollments",)).filter("enrolledAt", ">=", since).filter("enrolledAt", "<", until).count(db)


def count_completed(db: Database, since: datetime, until: datetime) -> int:
    return Query(("enrollments",)).filter("completedAt", ">=", since).filter("completedAt", "<", until).count(db)


def most_taken(db: Database, number: int) -> list[Doc]:
    """Published courses with the most students: {id, title, instructor, enrolledCount, rating, …}."""
    order = (("enrolledCount", "desc"),)
    return Query((catalogue.COLLECTION,), order=order, limit=number, fields=(*catalogue.SHOWN,)).run(db)


def of_course(db: Database, course_id: str) -> dict[str, int]:
    """Of the enrolments that stand: how many, how many of them completed, and what was paid for them, in paise."""
    query = Query(("enrollments",)).filter("courseId", "==", course_id)
    standing, paid_paise = query.filter("status", "in", list(enrollments.STANDING)).tally(db, "pricePaise")
    completed = query.filter("status", "==", "completed").count(db)
    return {"enrolled": standing, "completed": completed, "paidPaise": paid_paise}
