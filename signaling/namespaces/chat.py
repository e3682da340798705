"""Namespace "/chat": conversations, of bookings as of sessions. What others do there comes by signaling/twins.py."""

from typing import Any

from konnect.messaging import conversations
from konnect.messaging import service as messaging
from signaling import resync, twins
from signaling.auth import Connection
from signaling.payloads import chat as payloads

from .base import Namespace, Services, event

Ack = dict[str, Any]


class ChatNamespace(Namespace):
    makes_present = False

    def __init__(self, services: Services) -> None:
        super().__init__(services, conversations.NAMESPACE)

    @event("join_conversation", payloads.JoinConversation)
    async def join_conversation(self, connection: Connection, payload: payloads.JoinConversation) -> Ack:
        """Who takes part is told of everything, joined or not: this says whether one does, and what one has missed."""
        of = await self.services.memberships.get(payload.conversation_id)
        of.check_participant(connection.uid)

        def work() -> Ack:
            unread = conversations.unread_of(self.ctx.db, of.chat_id, connection.uid)
            ack: Ack = {"conversationId": of.chat_id, "unreadCount": unread}
            if payload.wants_replay:
                found = resync.missed(self.ctx.db, of, connection.uid, payload.seen)
                ack["missed"] = [twins.message(messaging.event(one)) for one in found]
            return ack

        joined: Ack = await self.services.call(work)
        return joined

    @event("send_message", payloads.SendMessage)
    async def send_message(self, connection: Connection, payload: payloads.SendMessage) -> Ack:
        of = await self.services.memberships.get(payload.conversation_id)
        sent = await self.services.sender.send_written(of, connection.uid, payload.content, payload)
        return {"message": twins.message(messaging.event(sent))}

    @event("mark_read", payloads.MarkRead, quiet=True)
    async def mark_read(self, connection: Connection, payload: payloads.MarkRead) -> Ack:
        connection.hints.take()
        of = await self.services.memberships.get(payload.conversation_id)
        stored = await self.services.receipts.mark(of, connection.uid, payload.message_id)
        ack: Ack = {"conversationId": of.chat_id}
        return ack if stored is None else {**ack, "messageId": stored.message_id, "unreadCount": stored.unread}

    @event("typing_start", payloads.Conversation, quiet=True)
    async def typing_start(self, connection: Connection, payload: payloads.Conversation) -> Ack:
        return await self._typing(connection, payload, is_typing=True)

    @event("typing_stop", payloads.Conversation, quiet=True)
    async def typing_stop(self, connection: Connection, payload: payloads.Conversation) -> Ack:
        return await self._typing(connection, payload, is_typing=False)

    async def _typing(self, connection: Connection, payload: payloads.Conversation, *, is_typing: bool) -> Ack:
        connection.hints.take()
        of = await self.services.memberships.get(payload.conversation_id)
        self.services.tell_typing(of, connection.uid, is_typing=is_typing)
        return {"conversationId": of.chat_id}
