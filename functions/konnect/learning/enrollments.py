"""enrollments/{id}: who takes which course, one a learner and course, whatever it was paid with. Its learner reads it.

{courseId, uid, userName, status: active | completed | revoked, source: free | wallet | checkout, purchaseId, price,
pricePaise, completedLectures: [lectureId], lastLectureId, positions: {lectureId: seconds}, quizzes: {quizId: {attempts,
day, today, bestPercent, passedAt}}, progress (percent, 0–100), enrolledAt, lastActiveAt, completedAt, certificateId,
revokedAt, revokeReason, updatedAt}.

What a learner has done stays when the enrolment is taken back: who buys the course again goes on where they were.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from konnect import ids
from konnect.errors import Forbidden
from konnect.money import rupees
from konnect.store import Database, Doc, Page, Query, Tx, page
from konnect.tasks import Task

from . import certificates

Source = Literal["free", "wallet", "checkout"]
STANDING = ("active", "completed")
COUNT_EVERY_S = 5
"""A course's document has its number of students so often at most: a document takes about one write a second."""


def id_of(course_id: str, uid: str) -> str:
    return ids.digest("enrollment", course_id, uid)


def of(tx: Tx, course_id: str, uid: str) -> Doc | None:
    """Whatever its status: `revoked` is an enrolment too, which opens nothing (see `standing`)."""
    enrollment_id = id_of(course_id, uid)
    found = tx.get("enrollments", enrollment_id)
    return None if found is None else {**found, "id": enrollment_id}


def standing(tx: Tx, course_id: str, uid: str) -> Doc | None:
    """The enrolment, if it opens the course."""
    found = of(tx, course_id, uid)
    return found if found is not None and found["status"] in STANDING else None


def require(tx: Tx, course_id: str, uid: str) -> Doc:
    """The enrolment, if it opens the course. Raises Forbidden (NOT_ENROLLED)."""
    found = standing(tx, course_id, uid)
    if found is None:
        raise not_enrolled()
    return found


def grant(
    tx: Tx,
    course: Doc,
    uid: str,
    *,
    source: Source,
    purchase_id: str | None = None,
    price_paise: int | None = None,
    now: datetime,
) -> Doc:
    """Enrol `uid`; who is enrolled stays as they are. One that was taken back stands again, with all that was done.

    `course`: with its "id". `price_paise`: what was paid for it, where the course may cost something else by now.
    """
    before = of(tx, course["id"], uid)
    if before is not None and before["status"] in STANDING:
        return before
    paid_paise = 0 if source == "free" else course["pricePaise"] if price_paise is None else price_paise
    bought: Doc = {
        "source": source,
        "purchaseId": purchase_id,
        "price": rupees(paid_paise),
        "pricePaise": paid_paise,
        "revokedAt": None,
        "revokeReason": None,
        "updatedAt": now,
    }
    enrollment_id = id_of(course["id"], uid)
    _recount(tx, course["id"], now)
    if before is not None:
        status = "active" if before["completedAt"] is None else "completed"
        if before["certificateId"] is not None:
            certificates.restore(tx, before["certificateId"], now=now)
        changed = {**bought, "status": status}
        tx.update(("enrollments", enrollment_id), changed)
        return {**before, **changed}
    created: Doc = {
        "courseId": course["id"],
        "uid": uid,
        "userName": (tx.get("users", uid) or {}).get("name") or "Learner",
        "status": "active",
        **bought,
        "completedLectures": [],
        "lastLectureId": None,
        "positions": {},
        "quizzes": {},
        "progress": 0,
        "enrolledAt": now,
        "lastActiveAt": now,
        "completedAt": None,
        "certificateId": None,
    }
    tx.create(("enrollments", enrollment_id), created)
    return {**created, "id": enrollment_id}


def revoke(
    tx: Tx, course_id: str, uid: str, *, reason: str, purchase_id: str | None = None, now: datetime
) -> Doc | None:
    """Take the enrolment back (a refund), and its certificate with it; None if there is none. A repeat changes nothing.

    `purchase_id`: only what this purchase has opened; one that was opened by another since is left alone.
    """
    found = of(tx, course_id, uid)
    if found is None or found["status"] == "revoked" or purchase_id not in {None, found["purchaseId"]}:
        return found
    changed = {"status": "revoked", "revokedAt": now, "revokeReason": reason, "updatedAt": now}
    tx.update(("enrollments", found["id"]), changed)
    if found["certificateId"] is not None:
        certificates.revoke(tx, found["certificateId"], reason=reason, now=now)
    _recount(tx, course_id, now)
    # Out of its live classes, whose domain stands above this one.
    about = {"courseId": course_id, "uid": uid}
    tx.enqueue(Task("/live/expel", ("live-expel", course_id, uid, now.isoformat()), about))
    return {**found, **changed}


def of_learner(
    db: Database, uid: str, *, status: str | None = None, limit: int, cursor: str | None, number: int | None = None
) -> Page:
    """A learner's enrolments, the latest used first, without those that were taken back unless `status` asks for
    them."""
    query = Query(("enrollments",), order=(("lastActiveAt", "desc"),)).filter("uid", "==", uid)
    query = query.filter("status", "in", [status] if status else list(STANDING))
    return page(db, query, limit=limit, cursor=cursor, number=number)


def of_course(db: Database, course_id: str, *, limit: int, cursor: str | None, number: int | None = None) -> Page:
    """A course's students, the newest first, without those whose enrolment was taken back."""
    query = Query(("enrollments",), order=(("enrolledAt", "desc"),)).filter("courseId", "==", course_id)
    return page(db, query.filter("status", "in", list(STANDING)), limit=limit, cursor=cursor, number=number)


def count_of(db: Database, course_id: str) -> int:
    """How many students a course has."""
    query = Query(("enrollments",)).filter("courseId", "==", course_id).filter("status", "in", list(STANDING))
    return query.count(db)


def not_enrolled() -> Forbidden:
    return Forbidden("you are not enrolled in this course", code="NOT_ENROLLED")


def _recount(tx: Tx, course_id: str, now: datetime) -> None:
    """One task for all who come within the same seconds (see tasks.recount)."""
    turn = int(now.timestamp()) // COUNT_EVERY_S + 1
    at = datetime.fromtimestamp(turn * COUNT_EVERY_S, UTC) + timedelta(seconds=COUNT_EVERY_S / 2)
    tx.enqueue(Task("/courses/recount", ("course-recount", course_id, turn), {"courseId": course_id}, at=at))
