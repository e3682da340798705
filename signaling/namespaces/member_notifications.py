"""SkillVerse's bell, in namespace "/". What is told there comes from "/notifications" by signaling/twins.py."""

from typing import Any

from konnect.errors import Forbidden
from konnect.notifications import service
from konnect.realtime import user_room
from signaling import twins
from signaling.auth import Connection
from signaling.payloads import member_notifications as payloads

from .base import Namespace, event

Ack = dict[str, Any]


class MemberNotificationEvents(Namespace):
    @event("subscribe_notifications", payloads.SubscribeNotifications)
    async def subscribe_notifications(self, connection: Connection, payload: payloads.SubscribeNotifications) -> Ack:
        """From now on this socket is told of its own user's notifications."""
        if payload.root != connection.uid:
            raise Forbidden("these are another user's notifications", code="FOREIGN_USER")
        await self.enter_room(connection.sid, twins.member_room(user_room(connection.uid)))
        return {"count": await self.services.call(service.unread_count, self.ctx.db, connection.uid)}
