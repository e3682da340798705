"""Two people in a session, on a project of their own, and the API."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.messaging import membership, service
from konnect.messaging.limit import SendingLimit
from konnect.messaging.membership import Membership
from konnect.messaging.message import Message
from konnect.messaging.triggers import on_booking_written
from konnect.platform import platform_config
from konnect.store import Doc, Query
from tests.experts import world
from tests.payments.api import Api

UNLIMITED = SendingLimit(1_000_000, 60, unlooked=1_000_000)


@dataclass
class Talk:
    """Meera asks, Asha is the expert; Ravi has nothing to do with it."""

    ctx: Context
    api: Api
    id: str = "s1"

    @property
    def of(self) -> Membership:
        return membership.find(self.ctx.db, self.id)

    def say(self, sender: str, text: str, limit: SendingLimit = UNLIMITED, **options: Any) -> Message:
        return service.send(self.ctx, self.of, sender, text, limit=limit, **options)

    def read(self, reader: str, message_id: str | None) -> int:
        """How many are left unread."""
        return service.read(self.ctx, self.of, reader, [message_id], now=self.now).unread

    def session(self, session_id: str, **fields: Any) -> "Talk":
        """A further session of the two."""
        world.finished_session(
            self.ctx, session_id, user="meera", expert_id="asha", **{"status": "in_progress", **fields}
        )
        return Talk(self.ctx, self.api, session_id)

    def booking(self, booking_id: str = "GRP-20260105-ABC", **fields: Any) -> "Talk":
        """The conversation of a booking of the two, opened as the trigger does."""
        booking: Doc = {
            "studentId": "meera",
            "studentName": "Meera Nair",
            "mentorId": "asha",
            "mentorUid": "asha",
            "mentorName": "Asha",
            "status": "confirmed",
            "confirmedAt": world.START,
            **fields,
        }
        self.ctx.db.set(("bookings", booking_id), booking)
        written(self.ctx, booking_id, before=None)
        return Talk(self.ctx, self.api, booking_id)

    @property
    def now(self) -> Any:
        return world.START

    @property
    def conversation(self) -> Doc:
        return world.doc(self.ctx, "conversations", self.id)

    @property
    def stored(self) -> list[Doc]:
        """In order."""
        order = (("createdAt", "asc"), ("__name__", "asc"))
        return Query(self.of.messages, order=order).run(self.ctx.db)

    def unread_by_count(self, reader: str) -> int:
        """What `unread` has to be, from the messages and the mark themselves."""
        mark = self.conversation.get("readUpTo", {}).get(reader)
        place = (mark["at"], mark["messageId"]) if mark else None
        theirs = [one for one in self.stored if one["senderId"] != reader]
        return sum(place is None or (one["createdAt"], one["id"]) > place for one in theirs)


def written(ctx: Context, booking_id: str, *, before: Doc | None) -> None:
    """What Firestore tells of a booking."""
    after = ctx.db.get("bookings", booking_id)
    change = Change("event", f"bookings/{booking_id}", {"bookingId": booking_id}, before, after, world.START)
    on_booking_written(ctx, change, world.START)


@pytest.fixture
def talk() -> Iterator[Talk]:
    with world.opened() as (ctx, api):
        # Read once a minute: it is none of the cost of a message.
        platform_config(ctx.db)
        yield Talk(ctx, api).session("s1")
