"""Messages: stored in the collection of their conversation (Membership.messages), readable by the two participants.

REST and sockets, of every product, send, edit and read by this one way. One that a client sends again under the same
`client_id`, or with the same attachment, is stored once.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from konnect import ids
from konnect.context import Context
from konnect.errors import BadRequest, Conflict, NotFound, RateLimited
from konnect.realtime import user_room
from konnect.store import Database, Doc, Emit, Page, Query, page
from konnect.store.database import SERVER_TIME
from konnect.uploads import service as uploads

from . import conversations, message
from .limit import SendingLimit
from .masking import Masking
from .membership import Membership, of_documents
from .message import Message

REPLAY_LIMIT = 200
_NEWEST_FIRST = (("createdAt", "desc"), ("__name__", "desc"))


def send(
    ctx: Context,
    of: Membership,
    sender_id: str,
    text: str,
    *,
    attachment_id: str | None = None,
    code_block: Doc | None = None,
    reply_to: str | None = None,
    client_id: str | None = None,
    limit: SendingLimit,
) -> Message:
    """Store a message of a participant, with what the conversation shows of it: a text, a piece of code, a file.

    Raises BadRequest (message: no half characters; nothing to see in it, no code and no file; over MAX_LENGTH
    characters: MESSAGE_TOO_LONG; codeBlock.code; attachmentId: what is wrong with the file; replyTo: not a message of
    this conversation), Forbidden, Conflict (SESSION_ENDED), RateLimited.
    """
    of.check(sender_id)
    masking = Masking(ctx.db, of)
    text = masking.text(message.cleaned(text, may_be_empty=attachment_id is not None or code_block is not None))
    code_block = masking.code(message.cleaned_code(code_block))
    path = (*of.messages, _new_id(of, sender_id, attachment_id, client_id))
    try:
        limit.take(ctx.db, of, sender_id)
    except RateLimited:
        stored = ctx.db.get(*path) if attachment_id or client_id else None
        if stored is None or stored["senderId"] != sender_id:
            raise
        return message.of_doc(of.chat_id, {**stored, "id": path[-1]})
    attachment = masking.file(_attachment(ctx, sender_id, attachment_id, of.chat_id)) if attachment_id else None
    doc: Doc = {
        "senderId": sender_id,
        "message": text,
        "type": message.kind(attachment, code_block),
        "attachment": attachment,
        "codeBlock": code_block,
        "replyTo": _quoted(ctx.db, of, reply_to) if reply_to else None,
        "reactions": [],
        "editedAt": None,
        "createdAt": SERVER_TIME,
    }
    try:
        created = ctx.db.create(path, doc, also=conversations.with_message(of, path[-1], doc))
    except Conflict:
        stored = ctx.db.get(*path)
        if stored is None:
            raise
        return message.of_doc(of.chat_id, {**stored, "id": path[-1]})
    unread = dict(zip(sorted(of.participants), created.sums, strict=True))
    return Message(
        path[-1],
        of.chat_id,
        sender_id,
        text,
        doc["type"],
        attachment,
        created.at,
        code_block,
        doc["replyTo"],
        unread=unread[of.other(sender_id)],
    )


def event(sent: Message) -> dict[str, Any]:
    """A message on the wire (`new-message`). Its own id is the event's, so that whoever has it already can tell."""
    return {"eventId": sent.id, **message.wire(sent)}


def news(of: Membership, sent: Message) -> list[Emit]:
    """What the two are told of a message; the reader also how many are unread by now."""
    data = event(sent)
    counted = {} if sent.unread is None else {"unread": sent.unread}
    told = [
        Emit(user_room(uid), "new-message", data if uid == sent.sender_id else {**data, **counted})
        for uid in of.participants
    ]
    if of.type == "consult":
        # By the name that its clients know; it has an id of its own, since what comes again by one is dropped.
        own = {"eventId": f"{sent.id}.message", "consultId": of.chat_id, "message": message.of_consult(sent)}
        told.append(Emit(user_room(of.other(sent.sender_id)), "message", own))
    if of.type == "exchange":
        # As SkillVerse has it: to both, by its own name.
        told += [Emit(user_room(uid), "receive_message", message.of_room(sent)) for uid in of.participants]
    return told


def after(db: Database, of: Membership, reader_id: str, last_message_id: str | None) -> list[Message]:
    """What came after a message, in order, at most REPLAY_LIMIT: for a client that was away. None: the latest.

    Raises Forbidden for one who is not in the session, NotFound for a message that is not there.
    """
    of.check_participant(reader_id)
    if last_message_id is None:
        newest = Query(of.messages, order=_NEWEST_FIRST, limit=REPLAY_LIMIT).run(db)
        return [message.of_doc(of.chat_id, doc) for doc in reversed(newest)]
    last = message.find(db, of, last_message_id)
    query = Query(of.messages, order=conversations.OLDEST_FIRST, limit=REPLAY_LIMIT)
    found = query.filter("createdAt", ">=", last.created_at).run(db)
    place = last.created_at, last.id
    return [message.of_doc(of.chat_id, doc) for doc in found if (doc["createdAt"], doc["id"]) > place]


def history(db: Database, chat_id: str, uid: str, *, limit: int, cursor: str | None) -> Page:
    """A page of a conversation, newest first, also after its session has ended: each message with `read`, by the one it
    was sent to, and `readAt` (of the last that was read: when).

    Raises NotFound (SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), BadRequest for a cursor of another list.
    """
    paths = ("sessions", chat_id), ("conversations", chat_id)
    found = db.get_many(paths)
    of = of_documents(db, chat_id, found[paths[0]], found[paths[1]])
    of.check_participant(uid)
    marks = conversations.marks(found[paths[1]])
    listed = page(db, Query(of.messages, order=_NEWEST_FIRST[:1]), limit=limit, cursor=cursor)
    return Page([_shown(of, message.of_doc(chat_id, doc), marks) for doc in listed.items], listed.next_cursor)


def shown(db: Database, of: Membership, one: Message) -> Doc:
    """A message as `history` has it."""
    fresh = one.unread is not None
    marks = {} if fresh else conversations.marks(db.get("conversations", of.chat_id))
    return _shown(of, one, marks)


def read(
    ctx: Context, of: Membership, uid: str, message_ids: Iterable[str | None], *, now: datetime
) -> conversations.Receipt:
    """Set the reader's mark at the newest of some messages (None: the newest there is), never back; the other side is
    told (`chat-read`) when it has moved. Also after the session has ended.

    Raises Forbidden (NOT_A_PARTICIPANT), NotFound (MESSAGE_NOT_FOUND) when none of them is there.
    """
    of.check_participant(uid)
    wanted = set(message_ids)
    given = [(*of.messages, one) for one in sorted(one for one in wanted if one and ids.valid(one))]
    places = [(doc["createdAt"], path[-1]) for path, doc in ctx.db.get_many(given).items() if doc] if given else []
    if None in wanted:
        newest = Query(of.messages, order=_NEWEST_FIRST, limit=1).run(ctx.db)
        places += [(doc["createdAt"], doc["id"]) for doc in newest]
    if not places:
        raise message.not_found()
    return ctx.run(lambda tx: conversations.mark_read(tx, of, uid, max(places), now=now))


def _new_id(of: Membership, sender_id: str, attachment_id: str | None, client_id: str | None) -> str:
    """The same for what is sent again. A file makes one message, whatever the client calls it."""
    if attachment_id:
        own = ids.digest(of.chat_id, sender_id, "attachment", attachment_id)
    else:
        own = ids.digest(of.chat_id, sender_id, client_id) if client_id else ids.new()
    return f"{of.chat_id}.{own}"


def _attachment(ctx: Context, uid: str, upload_id: str, chat_id: str) -> Doc:
    try:
        file = uploads.attachment(ctx, uid, upload_id, chat_id)
    except BadRequest as error:
        raise BadRequest.field("attachmentId", error.details[0]["message"], code=error.code) from error
    return {**file, "url": f"/api/uploads/{upload_id}"}


def _quoted(db: Database, of: Membership, message_id: str) -> Doc:
    """What an answer shows of the message that it is to, as it was then."""
    try:
        found = message.find(db, of, message_id)
    except NotFound as error:
        raise BadRequest.field("replyTo", "must be a message of this conversation", code="MESSAGE_NOT_FOUND") from error
    return {"id": message_id, "senderId": found.sender_id, "preview": message.preview(message.wire(found))}


def _shown(of: Membership, one: Message, marks: dict[str, conversations.Mark]) -> Doc:
    mark = marks.get(of.other(one.sender_id))
    place = one.created_at, one.id
    return {
        **message.wire(one),
        "createdAt": one.created_at,
        "read": mark is not None and place <= mark.place,
        "readAt": mark.read_at if mark is not None and place == mark.place else None,
    }
