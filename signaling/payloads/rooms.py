"""Namespace "/": the conversations of skill exchanges (SkillVerse), whose rooms have the exchange's id."""

from datetime import datetime
from typing import Any

from pydantic import AliasChoices, ConfigDict, Field, RootModel

from konnect import text
from konnect.http.asyncapi import Event
from konnect.http.schemas import Schema
from konnect.messaging.schemas import Plain
from signaling.resync import Seen

from . import konnect
from .base import Hint, Id, Payload, Written, client, server
from .consults import IGNORED


class Room(Payload, Seen):
    """With `lastMessageId` or `seenMessageIds` the acknowledgement has what was missed."""

    room_id: Id


class JoinRoom(RootModel[Id | Room]):
    """The room's id alone, or with what the client has."""

    model_config = ConfigDict(strict=True)

    @property
    def room(self) -> Room:
        return Room(room_id=self.root) if isinstance(self.root, str) else self.root


class SendToRoom(Written):
    """A text, or a file (`attachmentId`: an upload's, with the room's id as `sessionId`) or a piece of code, with or
    without one. `clientMessageId`: the client's own id of it; what is sent again under the same one, or with the same
    file, is stored once."""

    room_id: Id
    message: str = Field(
        default="",
        validation_alias=AliasChoices("message", "content", "text"),
        description="Plain text, at most 5,000 characters.",
        json_schema_extra=text.PLAIN,
    )
    sender_id: Any = IGNORED


# Acknowledgements


class RoomMessage(konnect.Message):
    """`roomId` is `chatId`, `content` is `message`, `createdAt` is `timestamp`."""

    room_id: str
    content: Plain
    created_at: datetime


class JoinedRoom(Schema):
    """`canWrite`: the exchange has not been left. `missed`: when it was asked for."""

    room_id: str
    can_write: bool
    unread_count: int
    missed: list[RoomMessage] | None = None


class SentToRoom(Schema):
    room_id: str
    message: RoomMessage


# From the server


class ReceivedMessage(RoomMessage, Hint):
    """For both, on all their devices, joined or not; the sender's own too."""


class RoomTyping(Hint):
    room_id: str
    user_id: str
    is_typing: bool


class ExchangeUpdated(Hint):
    """It was asked for, accepted, ended, or something of it was changed: read it again."""

    exchange_id: str
    status: str


EVENTS: list[Event] = [
    client("join_room", JoinRoom, JoinedRoom, "Open an exchange's conversation"),
    client("send_message", SendToRoom, SentToRoom, "Send a message; acknowledged when it is stored"),
    server("receive_message", ReceivedMessage, "A message of an exchange's conversation"),
    server("user_typing", RoomTyping, "The other side of an exchange is typing, or has stopped"),
    server("exchange_updated", ExchangeUpdated, "A skill exchange has changed"),
]
