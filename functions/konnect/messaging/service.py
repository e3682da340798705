"""Chat messages: sessions/{id}/messages/{id}, readable by the two participants.

Order is the commit's time, then the id. A message that a client sends again under the same `client_id` is stored once.
"""

from dataclasses import dataclass
from datetime import datetime

from konnect import ids
from konnect.errors import BadRequest, Conflict, Forbidden, NotFound
from konnect.store import Database, Doc, Query
from konnect.store.database import SERVER_TIME

MAX_LENGTH = 5_000
REPLAY_LIMIT = 200


@dataclass(frozen=True)
class Membership:
    """Who takes part in a session, and whether it goes on."""

    session_id: str
    user_id: str
    expert_uid: str
    active: bool

    def check(self, uid: str) -> None:
        """Raises Forbidden (NOT_A_PARTICIPANT), Conflict (SESSION_ENDED)."""
        if uid not in {self.user_id, self.expert_uid}:
            raise Forbidden("you are not in this session", code="NOT_A_PARTICIPANT")
        if not self.active:
            raise Conflict("the session has ended", code="SESSION_ENDED")

    def other(self, uid: str) -> str:
        """The participant who is not `uid`."""
        return self.expert_uid if uid == self.user_id else self.user_id


@dataclass(frozen=True)
class Message:
    id: str
    chat_id: str
    sender_id: str
    message: str
    created_at: datetime


def membership(db: Database, session_id: str) -> Membership:
    """Raises NotFound (SESSION_NOT_FOUND)."""
    session = db.get("sessions", session_id) if ids.valid(session_id) else None
    if session is None:
        raise NotFound("there is no such session", code="SESSION_NOT_FOUND")
    return Membership(session_id, session["userId"], session["expertUid"], session["status"] == "in_progress")


def send(db: Database, of: Membership, sender_id: str, text: str, *, client_id: str | None = None) -> Message:
    """Store a message of a participant in a running session.

    Raises BadRequest (empty, or over MAX_LENGTH characters: MESSAGE_TOO_LONG), Forbidden, Conflict (SESSION_ENDED).
    """
    of.check(sender_id)
    if not text.strip():
        raise BadRequest.field("message", "must not be empty")
    if len(text) > MAX_LENGTH:
        raise BadRequest.field("message", f"must have at most {MAX_LENGTH} characters", code="MESSAGE_TOO_LONG")
    message_id = ids.digest(of.session_id, sender_id, client_id) if client_id else ids.new()
    path = ("sessions", of.session_id, "messages", message_id)
    doc: Doc = {"senderId": sender_id, "message": text, "type": "text", "createdAt": SERVER_TIME}
    try:
        created_at = db.create(path, doc)
    except Conflict:
        stored = db.get(*path)
        if stored is None:
            raise
        return Message(message_id, of.session_id, sender_id, stored["message"], stored["createdAt"])
    return Message(message_id, of.session_id, sender_id, text, created_at)


def after(db: Database, of: Membership, reader_id: str, last_message_id: str | None) -> list[Message]:
    """What came after a message, in order, at most REPLAY_LIMIT: for a client that was away. None: the latest.

    Raises Forbidden for one who is not in the session, NotFound for a message that is not there.
    """
    if reader_id not in {of.user_id, of.expert_uid}:
        raise Forbidden("you are not in this session", code="NOT_A_PARTICIPANT")
    messages = ("sessions", of.session_id, "messages")
    if last_message_id is None:
        newest = Query(messages, order=(("createdAt", "desc"), ("__name__", "desc")), limit=REPLAY_LIMIT).run(db)
        return [_message(of, doc) for doc in reversed(newest)]
    last = db.get(*messages, last_message_id) if ids.valid(last_message_id) else None
    if last is None:
        raise NotFound("there is no such message", code="MESSAGE_NOT_FOUND")
    found = (
        Query(messages, order=(("createdAt", "asc"), ("__name__", "asc")), limit=REPLAY_LIMIT)
        .filter("createdAt", ">=", last["createdAt"])
        .run(db)
    )
    return [_message(of, doc) for doc in found if (doc["createdAt"], doc["id"]) > (last["createdAt"], last_message_id)]


def _message(of: Membership, doc: Doc) -> Message:
    return Message(doc["id"], of.session_id, doc["senderId"], doc["message"], doc["createdAt"])
