"""Live classes' events of namespace "/". Who takes part hears by the class's room, which only they are let into."""

from typing import Any

from konnect import clock
from konnect.live import access, attendance, chat, events, policy, repository
from konnect.live.attendance import Joined
from konnect.platform import platform_config
from konnect.realtime import with_event_id
from konnect.sessions.metering import Pace
from signaling.auth import Connection
from signaling.payloads import live as payloads
from signaling.payloads.base import GivenId

from .base import Namespace, event

Ack = dict[str, Any]


class LiveEvents(Namespace):
    @event("join_session", GivenId)
    async def join_session(self, connection: Connection, payload: GivenId) -> Ack:
        """Take a place, and come if it is open. The ack has what one has missed."""
        connection.hints.take()
        session_id = payload.root
        joined: Joined = await self.services.call(self._join, connection, session_id)
        room = repository.room(session_id)
        # Before what was missed is read, so that nothing falls between.
        await self.enter_room(connection.sid, room)
        connection.rooms.add(room)
        if joined.told is not None:
            # The room has heard of it before its newest member came in.
            self.services.manager.send_to(connection.eio_sid, "participant_joined", with_event_id(joined.told))
        ack: Ack = await self.services.call(self._joined, joined)
        return ack

    def _join(self, connection: Connection, session_id: str) -> Joined:
        config, pace, now = platform_config(self.ctx.db), Pace.of(self.ctx.settings), clock.now()
        joined = self.ctx.run(
            lambda tx: attendance.join(
                tx, session_id, connection.uid, connection_id=connection.sid, config=config, pace=pace, now=now
            )
        )
        if joined.session["status"] not in policy.OPEN:
            # Raised only here, so that what ended it is committed.
            raise access.closed(joined.session)
        return joined

    def _joined(self, joined: Joined) -> Ack:
        session_id = joined.session["id"]
        there = repository.present(self.ctx.db, session_id, limit=policy.MOST_PARTICIPANTS)
        return {
            **events.place(joined.session, joined.opens_at, joined.state),
            "session": events.view(joined.session),
            "participants": [
                {"userId": one["uid"], "name": one["name"], "role": one["role"]}
                for one in sorted(there, key=lambda one: (one["role"] != "host", one["registeredAt"]))
            ],
            "messages": chat.latest(self.ctx.db, session_id),
        }

    @event("leave_session", GivenId)
    async def leave_session(self, connection: Connection, payload: GivenId) -> Ack:
        connection.hints.take()
        session_id, pace, now = payload.root, Pace.of(self.ctx.settings), clock.now()

        def work() -> Ack:
            session = self.ctx.run(lambda tx: attendance.leave(tx, session_id, connection.uid, pace=pace, now=now))
            return {"sessionId": session_id, "status": session["status"]}

        ack: Ack = await self.services.call(work)
        connection.rooms.discard(repository.room(session_id))
        return ack

    @event("session_message", payloads.SendSessionMessage)
    async def session_message(self, connection: Connection, payload: payloads.SendSessionMessage) -> Ack:
        now = clock.now()

        def work() -> Ack:
            return chat.send(
                self.ctx,
                payload.session_id,
                connection.uid,
                payload.message,
                kind=payload.kind,
                client_id=payload.client_message_id,
                now=now,
            )

        # In the class's lane: told in the order in which it is stored.
        return await self.services.lanes.run(payload.session_id, work)
