"""One message, as it is stored, as it is told, as it is shown.

{senderId, message, type: text|code|file|image, attachment: null | {id, fileName, contentType, size, url}, codeBlock:
null | {language, code}, replyTo: null | {id, senderId, preview}, reactions: [{emoji, userId}], editedAt, createdAt}.
Order is the commit's time, then the id, which begins with its conversation's.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from konnect import clock, ids, text
from konnect.errors import BadRequest, NotFound
from konnect.store import Database, Doc

from .membership import Membership

MAX_LENGTH = 5_000
MAX_CODE_LENGTH = 20_000
PREVIEW_LENGTH = 120


@dataclass(frozen=True)
class Message:
    id: str
    chat_id: str
    sender_id: str
    message: str
    type: str
    attachment: Doc | None
    created_at: datetime
    code_block: Doc | None = None
    reply_to: Doc | None = None
    reactions: tuple[Doc, ...] = ()
    edited_at: datetime | None = None
    unread: int | None = field(default=None, compare=False)
    """How many the reader has not read, with it: known to whoever has just stored it."""


def of_doc(chat_id: str, doc: Doc) -> Message:
    """From a document with its `id`."""
    return Message(
        doc["id"],
        chat_id,
        doc["senderId"],
        doc["message"],
        doc["type"],
        doc.get("attachment"),
        doc["createdAt"],
        doc.get("codeBlock"),
        doc.get("replyTo"),
        tuple(doc.get("reactions", ())),
        doc.get("editedAt"),
    )


def wire(message: Message) -> dict[str, Any]:
    """A message as events carry it."""
    return {
        "id": message.id,
        "chatId": message.chat_id,
        "message": message.message,
        "type": message.type,
        "attachment": message.attachment,
        "codeBlock": message.code_block,
        "replyTo": message.reply_to,
        "reactions": list(message.reactions),
        "isEdited": message.edited_at is not None,
        "editedAt": clock.iso(message.edited_at) if message.edited_at else None,
        "senderId": message.sender_id,
        "timestamp": clock.iso(message.created_at),
    }


def of_consult(message: Message) -> dict[str, Any]:
    """A message as a consult's clients know it. The body of a file is the address that it is read by."""
    return {
        "id": message.id,
        "senderId": message.sender_id,
        "type": message.type,
        "body": message.attachment["url"] if message.attachment else message.message,
        "createdAt": clock.iso(message.created_at),
    }


def of_room(message: Message) -> dict[str, Any]:
    """A message as SkillVerse's clients know it, with an id of the event's own, since what comes again by one is
    dropped."""
    shown = wire(message)
    return {
        "eventId": f"{message.id}.room",
        **shown,
        "roomId": message.chat_id,
        "content": shown["message"],
        "createdAt": shown["timestamp"],
    }


def preview(doc: Doc) -> str:
    """Its beginning on one line: of the text, or the code, or the file's name."""
    code, attachment = doc.get("codeBlock"), doc.get("attachment")
    whole = doc["message"] or (code["code"] if code else "") or (attachment["fileName"] if attachment else "")
    return text.shortened(whole, PREVIEW_LENGTH)


def kind(attachment: Doc | None, code_block: Doc | None) -> str:
    """Its type: what it has, whatever a client says."""
    if attachment is not None:
        return "image" if attachment["contentType"].startswith("image/") else "file"
    return "text" if code_block is None else "code"


def cleaned(value: str, *, name: str = "message", limit: int = MAX_LENGTH, may_be_empty: bool) -> str:
    """A text as it is stored. Raises BadRequest: no half characters; nothing to see in it; MESSAGE_TOO_LONG."""
    try:
        value = text.clean(value)
    except ValueError as error:
        raise BadRequest.field(name, str(error)) from error
    if text.is_blank(value):
        if not may_be_empty:
            raise BadRequest.field(name, "must not be empty")
        return ""
    if len(value) > limit:
        raise BadRequest.field(name, f"must have at most {limit} characters", code="MESSAGE_TOO_LONG")
    return value


def cleaned_code(block: Doc | None) -> Doc | None:
    """A piece of code, {language, code}, as it is stored. Raises BadRequest (codeBlock.code)."""
    if block is None:
        return None
    code = cleaned(block["code"], name="codeBlock.code", limit=MAX_CODE_LENGTH, may_be_empty=False)
    return {"language": block["language"], "code": code}


def find(db: Database, of: Membership, message_id: str) -> Message:
    """Raises NotFound (MESSAGE_NOT_FOUND)."""
    doc = db.get(*of.messages, message_id) if ids.valid(message_id) else None
    if doc is None:
        raise not_found()
    return of_doc(of.chat_id, {**doc, "id": message_id})


def chat_of(message_id: str) -> str:
    """The conversation that a message's id names. Raises NotFound (MESSAGE_NOT_FOUND)."""
    chat_id = message_id.rpartition(".")[0]
    if not ids.valid(chat_id):
        raise not_found()
    return chat_id


def not_found() -> NotFound:
    return NotFound("there is no such message", code="MESSAGE_NOT_FOUND")
