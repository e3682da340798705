"""liveSessions/{id}: {title, description, category, host: {id (the expert's), uid, name, imageUrl}, courseId and
courseTitle (None, unless it is of a course), scheduledAt, durationMins, endsAt, status: scheduled | live | ended |
cancelled, isOpen, maxParticipants, participantCount (places taken, the host not counted), hostPresent, hostAbsentSince,
startedAt, endedAt, endReason, cancellationReason, recordingUrl (None of a course's), attendedCount (once it has ended),
moves (how often it was put to another time), remindersAt, nextActionAt, createdAt, updatedAt}, public. In
subcollections that no client reads:

private/call: {room}, the name of its room, and of a course's class recordingUrl, which is for its students.
participants/{uid}: who has a place, and the host once they have come: {uid, sessionId, name, role: host | learner,
sessionAt (its time, to list by), registeredAt, attended, present, via: page | socket | None, intervals, firstJoinedAt,
lastSeenAt}.
messages/{id}: {senderId, senderName, role, message, kind: message | question, createdAt}.
"""

from datetime import datetime
from typing import Any

from konnect.errors import NotFound
from konnect.store import Database, Doc, Page, Query, Tx, page

COLLECTION = "liveSessions"
SWEEP_LIMIT = 200


def path(session_id: str) -> tuple[str, ...]:
    return (COLLECTION, session_id)


def call_path(session_id: str) -> tuple[str, ...]:
    return (COLLECTION, session_id, "private", "call")


def participant_path(session_id: str, uid: str) -> tuple[str, ...]:
    return (COLLECTION, session_id, "participants", uid)


def messages(session_id: str) -> tuple[str, ...]:
    return (COLLECTION, session_id, "messages")


def room(session_id: str) -> str:
    """Its sockets', and what presence knows it by (sessions.attendance.ATTENDED)."""
    return f"live:{session_id}"


def find(tx: Tx, session_id: str) -> Doc | None:
    """Read without a lock, since a whole class may come at once: a change of it holds if it is still as it was read."""
    tx.peek(path(session_id))
    found = tx.get(*path(session_id))
    return None if found is None else {**found, "id": session_id}


def get(tx: Tx, session_id: str) -> Doc:
    """Raises NotFound (LIVE_SESSION_NOT_FOUND)."""
    found = find(tx, session_id)
    if found is None:
        raise not_found()
    return found


def participant(tx: Tx, session_id: str, uid: str) -> Doc | None:
    return tx.get(*participant_path(session_id, uid))


def update(tx: Tx, session_id: str, *, now: datetime, **fields: Any) -> None:
    tx.update(path(session_id), {**fields, "updatedAt": now})


def listed(
    db: Database,
    *,
    statuses: tuple[str, ...],
    newest_first: bool,
    category: str | None,
    course_id: str | None,
    host_id: str | None,
    limit: int,
    cursor: str | None,
    number: int | None,
) -> Page:
    """Everybody's, by their time."""
    query = Query((COLLECTION,), order=(("scheduledAt", "desc" if newest_first else "asc"),))
    query = query.filter("status", "in", list(statuses))
    for field, value in (("category", category), ("courseId", course_id), ("host.id", host_id)):
        if value is not None:
            query = query.filter(field, "==", value)
    return page(db, query, limit=limit, cursor=cursor, number=number)


def hosted(db: Database, uid: str, *, limit: int, cursor: str | None = None, number: int | None = None) -> Page:
    """Somebody's own classes in every status, the latest first."""
    query = Query((COLLECTION,), order=(("scheduledAt", "desc"),)).filter("host.uid", "==", uid)
    return page(db, query, limit=limit, cursor=cursor, number=number)


def places_of(
    db: Database,
    uid: str,
    *,
    since: datetime | None = None,
    limit: int,
    cursor: str | None = None,
    number: int | None = None,
) -> Page:
    """The places that somebody has taken in classes (of `since` and later), those of the latest classes first."""
    query = Query(("participants",), order=(("sessionAt", "desc"),), group=True).filter("uid", "==", uid)
    query = query.filter("role", "==", "learner")
    if since is not None:
        query = query.filter("sessionAt", ">=", since)
    return page(db, query, limit=limit, cursor=cursor, number=number)


def participants(db: Database, session_id: str, *, limit: int, cursor: str | None) -> Page:
    """In the order in which they have come for a place."""
    query = Query((COLLECTION, session_id, "participants"), order=(("registeredAt", "asc"),))
    return page(db, query, limit=limit, cursor=cursor)


def present(db: Database, session_id: str, *, limit: int) -> list[Doc]:
    """Who is in the room, in no order."""
    return Query((COLLECTION, session_id, "participants"), limit=limit).filter("present", "==", True).run(db)


def count_attended(db: Database, session_id: str) -> int:
    """How many learners have come."""
    query = Query((COLLECTION, session_id, "participants")).filter("role", "==", "learner")
    return query.filter("attended", "==", True).count(db)


def open_of(uid: str, *, limit: int) -> Query:
    """Somebody's own classes that are not over."""
    return Query((COLLECTION,), limit=limit).filter("host.uid", "==", uid).filter("isOpen", "==", True)


def open_of_course(db: Database, course_id: str, *, limit: int, cursor: str | None) -> Page:
    """A course's classes that are not over."""
    query = Query((COLLECTION,), order=(("scheduledAt", "asc"),)).filter("status", "in", ["scheduled", "live"])
    return page(db, query.filter("courseId", "==", course_id), limit=limit, cursor=cursor)


def many(db: Database, session_ids: list[str]) -> list[Doc]:
    """Those of them that are there, in their order."""
    found = db.get_many(path(session_id) for session_id in session_ids)
    docs = {key[-1]: doc for key, doc in found.items() if doc is not None}
    return [{**docs[one], "id": one} for one in session_ids if one in docs]


def overdue(db: Database, before: datetime, cursor: str | None = None) -> Page:
    """Classes whose next action should have happened, the longest overdue first."""
    query = Query((COLLECTION,), (("nextActionAt", "<=", before),), (("nextActionAt", "asc"),))
    return page(db, query, limit=SWEEP_LIMIT, cursor=cursor)


def not_found() -> NotFound:
    return NotFound("there is no such live session", code="LIVE_SESSION_NOT_FOUND")
