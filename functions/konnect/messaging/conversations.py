"""conversations/{id}: what a list of chats shows of each: one a session or consult and under its id, from the first
message on; one a booking and under its id, from its confirmation on, and so one an exchange, from its acceptance on
(`open_between`).

{type: session|consult|mentor|exchange, participants: [user, expert], names: {uid: name}, expertId (null of an
exchange's), bookingId (of a mentor's), exchangeId (of an exchange's), lastMessage: null | {id, senderId, preview, type,
at}, unread: {uid: n}, readUpTo: {uid: {messageId, at, readAt}}, pinnedMessage: null | {id, senderId, preview, pinnedBy,
pinnedAt}, shard, updatedAt}, readable by the participants. updatedAt is the last message's time, before it the
beginning's; the shard spreads the index by it.

A message and what its conversation shows of it are one commit, without a read: `unread` of the other side grows by one
exactly when the message comes to be. The document is written as often as the two are allowed to write to each other,
which is about once a second at the most. A mark is set in a transaction on the same document, so that no message comes
in between, and counts anew what lies after it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.cloud import firestore

from konnect import clock
from konnect.errors import NotFound
from konnect.ledger.service import shard_of
from konnect.realtime import user_room
from konnect.store import Database, Doc, Page, Query, Tx, page
from konnect.store.database import SERVER_TIME

from . import message as messages
from .membership import ConversationType, Membership

_ABOUT = {"mentor": "bookingId", "exchange": "exchangeId"}
"""The field that names what a conversation is about, which has its id."""
NAMESPACE = "/chat"
"""Of the sockets that have conversations alone."""
OLDEST_FIRST = (("createdAt", "asc"), ("__name__", "asc"))

Place = tuple[datetime, str]
"""Of a message in its conversation: the commit's time, then the id."""


@dataclass(frozen=True)
class Mark:
    """Up to which message somebody has read, and when they came to it."""

    place: Place
    read_at: datetime


@dataclass(frozen=True)
class Receipt:
    """A reader's mark, and how many messages of the other side lie after it."""

    chat_id: str
    message_id: str
    read_at: datetime
    unread: int


def with_message(of: Membership, message_id: str, message: Doc) -> dict[tuple[str, ...], Doc]:
    """What a new message writes of its conversation, to be merged in the message's commit."""
    sender, reader = message["senderId"], of.other(message["senderId"])
    last = {
        "id": message_id,
        "senderId": sender,
        "preview": messages.preview(message),
        "type": message["type"],
        "at": SERVER_TIME,
    }
    unread = {reader: firestore.Increment(1), sender: firestore.Increment(0)}
    # A session's or consult's first message makes its conversation; a mentor's is there, and says itself who is who.
    identity = _identity(of) if of.type != "mentor" else {}
    return {_path(of): {**identity, "lastMessage": last, "unread": unread, "updatedAt": SERVER_TIME}}


def open_between(
    tx: Tx,
    chat_id: str,
    *,
    type: ConversationType,
    participants: tuple[str, str],
    names: tuple[str, str],
    expert_id: str | None,
    now: datetime,
) -> bool:
    """Open a conversation of a user and an expert (in this order), or of two members, about something, under its id.
    Returns whether it is a new one: the same again changes nothing, nor does it once a message has made it."""
    of = Membership(chat_id, *participants, expert_id, names, active=True, type=type)
    if tx.get(*_path(of)) is not None:
        return False
    unread = dict.fromkeys(participants, 0)
    tx.create(_path(of), {**_identity(of), "lastMessage": None, "unread": unread, "updatedAt": now})
    return True


def mark_read(tx: Tx, of: Membership, uid: str, place: Place, *, now: datetime) -> Receipt:
    """Move the mark of `uid` to a message, if that is forward, and tell the other side."""
    conversation = tx.get(*_path(of))
    mark = marks(conversation).get(uid)
    if conversation is not None and mark is not None and place <= mark.place:
        return Receipt(of.chat_id, mark.place[1], mark.read_at, conversation["unread"].get(uid, 0))
    unread = tx.count(Query(of.messages, order=OLDEST_FIRST, after=place).filter("senderId", "==", of.other(uid)))
    at, message_id = place
    marked = {"messageId": message_id, "at": at, "readAt": now}
    # A session from before there were conversations has none yet.
    identity = _identity(of) if conversation is None else {}
    tx.merge(_path(of), {**identity, "unread": {uid: unread}, "readUpTo": {uid: marked}})
    seen: dict[str, Any] = {
        "chatId": of.chat_id,
        "messageId": message_id,
        "readBy": uid,
        "readAt": clock.iso(now),
    }
    tx.emit(user_room(of.other(uid)), "chat-read", seen)
    # The reader's other devices have a count to correct.
    tx.emit(user_room(uid), "unread_count", {"conversationId": of.chat_id, "count": unread}, namespace=NAMESPACE)
    return Receipt(of.chat_id, message_id, now, unread)


def get(tx: Tx, of: Membership) -> Doc:
    """Raises NotFound (CONVERSATION_NOT_FOUND) for a session in which nothing was said."""
    found = tx.get(*_path(of))
    if found is None:
        raise NotFound("nothing was said in this session", code="CONVERSATION_NOT_FOUND")
    return {**found, "id": of.chat_id}


def marks(conversation: Doc | None) -> dict[str, Mark]:
    """By uid."""
    stored = (conversation or {}).get("readUpTo", {})
    return {uid: Mark((mark["at"], mark["messageId"]), mark["readAt"]) for uid, mark in stored.items()}


def listed(db: Database, uid: str, *, limit: int, cursor: str | None) -> Page:
    """The conversations of `uid`, that with the newest message first."""
    query = Query(("conversations",), order=(("updatedAt", "desc"),)).filter("participants", "array_contains", uid)
    return page(db, query, limit=limit, cursor=cursor)


def unread_of(db: Database, chat_id: str, uid: str) -> int:
    """How many messages `uid` has not read."""
    return int((db.get("conversations", chat_id) or {}).get("unread", {}).get(uid, 0))


def _path(of: Membership) -> tuple[str, str]:
    return "conversations", of.chat_id


def _identity(of: Membership) -> Doc:
    names = dict(zip(of.participants, of.names, strict=True))
    about = {_ABOUT[of.type]: of.chat_id} if of.type in _ABOUT else {}
    return {
        **about,
        "type": of.type,
        "participants": list(of.participants),
        "names": names,
        "expertId": of.expert_id,
        "shard": int(shard_of(of.chat_id)),
    }
