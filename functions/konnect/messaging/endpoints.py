"""/api/conversations and /api/messages: chats, by the id of their session or booking."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from konnect.config import Settings
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing, ListQuery
from konnect.presence import service as presence
from konnect.store import Doc

from . import archive, changes, membership, message, service
from .limit import SendingLimit
from .membership import Membership
from .schemas import (
    Archiving,
    Conversation,
    ConversationMessage,
    ConversationQuery,
    MessageEdit,
    MessageReaction,
    NewMessage,
    Pin,
    ReadReceipt,
)

router = Router("Conversations")


@router.get("/api/conversations", response=Listing[Conversation])
def list_conversations(call: Call, query: ConversationQuery) -> dict[str, Any]:
    """List the caller's conversations, on either side, the last one written in first.

    There is one a session, from its first message on, and one a booking, from its confirmation on; both stay when it
    has ended. Put away ones are listed apart; a page may have fewer than `limit` before the last.
    """
    uid, db = call.user.uid, call.ctx.db
    put_away = archive.of_user(db, uid)
    found = archive.listed(db, uid, put_away, archived=query.archived, limit=query.limit, cursor=query.cursor)
    return {"items": _views(call, found.items, archived=query.archived), "nextCursor": found.next_cursor}


@router.get("/api/conversations/<conversation_id>/messages", response=Listing[ConversationMessage], errors=(403, 404))
def list_messages(call: Call, conversation_id: str, query: ListQuery) -> dict[str, Any]:
    """List a conversation's messages, newest first, also after its session has ended."""
    found = service.history(call.ctx.db, conversation_id, call.user.uid, limit=query.limit, cursor=query.cursor)
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.post(
    "/api/conversations/<conversation_id>/messages",
    response=ConversationMessage,
    status=201,
    errors=(403, 404, 409),
    limit="messages",
)
def send_message(call: Call, conversation_id: str, body: NewMessage) -> dict[str, Any]:
    """Send a message, without a socket. Both sides get `new-message`; at most 30 a minute, sockets included.

    A session that has ended takes none (409 SESSION_ENDED); a booking's conversation always does. Mail addresses and
    phone numbers are replaced there before anything is stored.
    """
    return send(call, membership.find(call.ctx.db, conversation_id), body)


def send(call: Call, of: Membership, body: NewMessage) -> dict[str, Any]:
    """Store a message of the caller's and tell both of it; as ConversationMessage has it."""
    sent = service.send(
        call.ctx,
        of,
        call.user.uid,
        body.message,
        attachment_id=body.attachment_id,
        code_block=body.code_block.model_dump() if body.code_block else None,
        reply_to=body.reply_to,
        client_id=body.client_message_id,
        limit=_limit(call.ctx.settings),
    )
    call.ctx.emit(service.news(of, sent))
    return service.shown(call.ctx.db, of, sent)


@router.put("/api/conversations/<conversation_id>/archive", response=Conversation, errors=(403, 404))
def archive_conversation(call: Call, conversation_id: str, body: Archiving) -> dict[str, Any]:
    """Put a conversation away, or bring it back. For the caller alone; the next message brings it back by itself."""
    of = membership.find(call.ctx.db, conversation_id)
    found = archive.change(call.ctx, of, call.user.uid, archived=body.archived)
    [view] = _views(call, [found], archived=body.archived)
    return view


@router.put("/api/conversations/<conversation_id>/pin", response=Conversation, errors=(403, 404))
def pin_message(call: Call, conversation_id: str, body: Pin) -> dict[str, Any]:
    """Pin a message for both sides, one a conversation, or none. Both get `chat-updated`."""
    of = membership.find(call.ctx.db, conversation_id)
    found = changes.pin(call.ctx, of, call.user.uid, body.message_id, now=call.now)
    archived = archive.holds(archive.of_user(call.ctx.db, call.user.uid), found)
    [view] = _views(call, [found], archived=archived)
    return view


@router.put("/api/messages/<message_id>/read", response=ReadReceipt, errors=(403, 404))
def read_message(call: Call, message_id: str) -> dict[str, Any]:
    """Mark a message and all before it as read. The mark never goes back; the other side gets `chat-read`."""
    return vars(service.read(call.ctx, _of(call, message_id), call.user.uid, [message_id], now=call.now))


@router.patch("/api/messages/<message_id>", response=ConversationMessage, errors=(403, 404, 409))
def edit_message(call: Call, message_id: str, body: MessageEdit) -> dict[str, Any]:
    """Change one's own message, for 15 minutes. What was there before is not kept; both sides get `message-updated`."""
    of, given = _of(call, message_id), body.model_fields_set
    edited = changes.edit(
        call.ctx,
        of,
        call.user.uid,
        message_id,
        text=changes.KEEP if body.message is None else body.message,
        code_block=(body.code_block and body.code_block.model_dump()) if "code_block" in given else changes.KEEP,
        now=call.now,
    )
    return service.shown(call.ctx.db, of, edited)


@router.post("/api/messages/<message_id>/reactions", response=ConversationMessage, errors=(403, 404, 409))
def react_to_message(call: Call, message_id: str, body: MessageReaction) -> dict[str, Any]:
    """React to a message with an emoji, or take it back. Both sides get `message-updated`."""
    of = _of(call, message_id)
    changed = changes.react(call.ctx, of, call.user.uid, message_id, body.emoji, on=body.on)
    return service.shown(call.ctx.db, of, changed)


def _of(call: Call, message_id: str) -> Membership:
    return membership.find(call.ctx.db, message.chat_of(message_id))


def _views(call: Call, items: Sequence[Doc], *, archived: bool) -> list[dict[str, Any]]:
    uid = call.user.uid
    others = {item["id"]: next(one for one in item["participants"] if one != uid) for item in items}
    online = presence.present(call.ctx.db, others.values())
    views = []
    for item in items:
        other = others[item["id"]]
        shown = {"id": other, "name": item["names"][other], "online": other in online}
        views.append({**item, "other": shown, "isArchived": archived, "unreadCount": item["unread"].get(uid, 0)})
    return views


@lru_cache(maxsize=4)
def _limit(settings: Settings) -> SendingLimit:
    """A look for each: how many requests an instance of this function gets of a user is chance."""
    return SendingLimit.of(settings, unlooked_share=0)
