"""What is said beside the video: stored, told to the room, and read again by who comes later."""

from datetime import datetime
from typing import Any, Literal

from konnect import clock, ids, text
from konnect.contacts import masked
from konnect.context import Context
from konnect.errors import BadRequest, Conflict, RateLimited
from konnect.platform import platform_config
from konnect.store import Database, Doc, Emit, Page, Query, page
from konnect.store.database import SERVER_TIME

from . import access, policy, repository

Kind = Literal["message", "question"]
MAX_LENGTH = 1_000
REPLAYED = 100
"""So many of the latest whoever comes is given."""
_NEWEST_FIRST = (("createdAt", "desc"), ("__name__", "desc"))


def send(
    ctx: Context, session_id: str, uid: str, message: str, *, kind: Kind, client_id: str | None, now: datetime
) -> dict[str, Any]:
    """Store a message of somebody who is there, and tell the room; returns it as the room is told. One that is sent
    again under the same `client_id` is stored once.

    Raises NotFound (LIVE_SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (SESSION_NOT_OPEN, SESSION_ENDED,
    SESSION_CANCELLED), BadRequest (message), RateLimited.
    """
    sender = _sender(ctx.db, session_id, uid)
    message = _cleaned(message)
    if platform_config(ctx.db).maskContacts == "everywhere":
        message = masked(message)
    message_id = ids.digest("live-message", session_id, uid, client_id) if client_id else ids.new()
    path = (*repository.messages(session_id), message_id)
    stored = ctx.db.get(*path) if client_id else None
    if stored is not None:
        return view(session_id, {**stored, "id": message_id})
    standing = ctx.limiter.take("messages", f"user:{uid}", now)
    if standing.refused:
        raise RateLimited("too many messages; please slow down", retry_after_s=standing.reset_s)
    doc: Doc = {
        "senderId": uid,
        "senderName": sender["name"],
        "role": sender["role"],
        "message": message,
        "kind": kind,
        "createdAt": SERVER_TIME,
    }
    try:
        created = ctx.db.create(path, doc)
    except Conflict:
        # By a call that was on its way at the same time.
        return view(session_id, {**(ctx.db.get(*path) or doc), "id": message_id})
    told = view(session_id, {**doc, "createdAt": created.at, "id": message_id})
    # Its own id is the event's, so that whoever has it already can tell.
    ctx.emit([Emit(repository.room(session_id), "new_session_message", {"eventId": message_id, **told})])
    return told


def latest(db: Database, session_id: str) -> list[dict[str, Any]]:
    """The latest messages, oldest first."""
    found = Query(repository.messages(session_id), order=_NEWEST_FIRST, limit=REPLAYED).run(db)
    return [view(session_id, one) for one in reversed(found)]


def listed(db: Database, session_id: str, *, limit: int, cursor: str | None) -> Page:
    """The newest first."""
    return page(db, Query(repository.messages(session_id), order=_NEWEST_FIRST[:1]), limit=limit, cursor=cursor)


def view(session_id: str, message: Doc) -> dict[str, Any]:
    """On the wire: JSON."""
    return {
        **{name: message[name] for name in ("id", "message", "kind", "senderName", "role")},
        "sessionId": session_id,
        "userId": message["senderId"],
        "createdAt": clock.iso(message["createdAt"]),
    }


def _sender(db: Database, session_id: str, uid: str) -> Doc:
    """Whoever is there as a participant of an open class."""
    of, by = repository.path(session_id), repository.participant_path(session_id, uid)
    found = db.get_many((of, by))
    session, participant = found[of], found[by]
    if session is None:
        raise repository.not_found()
    if participant is None:
        raise access.not_a_participant()
    if session["status"] not in policy.OPEN:
        raise access.closed(session)
    if not participant["present"]:
        raise access.not_open() if not participant["attended"] else access.not_a_participant()
    return participant


def _cleaned(message: str) -> str:
    try:
        message = text.clean(message).strip()
    except ValueError as error:
        raise BadRequest.field("message", str(error)) from error
    if text.is_blank(message):
        raise BadRequest.field("message", "must not be empty")
    if len(message) > MAX_LENGTH:
        raise BadRequest.field("message", f"must have at most {MAX_LENGTH} characters", code="MESSAGE_TOO_LONG")
    return message
