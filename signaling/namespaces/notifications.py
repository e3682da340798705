"""Namespace "/notifications": the bell. Mail, push and the list are konnect.notifications'."""

from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError

from konnect import clock
from konnect.errors import KonnectError
from konnect.notifications import service
from konnect.realtime import with_event_id
from signaling.auth import Connection
from signaling.payloads import notifications as payloads

from .base import Namespace, Services, event, log

Ack = dict[str, Any]


class NotificationsNamespace(Namespace):
    makes_present = False

    def __init__(self, services: Services) -> None:
        super().__init__(services, service.NAMESPACE)

    async def welcome(self, connection: Connection) -> None:
        try:
            count = await self.services.call(service.unread_count, self.ctx.db, connection.uid)
        except (KonnectError, GoogleAPICallError, RetryError) as error:
            # The client can ask for it; and it comes with the next mark.
            log.warning("unread count not told", extra={"uid": connection.uid, "error": str(error)})
            return
        data = with_event_id({"count": count})
        self.services.manager.send_to(connection.eio_sid, "unread_count", data, self.namespace)

    @event("mark_read", payloads.NotificationRead)
    async def mark_read(self, connection: Connection, payload: payloads.NotificationRead) -> Ack:
        def work() -> Ack:
            marked = service.mark_read(self.ctx, payload.notification_id, connection.uid, now=clock.now())
            return service.view(marked)

        ack: Ack = await self.services.call(work)
        return ack

    @event("mark_all_read")
    async def mark_all_read(self, connection: Connection, _: None) -> Ack:
        def work() -> Ack:
            return {"marked": service.mark_all_read(self.ctx, connection.uid, now=clock.now())}

        ack: Ack = await self.services.call(work)
        return ack
