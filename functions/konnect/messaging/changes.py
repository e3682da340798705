"""What is done to a message that is there: edits, reactions, the pin. Both sides are told, by `message-updated` with
the message as it is now, or by `chat-updated` with what is pinned.

An edit keeps nothing of what was there before, and what was quoted of it stays as it was quoted.
"""

from datetime import datetime, timedelta
from typing import Any

from konnect import clock
from konnect.context import Context
from konnect.errors import BadRequest, Conflict, Forbidden
from konnect.realtime import user_room
from konnect.store import Doc, Tx

from . import conversations, emoji, message
from .masking import Masking
from .membership import Membership
from .message import Message

EDIT_S = 15 * 60.0
MAX_REACTIONS = 10
"""Kinds that one user puts on one message."""
KEEP: Any = object()


def edit(
    ctx: Context, of: Membership, uid: str, message_id: str, *, text: str = KEEP, code_block: Any = KEEP, now: datetime
) -> Message:
    """Change the text or the code of one's own message, within EDIT_S; what is left out stays. The same again changes
    nothing.

    Raises as `service.send` for what is written, NotFound (MESSAGE_NOT_FOUND), Forbidden (NOT_THE_SENDER), Conflict
    (EDIT_TOO_LATE).
    """
    of.check(uid)
    masking = Masking(ctx.db, of)
    until = timedelta(seconds=ctx.settings.seconds(EDIT_S))

    def work(tx: Tx) -> Message:
        stored = _get(tx, of, message_id)
        if stored["senderId"] != uid:
            raise Forbidden("others' messages can't be changed", code="NOT_THE_SENDER")
        if now - stored["createdAt"] > until:
            raise Conflict("a message can be changed for 15 minutes", code="EDIT_TOO_LATE")
        block = stored.get("codeBlock") if code_block is KEEP else masking.code(message.cleaned_code(code_block))
        may_be_empty = block is not None or stored["attachment"] is not None
        whole = stored["message"] if text is KEEP else text
        words = masking.text(message.cleaned(whole, may_be_empty=may_be_empty))
        if (words, block) == (stored["message"], stored.get("codeBlock")):
            return message.of_doc(of.chat_id, stored)
        fields = {
            "message": words,
            "codeBlock": block,
            "type": message.kind(stored["attachment"], block),
            "editedAt": now,
        }
        changed = {**stored, **fields}
        _follow(tx, of, changed)
        tx.update((*of.messages, message_id), fields)
        return _tell(tx, of, changed)

    return ctx.run(work)


def react(ctx: Context, of: Membership, uid: str, message_id: str, symbol: str, *, on: bool | None = None) -> Message:
    """Put a reaction on a message, or take it back (`on` None: whichever it is not). One of each kind a user.

    Raises BadRequest (emoji: not exactly one), Forbidden (NOT_A_PARTICIPANT), NotFound (MESSAGE_NOT_FOUND), Conflict
    (TOO_MANY_REACTIONS).
    """
    of.check_participant(uid)
    kept = emoji.normal(symbol)
    if kept is None:
        raise BadRequest.field("emoji", "must be one emoji")
    own = {"emoji": kept, "userId": uid}

    def work(tx: Tx) -> Message:
        stored = _get(tx, of, message_id)
        before: list[Doc] = stored.get("reactions", [])
        wanted = own not in before if on is None else on
        if wanted == (own in before):
            return message.of_doc(of.chat_id, stored)
        if wanted and sum(one["userId"] == uid for one in before) >= MAX_REACTIONS:
            raise Conflict(f"a message takes {MAX_REACTIONS} reactions of yours", code="TOO_MANY_REACTIONS")
        reactions = [*before, own] if wanted else [one for one in before if one != own]
        tx.update((*of.messages, message_id), {"reactions": reactions})
        return _tell(tx, of, {**stored, "reactions": reactions})

    return ctx.run(work)


def pin(ctx: Context, of: Membership, uid: str, message_id: str | None, *, now: datetime) -> Doc:
    """Pin a message of a conversation in the place of the one before, or none. Returns the conversation.

    Raises Forbidden (NOT_A_PARTICIPANT), NotFound (MESSAGE_NOT_FOUND, CONVERSATION_NOT_FOUND).
    """
    of.check_participant(uid)

    def work(tx: Tx) -> Doc:
        found = conversations.get(tx, of)
        before = found.get("pinnedMessage")
        if (before["id"] if before else None) == message_id:
            return found
        pinned = None
        if message_id is not None:
            stored = _get(tx, of, message_id)
            pinned = {
                "id": message_id,
                "senderId": stored["senderId"],
                "preview": message.preview(stored),
                "pinnedBy": uid,
                "pinnedAt": now,
            }
        tx.update(("conversations", of.chat_id), {"pinnedMessage": pinned})
        shown = {**pinned, "pinnedAt": clock.iso(now)} if pinned else None
        for one in of.participants:
            tx.emit(user_room(one), "chat-updated", {"chatId": of.chat_id, "pinnedMessage": shown})
        return {**found, "pinnedMessage": pinned}

    return ctx.run(work)


def _get(tx: Tx, of: Membership, message_id: str) -> Doc:
    if message.chat_of(message_id) != of.chat_id:
        raise message.not_found()
    stored = tx.get(*of.messages, message_id)
    if stored is None:
        raise message.not_found()
    return {**stored, "id": message_id}


def _follow(tx: Tx, of: Membership, changed: Doc) -> None:
    """What the conversation shows of the message."""
    path = ("conversations", of.chat_id)
    found = tx.get(*path) or {}
    shown = {"preview": message.preview(changed), "type": changed["type"]}
    last, pinned = found.get("lastMessage"), found.get("pinnedMessage")
    fields = {}
    if last is not None and last["id"] == changed["id"]:
        fields["lastMessage"] = {**last, **shown}
    if pinned is not None and pinned["id"] == changed["id"]:
        fields["pinnedMessage"] = {**pinned, "preview": shown["preview"]}
    if fields:
        tx.update(path, fields)


def _tell(tx: Tx, of: Membership, changed: Doc) -> Message:
    now_so = message.of_doc(of.chat_id, changed)
    for uid in of.participants:
        tx.emit(user_room(uid), "message-updated", {"chatId": of.chat_id, "message": message.wire(now_so)})
    return now_so
