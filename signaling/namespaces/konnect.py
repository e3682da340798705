"""Namespace "/": Konnect's events, beside those of consults and of SkillVerse. Each handler asks a konnect service and
passes on what it says."""

from collections.abc import Callable
from functools import partial
from typing import Any

from konnect import clock, contacts, ids
from konnect.experts import service as experts
from konnect.messaging import membership
from konnect.messaging import service as messaging
from konnect.platform import platform_config
from konnect.realtime import user_room, with_event_id
from konnect.sessions import attendance, offers, queue, requests, service
from konnect.sessions.metering import Pace
from konnect.store import Doc, Emit
from signaling import resync
from signaling.auth import Connection, renewed
from signaling.payloads import konnect as payloads

from .base import event
from .consults import ConsultEvents
from .live import LiveEvents
from .member_notifications import MemberNotificationEvents

Ack = dict[str, Any]


class KonnectNamespace(ConsultEvents, LiveEvents, MemberNotificationEvents):
    @property
    def _pace(self) -> Pace:
        return Pace.of(self.ctx.settings)

    # Presence

    @event("register", payloads.Register)
    async def register(self, connection: Connection, payload: payloads.Register) -> Ack:
        """Say which side this socket is, bring a fresh token, and ask for the present state."""
        if payload.token is not None:
            connection.principal = await self.services.call(renewed, self.ctx, connection, payload.token)
            connection.token = payload.token
        if payload.user_type in payloads.EXPERT_TYPES:
            await self.services.presence.register_expert(connection)
        current: attendance.Current = await self.services.call(self._current, connection.uid)
        for hint in resync.requests(current.offers, connection.uid):
            self.services.manager.send_to(connection.eio_sid, *hint)
        state: Ack = await self.services.call(self._state, connection, payload, current.session)
        return state

    def _current(self, uid: str) -> attendance.Current:
        return self.ctx.run(lambda tx: attendance.current(tx, uid))

    def _state(self, connection: Connection, payload: payloads.Register, session: Doc | None) -> Ack:
        uid = connection.uid
        ack: Ack = {
            "user": {"id": uid, "name": _name(connection)},
            "session": payloads.session_view(session) if session else None,
        }
        chat_id = payload.chat_id or (session["id"] if session else None)
        if payload.wants_replay:
            ack["missed"] = []
            if chat_id is not None:
                of = membership.find(self.ctx.db, chat_id)
                found = resync.missed(self.ctx.db, of, uid, payload.seen)
                ack["missed"] = [messaging.event(message) for message in found]
        return ack

    @event("get-online-experts")
    async def get_online_experts(self, connection: Connection, _: None) -> list[Ack]:
        found = await self.services.call(experts.online, self.ctx.db)
        online = [experts.public_view(expert) for expert in found]
        self.services.manager.send_to(connection.eio_sid, "online-experts", online)
        return online

    # A session's course

    @event("request-chat", payloads.RequestChat)
    async def request_chat(self, connection: Connection, payload: payloads.RequestChat) -> Ack:
        ack: Ack = await self.services.call(self._request, connection, payload)
        return ack

    def _request(self, connection: Connection, payload: payloads.RequestChat) -> Ack:
        uid, session_id, now = connection.uid, ids.new(), clock.now()
        config = platform_config(self.ctx.db)
        requested = self.ctx.run(
            lambda tx: requests.request(
                tx,
                uid=uid,
                name=_name(connection),
                expert_id=payload.expert_id,
                type=payload.type,
                session_id=session_id,
                config=config,
                pace=self._pace,
                now=now,
            )
        )
        if requested.session is not None:
            return {"chatId": requested.session["id"]}
        if requested.offer is not None:
            # queue-joined, which names the request, has been sent with the commit.
            return {"queued": True, "position": 1, "pending": True}
        place = queue.place(self.ctx.db, payload.expert_id, uid, config=config, now=now)
        if place is None:
            # The queue has moved on already: chat-started or queue-status has told, or is about to.
            return {"queued": True, "position": 0}
        self.ctx.emit([Emit(user_room(uid), "queue-joined", place)])
        return {"queued": True, "position": place["position"], "estimatedWaitS": place["estimatedWaitS"]}

    @event("accept-chat", payloads.Chat)
    async def accept_chat(self, connection: Connection, payload: payloads.Chat) -> Ack:
        return await self._answer_request(payload.chat_id, partial(offers.accept, by=connection.uid, pace=self._pace))

    @event("decline-chat", payloads.DeclineChat)
    async def decline_chat(self, connection: Connection, payload: payloads.DeclineChat) -> Ack:
        return await self._answer_request(
            payload.chat_id, partial(offers.decline, by=connection.uid, note=payload.reason)
        )

    async def _answer_request(self, chat_id: str, answer: Callable[..., Doc]) -> Ack:
        now = clock.now()

        def work() -> Ack:
            session = self.ctx.run(partial(answer, session_id=chat_id, now=now))
            return {"chatId": chat_id, "status": session["status"], "reason": session["endReason"]}

        return await self.services.lanes.run(chat_id, work)

    @event("leave-queue", payloads.LeaveQueue)
    async def leave_queue(self, connection: Connection, payload: payloads.LeaveQueue) -> Ack:
        now = clock.now()

        def work() -> bool:
            left = self.ctx.run(lambda tx: queue.leave(tx, payload.expert_id, connection.uid, now=now))
            if left:
                config = platform_config(self.ctx.db)
                self.ctx.emit(queue.positions(self.ctx.db, payload.expert_id, config=config, now=now))
            return left

        return {"left": await self.services.call(work)}

    @event("end-chat", payloads.Chat)
    async def end_chat(self, connection: Connection, payload: payloads.Chat) -> Ack:
        now = clock.now()

        def work() -> Ack:
            ended = self.ctx.run(
                lambda tx: service.end(tx, payload.chat_id, by=connection.uid, pace=self._pace, now=now)
            )
            return {"chatId": payload.chat_id, "status": ended["status"], "reason": ended["endReason"]}

        # In the chat's lane: after the messages that were sent before it.
        return await self.services.lanes.run(payload.chat_id, work)

    @event("chat-message", payloads.ChatMessage)
    async def chat_message(self, connection: Connection, payload: payloads.ChatMessage) -> Ack:
        of = await self.services.memberships.get(payload.chat_id)
        sent = await self.services.sender.send_written(of, connection.uid, payload.message, payload)
        return {"id": sent.id, "timestamp": clock.iso(sent.created_at)}

    @event("chat-read", payloads.Read, quiet=True)
    async def chat_read(self, connection: Connection, payload: payloads.Read) -> Ack:
        connection.hints.take()
        of = await self.services.memberships.get(payload.chat_id)
        stored = await self.services.receipts.mark(of, connection.uid, payload.message_id)
        if stored is None:
            return {"chatId": payload.chat_id}
        return {"chatId": stored.chat_id, "messageId": stored.message_id, "unread": stored.unread}

    # Relays: to the other participant of a running session; nothing is stored

    @event("chat-typing", payloads.Typing, quiet=True)
    async def chat_typing(self, connection: Connection, payload: payloads.Typing) -> Ack:
        connection.hints.take()
        of = await self.services.memberships.get(payload.chat_id)
        self.services.tell_typing(of, connection.uid, is_typing=payload.is_typing)
        return {"chatId": payload.chat_id}

    @event("call-offer", payloads.CallOffer)
    async def call_offer(self, connection: Connection, payload: payloads.CallOffer) -> Ack:
        return await self._relay(connection, payload, "call-offer", callerId=connection.uid)

    @event("call-answer", payloads.CallAnswer)
    async def call_answer(self, connection: Connection, payload: payloads.CallAnswer) -> Ack:
        return await self._relay(connection, payload, "call-answer")

    @event("ice-candidate", payloads.IceCandidate, quiet=True)
    async def ice_candidate(self, connection: Connection, payload: payloads.IceCandidate) -> Ack:
        return await self._relay(connection, payload, "ice-candidate")

    @event("call-ended", payloads.CallEnded)
    async def call_ended(self, connection: Connection, payload: payloads.CallEnded) -> Ack:
        return await self._relay(connection, payload, "call-ended")

    @event("call-rejected", payloads.Chat)
    async def call_rejected(self, connection: Connection, payload: payloads.Chat) -> Ack:
        return await self._relay(connection, payload, "call-ended", reason="rejected")

    async def _relay(self, connection: Connection, payload: payloads.ChatPayload, event: str, **fields: Any) -> Ack:
        of = await self.services.memberships.get(payload.chat_id)
        of.check_call(connection.uid)
        data = {**payload.model_dump(by_alias=True, exclude_unset=True), **fields}
        self.ctx.realtime.emit([Emit(user_room(of.other(connection.uid)), event, with_event_id(data))])
        return {"chatId": payload.chat_id}


def _name(connection: Connection) -> str:
    """The profile's name; before there is one, the token's, which is no way around the platform either."""
    principal = connection.principal
    return contacts.name(principal.name or (principal.email or "").split("@")[0]) or "User"
