"""Messages on their way to the documents, whatever namespace they come by: stored, told, acknowledged, in the lane of
their chat: each in the order of the commits."""

import time
from functools import partial

from konnect.context import Context
from konnect.messaging import service as messaging
from konnect.messaging.limit import SendingLimit
from konnect.messaging.membership import Membership
from konnect.messaging.message import Message
from konnect.store import Doc

from .lanes import Lanes
from .memberships import put_bounded
from .payloads.base import Written

SPACING_S = 0.001
"""Firestore's server time has milliseconds: closer together, two messages of a chat would be ordered by their ids."""

UNLOOKED_SHARE = 3
"""Of the messages that a user may send in a minute: the part that an instance lets pass without asking how many there
are. So three instances together let pass what is allowed."""


class Sender:
    """One an instance, since its limit is one a user."""

    def __init__(self, ctx: Context, lanes: Lanes) -> None:
        self._ctx = ctx
        self._lanes = lanes
        self._limit = SendingLimit.of(ctx.settings, unlooked_share=UNLOOKED_SHARE)
        self._sent_at: dict[str, float] = {}

    async def send(
        self,
        of: Membership,
        uid: str,
        text: str,
        *,
        attachment_id: str | None,
        code_block: Doc | None,
        reply_to: str | None,
        client_id: str | None,
    ) -> Message:
        """Raises what messaging.send does."""
        of.check(uid)
        work = partial(
            messaging.send,
            self._ctx,
            of,
            uid,
            text,
            attachment_id=attachment_id,
            code_block=code_block,
            reply_to=reply_to,
            client_id=client_id,
            limit=self._limit,
        )
        return await self._lanes.run(of.chat_id, partial(self._send, of, work))

    async def send_written(self, of: Membership, uid: str, text: str, written: Written) -> Message:
        """`send` of a payload whose text is `text`."""
        return await self.send(
            of,
            uid,
            text,
            attachment_id=written.attachment_id,
            code_block=written.code_block.model_dump() if written.code_block else None,
            reply_to=written.reply_to,
            client_id=written.client_message_id,
        )

    def _send(self, of: Membership, work: "partial[Message]") -> Message:
        wait_s = self._sent_at.get(of.chat_id, 0.0) + SPACING_S - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        sent = work()
        put_bounded(self._sent_at, of.chat_id, time.monotonic())
        self._ctx.emit(messaging.news(of, sent))
        return sent
