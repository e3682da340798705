"""Consults' events of namespace "/": what the two say goes to the other alone, whatever ids their payloads name."""

from contextlib import suppress
from functools import partial
from typing import Any

from konnect import clock
from konnect.consults import access, course
from konnect.errors import BadRequest, NotFound
from konnect.messaging import message as messages
from konnect.messaging.membership import Membership
from konnect.realtime import user_room, with_event_id
from konnect.sessions.metering import Pace
from konnect.store import Doc, Emit
from konnect.uploads import service as uploads
from signaling.auth import Connection
from signaling.payloads import consults as payloads

from .base import event
from .rooms import RoomEvents

Ack = dict[str, Any]


class ConsultEvents(RoomEvents):
    @event("join_consult", payloads.JoinConsult)
    async def join_consult(self, connection: Connection, payload: payloads.JoinConsult) -> Ack:
        """Come to a consult: it begins when both have, and the consultant has accepted."""
        return await self._come_or_go(connection, payload.consult_id, joined=True)

    @event("leave_consult", payloads.ConsultPayload)
    async def leave_consult(self, connection: Connection, payload: payloads.ConsultPayload) -> Ack:
        return await self._come_or_go(connection, payload.consult_id, joined=False)

    async def _come_or_go(self, connection: Connection, consult_id: str, *, joined: bool) -> Ack:
        connection.hints.take()
        now, pace = clock.now(), Pace.of(self.ctx.settings)
        change = partial(course.join, consult_id=consult_id, uid=connection.uid, joined=joined, pace=pace, now=now)
        return await self.services.lanes.run(consult_id, lambda: _state(self.ctx.run(change)))

    @event("session_end", payloads.EndConsult)
    async def session_end(self, connection: Connection, payload: payloads.EndConsult) -> Ack:
        now, pace = clock.now(), Pace.of(self.ctx.settings)
        end = partial(course.end, consult_id=payload.consult_id, uid=connection.uid, pace=pace, now=now)

        def work() -> Ack:
            ended = self.ctx.run(end)
            amounts = {"seconds": ended["seconds"], "amount": ended["amount"], "released": ended["refundedAmount"]}
            return {**_state(ended), **amounts}

        # In the consult's lane: after the messages that were sent before it.
        return await self.services.lanes.run(payload.consult_id, work)

    @event("message", payloads.SendConsultMessage)
    async def message(self, connection: Connection, payload: payloads.SendConsultMessage) -> Ack:
        of = await self._active(connection, payload.consult_id)
        given = payload.message
        is_image = given.type == "image"
        if is_image:
            await self.services.call(self._check_image, connection.uid, given.body, of.chat_id)
        sent = await self.services.sender.send(
            of,
            connection.uid,
            "" if is_image else given.body,
            attachment_id=given.body if is_image else None,
            code_block=None,
            reply_to=None,
            client_id=given.id,
        )
        return {"consultId": of.chat_id, "clientId": given.id, "message": messages.of_consult(sent)}

    def _check_image(self, uid: str, upload_id: str, chat_id: str) -> None:
        try:
            file = uploads.attachment(self.ctx, uid, upload_id, chat_id)
        except BadRequest as error:
            raise BadRequest.field("message.body", error.details[0]["message"], code=error.code) from error
        if not file["contentType"].startswith("image/"):
            raise BadRequest.field("message.body", "must be an image", code="UPLOAD_TYPE")

    # Relays: to the other of an active consult; nothing is stored

    @event("typing", payloads.ConsultTyping, quiet=True)
    async def typing(self, connection: Connection, payload: payloads.ConsultTyping) -> Ack:
        connection.hints.take()
        if payload.room_id is not None:
            return await self.typing_in_room(connection, payload.room_id, is_typing=payload.is_typing)
        assert payload.consult_id is not None
        of = await self._active(connection, payload.consult_id)
        data = {"consultId": of.chat_id, "senderId": connection.uid, "isTyping": payload.is_typing}
        return self._pass_on(connection, of, "typing", data)

    @event("call_offer", payloads.ConsultOffer)
    async def call_offer_in_consult(self, connection: Connection, payload: payloads.ConsultOffer) -> Ack:
        return await self._signal(connection, payload, "call_offer")

    @event("call_answer", payloads.ConsultAnswer)
    async def call_answer_in_consult(self, connection: Connection, payload: payloads.ConsultAnswer) -> Ack:
        return await self._signal(connection, payload, "call_answer")

    @event("ice_candidate", payloads.ConsultCandidate, quiet=True)
    async def ice_candidate_in_consult(self, connection: Connection, payload: payloads.ConsultCandidate) -> Ack:
        return await self._signal(connection, payload, "ice_candidate")

    async def _signal(self, connection: Connection, payload: payloads.ConsultPayload, event: str) -> Ack:
        of = await self._active(connection, payload.consult_id)
        return self._pass_on(connection, of, event, payload.model_dump(by_alias=True, exclude_unset=True))

    def _pass_on(self, connection: Connection, of: Membership, event: str, data: Ack) -> Ack:
        self.ctx.realtime.emit([Emit(user_room(of.other(connection.uid)), event, with_event_id(data))])
        return {"consultId": of.chat_id}

    async def _active(self, connection: Connection, consult_id: str) -> Membership:
        """Raises NotFound (CONSULT_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (CONSULT_NOT_ACTIVE,
        CONSULT_ENDED)."""
        of: Membership | None = None
        with suppress(NotFound):
            of = await self.services.memberships.get(consult_id)
        if of is None or of.type != "consult" or connection.uid not in of.participants or not of.active:
            await self.services.call(self._refuse, consult_id, connection.uid)
            # It has begun since.
            of = await self.services.memberships.fresh(consult_id)
        return of

    def _refuse(self, consult_id: str, uid: str) -> None:
        consult = self.ctx.run(lambda tx: access.of_participant(tx, consult_id, uid))
        if consult["status"] == "pending":
            raise access.not_active()
        if consult["status"] != "active":
            raise access.ended(consult)


def _state(consult: Doc) -> Ack:
    return {"consultId": consult["id"], "status": consult["status"], "reason": consult["endReason"]}
