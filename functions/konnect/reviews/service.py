"""reviews/{id}: one a session, its id made of the session's (which the public list must not show). No client reads the
documents: the API shows what is public of them.

{expertId, expertUid, sessionId, userId, reviewerName, rating, comment, reply, repliedAt, replyEditedAt, hidden,
reportCount, createdAt, updatedAt}; reviews/{id}/reports/{uid}: who reported it and why; reviews/{id}/private/counted:
the rating that the expert's average has of it (triggers.py).
"""

from datetime import datetime
from typing import Any

from google.cloud import firestore

from konnect import audit, ids
from konnect.errors import Conflict, Forbidden, NotFound
from konnect.experts import service as experts
from konnect.notifications import service as notifications
from konnect.sessions import access
from konnect.store import Database, Doc, Page, Query, Tx, numbered, page

ANONYMOUS = "User"
REPORTS_SHOWN = 10


def create(tx: Tx, session_id: str, uid: str, *, rating: int, comment: str, now: datetime) -> Doc:
    """Review a finished session, as the user of it; once.

    Raises NotFound (SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT, ONLY_THE_USER), Conflict (SESSION_NOT_FINISHED,
    ALREADY_REVIEWED).
    """
    review_id = id_of(session_id)
    tx.prefetch(("sessions", session_id), ("reviews", review_id))
    session = access.of_participant(tx, session_id, uid)
    if session["userId"] != uid:
        raise Forbidden("only the user of a session reviews it", code="ONLY_THE_USER")
    if session["status"] != "completed" or session.get("endReason") == "user-no-show":
        raise Conflict("the session is not finished", code="SESSION_NOT_FINISHED")
    if tx.get("reviews", review_id) is not None:
        raise Conflict("you have reviewed this session already", code="ALREADY_REVIEWED")
    review: Doc = {
        "expertId": session["expertId"],
        "expertUid": session["expertUid"],
        "sessionId": session_id,
        "userId": uid,
        "reviewerName": first_name(session["userName"]),
        "rating": rating,
        "comment": comment,
        "reply": None,
        "repliedAt": None,
        "replyEditedAt": None,
        "hidden": False,
        "reportCount": 0,
        "createdAt": now,
        "updatedAt": now,
    }
    tx.create(("reviews", review_id), review)
    # Without the reviewer's name, which would outlive the account here.
    notifications.notify(
        tx,
        session["expertUid"],
        "review_received",
        about=(review_id,),
        title="You have a new review",
        body=f"{rating} of 5 stars.",
        data={"reviewId": review_id, "rating": rating, "comment": comment},
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
    return _page(db, query, limit, cursor, number)


def reported(db: Database, *, hidden: bool, limit: int, cursor: str | None, number: int | None = None) -> Page:
    """What somebody has reported, hidden or still shown, the most reports first: each review with its last `reports`
    ({userId, reason, createdAt}), a query each."""
    query = (
        Query(("reviews",), order=(("reportCount", "desc"), ("createdAt", "desc")))
        .filter("hidden", "==", hidden)
        .filter("reportCount", ">", 0)
    )
    found = _page(db, query, limit, cursor, number)
    return Page([{**review, "reports": _reports(db, review["id"])} for review in found.items], found.next_cursor)


def _page(db: Database, query: Query, limit: int, cursor: str | None, number: int | None) -> Page:
    if number is not None and cursor is None:
        return numbered(db, query, number=number, limit=limit)
    return page(db, query, limit=limit, cursor=cursor)


def _reports(db: Database, review_id: str) -> list[Doc]:
    return Query(("reviews", review_id, "reports"), order=(("createdAt", "desc"),), limit=REPORTS_SHOWN).run(db)


def reply(tx: Tx, review_id: str, uid: str, text: str, *, now: datetime) -> Doc:
    """The expert's reply; sent again, it takes the place of the first. Raises NotFound, Forbidden."""
    review = _visible(tx, review_id)
    if review["expertUid"] != uid:
        raise Forbidden("only the expert who was reviewed replies", code="ONLY_THE_EXPERT")
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


def _visible(tx: Tx, review_id: str) -> Doc:
    review = tx.get("reviews", review_id)
    if review is None or review["hidden"]:
        raise NotFound("there is no such review")
    return {**review, "id": review_id}
