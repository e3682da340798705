"""SkillVerse's rooms in namespace "/": the conversations of skill exchanges. Who takes part is told of everything,
joined or not; what is sent there and what POST …/message sends is one.
"""

from contextlib import suppress
from typing import Any

from konnect.errors import NotFound
from konnect.messaging import conversations
from konnect.messaging import message as messages
from konnect.messaging.membership import Membership
from konnect.messaging.message import Message
from konnect.realtime import user_room, with_event_id
from konnect.store import Emit
from signaling import resync
from signaling.auth import Connection
from signaling.payloads import rooms as payloads

from .base import Namespace, event

Ack = dict[str, Any]


class RoomEvents(Namespace):
    @event("join_room", payloads.JoinRoom)
    async def join_room(self, connection: Connection, payload: payloads.JoinRoom) -> Ack:
        given = payload.room
        of = await self._room(connection, given.room_id)

        def work() -> Ack:
            unread = conversations.unread_of(self.ctx.db, of.chat_id, connection.uid)
            ack: Ack = {"roomId": of.chat_id, "canWrite": of.active, "unreadCount": unread}
            if given.wants_replay:
                found = resync.missed(self.ctx.db, of, connection.uid, given.seen)
                ack["missed"] = [_shown(one) for one in found]
            return ack

        joined: Ack = await self.services.call(work)
        return joined

    @event("send_message", payloads.SendToRoom)
    async def send_to_room(self, connection: Connection, payload: payloads.SendToRoom) -> Ack:
        of = await self._room(connection, payload.room_id)
        sent = await self.services.sender.send_written(of, connection.uid, payload.message, payload)
        return {"roomId": of.chat_id, "message": _shown(sent)}

    async def typing_in_room(self, connection: Connection, room_id: str, *, is_typing: bool) -> Ack:
        """`typing` with a `roomId`, which consults' clients send without one."""
        of = await self._room(connection, room_id)
        self.services.tell_typing(of, connection.uid, is_typing=is_typing)
        data = with_event_id({"roomId": of.chat_id, "userId": connection.uid, "isTyping": is_typing})
        self.ctx.realtime.emit([Emit(user_room(of.other(connection.uid)), "user_typing", data)])
        return {"roomId": of.chat_id}

    async def _room(self, connection: Connection, room_id: str) -> Membership:
        """Raises NotFound (ROOM_NOT_FOUND: also of an exchange that is not accepted), Forbidden (NOT_A_PARTICIPANT)."""
        of: Membership | None = None
        with suppress(NotFound):
            of = await self.services.memberships.get(room_id)
        if of is None or of.type != "exchange":
            raise NotFound("there is no such room", code="ROOM_NOT_FOUND")
        of.check_participant(connection.uid)
        return of


def _shown(message: Message) -> Ack:
    return {name: value for name, value in messages.of_room(message).items() if name != "eventId"}
