"""Namespace "/": Konnect's events. Each handler asks a konnect service and passes on what it says."""

import time
from functools import partial
from typing import Any

from konnect import clock, ids
from konnect.experts import service as experts
from konnect.messaging import service as messaging
from konnect.messaging.service import Membership
from konnect.platform import platform_config
from konnect.realtime import user_room, with_event_id
from konnect.sessions import attendance, queue, service
from konnect.sessions.metering import Pace
from konnect.store import Doc, Emit, Tx
from signaling import payloads, resync
from signaling.auth import Connection, renewed
from signaling.memberships import put_bounded

from .base import Namespace, Services, event

Ack = dict[str, Any]


SPACING_S = 0.001
"""Firestore's server time has milliseconds: closer together, two messages of a chat would be ordered by their ids."""


class KonnectNamespace(Namespace):
    def __init__(self, services: Services, namespace: str = "/") -> None:
        super().__init__(services, namespace)
        self._sent_at: dict[str, float] = {}

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
        state: Ack = await self.services.call(self._state, connection, payload)
        return state

    def _state(self, connection: Connection, payload: payloads.Register) -> Ack:
        uid = connection.uid
        session = self.ctx.run(lambda tx: _current_session(tx, uid))
        ack: Ack = {
            "user": {"id": uid, "name": _name(connection)},
            "session": payloads.session_view(session) if session else None,
        }
        chat_id = payload.chat_id or (session["id"] if session else None)
        if payload.wants_replay:
            ack["missed"] = []
            if chat_id is not None:
                of = messaging.membership(self.ctx.db, chat_id)
                found = resync.missed(self.ctx.db, of, uid, payload.seen)
                ack["missed"] = [resync.view(message) for message in found]
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
            lambda tx: service.request(
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
        position = queue.position(self.ctx.db, payload.expert_id, uid)
        if position is None:
            # The queue has moved on already: chat-started or queue-status has told, or is about to.
            return {"queued": True, "position": 0}
        joined = {"expertId": payload.expert_id, "position": position}
        self.ctx.emit([Emit(user_room(uid), "queue-joined", joined)])
        return {"queued": True, "position": position}

    @event("leave-queue", payloads.LeaveQueue)
    async def leave_queue(self, connection: Connection, payload: payloads.LeaveQueue) -> Ack:
        def work() -> bool:
            left = self.ctx.run(lambda tx: queue.leave(tx, payload.expert_id, connection.uid))
            if left:
                self.ctx.emit(queue.positions(self.ctx.db, payload.expert_id))
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
        of.check(connection.uid)
        return await self.services.lanes.run(payload.chat_id, partial(self._send, connection.uid, of, payload))

    def _send(self, uid: str, of: Membership, payload: payloads.ChatMessage) -> Ack:
        """Stored, told, acknowledged, in the chat's lane: each in the order of the commits."""
        wait_s = self._sent_at.get(of.session_id, 0.0) + SPACING_S - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        sent = messaging.send(self.ctx.db, of, uid, payload.message, client_id=payload.client_message_id)
        put_bounded(self._sent_at, of.session_id, time.monotonic())
        data = resync.view(sent)
        self.ctx.emit([Emit(user_room(to), "new-message", data) for to in (of.user_id, of.expert_uid)])
        return {"id": data["id"], "timestamp": data["timestamp"]}

    # Relays: to the other participant of a running session; nothing is stored

    @event("chat-typing", payloads.Typing)
    async def chat_typing(self, connection: Connection, payload: payloads.Typing) -> Ack:
        return await self._relay(connection, payload, "chat-typing")

    @event("chat-read", payloads.Read)
    async def chat_read(self, connection: Connection, payload: payloads.Read) -> Ack:
        return await self._relay(connection, payload, "chat-read")

    @event("call-offer", payloads.CallOffer)
    async def call_offer(self, connection: Connection, payload: payloads.CallOffer) -> Ack:
        return await self._relay(connection, payload, "call-offer", callerId=connection.uid)

    @event("call-answer", payloads.CallAnswer)
    async def call_answer(self, connection: Connection, payload: payloads.CallAnswer) -> Ack:
        return await self._relay(connection, payload, "call-answer")

    @event("ice-candidate", payloads.IceCandidate)
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
        of.check(connection.uid)
        data = {**payload.model_dump(by_alias=True, exclude_unset=True), **fields}
        self.ctx.realtime.emit([Emit(user_room(of.other(connection.uid)), event, with_event_id(data))])
        return {"chatId": payload.chat_id}


def _current_session(tx: Tx, uid: str) -> Doc | None:
    session_id = attendance.current_session(tx, uid)
    session = tx.get("sessions", session_id) if session_id else None
    return {**session, "id": session_id} if session else None


def _name(connection: Connection) -> str:
    principal = connection.principal
    return principal.name or (principal.email or "").split("@")[0] or "User"
