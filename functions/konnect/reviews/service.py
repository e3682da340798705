"""reviews/{id}: one a session, booking, consult, or learner of a course, its id made of theirs (which the public list
must not show). No client reads the documents: the API shows what is public of them.

{expertId, expertUid, sessionId | bookingId | consultId | courseId, userId, reviewerName, rating, comment, reply,
repliedAt, replyEditedAt, hidden, reportCount, createdAt, updatedAt}; expertId is null in a course's: it counts for the
course's rating, not for that of its educator's sessions. reviews/{id}/reports/{uid}: who reported it and why;
reviews/{id}/private/counted: the rating that the average has of it (triggers.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from google.cloud import firestore

from konnect import audit, ids
from konnect.bookings import access as booked
from konnect.consults import access as consulted
from konnect.contacts import masked
from konnect.context import Context
from konnect.courses import service as courses
from konnect.errors import Conflict, Forbidden, NotFound
from konnect.experts import service as experts
from konnect.gamification import service as gamification
from konnect.learning import progress as learning
from konnect.notifications import service as notifications
from konnect.platform import platform_config
from konnect.sessions import access
from konnect.store import Database, Doc, Page, Query, Tx, page

ANONYMOUS = "User"
REPORTS_SHOWN = 10


@dataclass(frozen=True)
class Subject:
    """What is reviewed, once, by its user: a session, a booking, a consult, or a course. `expert_id`: whose rating it
    counts for; None for a course."""

    kind: Literal["session", "booking", "consult", "course"]
    id: str
    expert_id: str | None
    expert_uid: str
    user_id: str
    user_name: str | None
    title: str | None = None

    @property
    def review_id(self) -> str:
        if self.kind == "course":
            # Many have it.
            return ids.digest("review", self.kind, self.id, self.user_id)
        return id_of(self.id) if self.kind == "session" else ids.digest("review", self.kind, self.id)


def of_session(tx: Tx, session_id: str, uid: str) -> Subject:
    """A finished session, for its user to review.

    Raises NotFound (SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT, ONLY_THE_USER), Conflict (SESSION_NOT_FINISHED).
    """
    tx.prefetch(("sessions", session_id), ("reviews", id_of(session_id)))
    session = access.of_participant(tx, session_id, uid)
    if session["userId"] != uid:
        raise Forbidden("only the user of a session reviews it", code="ONLY_THE_USER")
    if session["status"] != "completed" or session.get("endReason") == "user-no-show":
        raise _not_finished()
    return Subject("session", session_id, session["expertId"], session["expertUid"], uid, session["userName"])


def of_booking(tx: Tx, booking_id: str, uid: str) -> Subject:
    """A booking that has taken place, for its student to review.

    Raises NotFound (BOOKING_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT, STUDENT_ONLY), Conflict (SESSION_NOT_FINISHED).
    """
    booking = booked.of_participant(tx, booking_id, uid)
    if booking["studentId"] != uid:
        raise Forbidden("only the student reviews a session", code="STUDENT_ONLY")
    if booking["status"] != "completed" or booking["statusReason"] == "student-no-show":
        raise _not_finished()
    return Subject("booking", booking_id, booking["mentorId"], booking["mentorUid"], uid, booking["studentName"])


def of_consult(tx: Tx, consult_id: str, uid: str) -> Subject:
    """A consult that has taken place, for its user to review.

    Raises NotFound (CONSULT_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT, ONLY_THE_USER), Conflict (SESSION_NOT_FINISHED).
    """
    consult = consulted.of_participant(tx, consult_id, uid)
    if consult["userId"] != uid:
        raise Forbidden("only the user of a consult reviews it", code="ONLY_THE_USER")
    if consult["status"] != "completed" or consult["startedAt"] is None:
        raise _not_finished()
    return Subject("consult", consult_id, consult["expertId"], consult["expertUid"], uid, consult["userName"])


def of_course(tx: Tx, course_id: str, uid: str) -> Subject:
    """A course that one has begun to learn, for its student to review.

    Raises NotFound (COURSE_NOT_FOUND), Forbidden (NOT_ENROLLED), Conflict (COURSE_NOT_BEGUN).
    """
    course, enrollment = learning.of(tx, course_id, uid)
    if not enrollment["completedLectures"] and not enrollment["quizzes"]:
        raise Conflict("complete a lecture before you review the course", code="COURSE_NOT_BEGUN")
    educator = course["instructor"]["uid"]
    return Subject("course", course_id, None, educator, uid, enrollment["userName"], course["title"])


def create(tx: Tx, subject: Subject, *, rating: int, comment: str, now: datetime) -> Doc:
    """Review it; once. Raises Conflict (ALREADY_REVIEWED)."""
    review_id = subject.review_id
    if tx.get("reviews", review_id) is not None:
        what = "course" if subject.kind == "course" else "session"
        raise Conflict(f"you have reviewed this {what} already", code="ALREADY_REVIEWED")
    review: Doc = {
        "expertId": subject.expert_id,
        "expertUid": subject.expert_uid,
        f"{subject.kind}Id": subject.id,
        "userId": subject.user_id,
        "reviewerName": first_name(subject.user_name),
        "rating": rating,
        "comment": _without_contacts(tx, comment),
        "reply": None,
        "repliedAt": None,
        "replyEditedAt": None,
        "hidden": False,
        "reportCount": 0,
        "createdAt": now,
        "updatedAt": now,
    }
    tx.create(("reviews", review_id), review)
    if subject.kind == "booking":
        booked.reviewed(tx, subject.id, review_id, rating, now=now)
    gamification.award(tx, subject.user_id, "review_left", review_id, now=now)
    about = {"reviewId": review_id, "rating": rating, "comment": review["comment"], f"{subject.kind}Id": subject.id}
    if subject.title is not None:
        about["courseTitle"] = subject.title
    # Without the reviewer's name, which would outlive the account here.
    notifications.notify(
        tx,
        subject.expert_uid,
        "review_received",
        about=(review_id,),
        title="You have a new review",
        body=f"{rating} of 5 stars.",
        data=about,
        now=now,
    )
    return {**review, "id": review_id}


def listed(db: Database, expert_id: str, *, limit: int, cursor: str | None, number: int | None = None) -> Page:
    """An expert's reviews, newest first, without hidden ones. Raises NotFound (EXPERT_NOT_FOUND)."""
    expert = db.get("experts", expert_id)
    if expert is None or expert["mentorStatus"] != "approved":
        raise experts.not_found()
    query = (
        Query(("reviews",), order=(("createdAt", "desc"),))
        .filter("expertId", "==", expert_id)
        .filter("hidden", "==", False)
    )
    return page(db, query, limit=limit, cursor=cursor, number=number)


def of_courses(ctx: Context, course_id: str, *, limit: int, cursor: str | None, number: int | None = None) -> Page:
    """A course's reviews, newest first, without hidden ones. Raises NotFound (COURSE_NOT_FOUND) for one that is not
    published."""
    ctx.run(lambda tx: courses.published(tx, course_id))
    query = (
        Query(("reviews",), order=(("createdAt", "desc"),))
        .filter("courseId", "==", course_id)
        .filter("hidden", "==", False)
    )
    return page(ctx.db, query, limit=limit, cursor=cursor, number=number)


def rated(db: Database, since: datetime) -> tuple[int, int]:
    """How many reviews were written from `since` on, without hidden ones, and the sum of their stars."""
    return Query(("reviews",)).filter("hidden", "==", False).filter("createdAt", ">=", since).tally(db, "rating")


def reported(db: Database, *, hidden: bool, limit: int, cursor: str | None, number: int | None = None) -> Page:
    """What somebody has reported, hidden or still shown, the most reports first: each review with its last `reports`
    ({userId, reason, createdAt}), a query each."""
    query = (
        Query(("reviews",), order=(("reportCount", "desc"), ("createdAt", "desc")))
        .filter("hidden", "==", hidden)
        .filter("reportCount", ">", 0)
    )
    found = page(db, query, limit=limit, cursor=cursor, number=number)
    return Page([{**review, "reports": _reports(db, review["id"])} for review in found.items], found.next_cursor)


def _reports(db: Database, review_id: str) -> list[Doc]:
    return Query(("reviews", review_id, "reports"), order=(("createdAt", "desc"),), limit=REPORTS_SHOWN).run(db)


def reply(tx: Tx, review_id: str, uid: str, text: str, *, now: datetime) -> Doc:
    """The expert's reply; sent again, it takes the place of the first. Raises NotFound, Forbidden."""
    review = _visible(tx, review_id)
    if review["expertUid"] != uid:
        raise Forbidden("only the expert who was reviewed replies", code="ONLY_THE_EXPERT")
    text = _without_contacts(tx, text)
    if review["reply"] == text:
        return review
    first = review["repliedAt"] is None
    changed = {
        "reply": text,
        "repliedAt": now if first else review["repliedAt"],
        "replyEditedAt": None if first else now,
        "updatedAt": now,
    }
    tx.update(("reviews", review_id), changed)
    return {**review, **changed}


def report(tx: Tx, review_id: str, uid: str, reason: str, *, now: datetime) -> Doc:
    """Tell the admins of a review; once a user, a repeat changes nothing. Raises NotFound."""
    path = ("reviews", review_id, "reports", uid)
    tx.prefetch(("reviews", review_id), path)
    review = _visible(tx, review_id)
    found = tx.get(*path)
    if found is None:
        found = {"userId": uid, "expertId": review["expertId"], "reason": reason, "createdAt": now}
        tx.create(path, found)
        tx.update(("reviews", review_id), {"reportCount": firestore.Increment(1)})
    return {**found, "reviewId": review_id}


def moderate(tx: Tx, review_id: str, hidden: bool, *, by: str, reason: str, now: datetime) -> Doc:
    """Hide a review, or show it again; audited. A repeat changes nothing. Raises NotFound."""
    review = tx.get("reviews", review_id)
    if review is None:
        raise NotFound("there is no such review")
    if review["hidden"] != hidden:
        tx.update(("reviews", review_id), {"hidden": hidden, "updatedAt": now})
        audit.write(
            tx,
            actor=by,
            action="review.hide" if hidden else "review.show",
            target=f"reviews/{review_id}",
            before={"hidden": review["hidden"]},
            after={"hidden": hidden},
            reason=reason,
            now=now,
        )
    return {**review, "hidden": hidden, "id": review_id}


def id_of(session_id: str) -> str:
    """The id of a session's review."""
    return ids.digest("review", session_id)


def first_name(name: str | None) -> str:
    """What the public sees of a reviewer. An address given as a name is none."""
    words = (name or "").split()
    return words[0][:40] if words and "@" not in words[0] else ANONYMOUS


def counted_rating(review: dict[str, Any] | None) -> int | None:
    """What a review adds to the expert's average: its rating, or nothing while it is hidden."""
    return None if review is None or review["hidden"] else int(review["rating"])


def _not_finished() -> Conflict:
    return Conflict("the session is not finished", code="SESSION_NOT_FINISHED")


def _without_contacts(tx: Tx, text: str) -> str:
    """Everybody reads it: as in profiles, unless the configuration lets addresses and numbers be."""
    return text if platform_config(tx.db).maskContacts == "nowhere" else masked(text)


def _visible(tx: Tx, review_id: str) -> Doc:
    review = tx.get("reviews", review_id)
    if review is None or review["hidden"]:
        raise NotFound("there is no such review")
    return {**review, "id": review_id}
