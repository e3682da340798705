"""Namespace "/chat": conversations alone, of bookings as of sessions. What happens in "/" is told here by these names,
and the other way round."""

from datetime import datetime
from typing import Annotated

from pydantic import AliasChoices, Field

from konnect import text
from konnect.http.asyncapi import Event
from konnect.http.schemas import Schema
from konnect.messaging.conversations import NAMESPACE
from konnect.messaging.schemas import PinnedMessage, Plain
from signaling.resync import Seen

from . import konnect
from .base import Hint, Id, Payload, Written, client, server


class Conversation(Payload):
    """A conversation by its id: a session's, or a booking's."""

    conversation_id: Id


class JoinConversation(Conversation, Seen):
    """With `lastMessageId` or `seenMessageIds` the acknowledgement has what was missed."""


class SendMessage(Conversation, Written):
    """A text, or a file (`attachmentId`: an upload's, for this conversation) or a piece of code, with or without one.
    `type` is ignored: a message's is by what it has. `replyTo`: the id of a message of the same conversation.
    `clientMessageId`: the client's own id of it; what is sent again under the same one, or with the same file, is
    stored once."""

    content: str = Field(
        default="",
        validation_alias=AliasChoices("content", "message"),
        description="Plain text or Markdown, which is kept as it is, at most 5,000 characters.",
        json_schema_extra=text.PLAIN,
    )
    type: Annotated[str, Field(max_length=32)] | None = None


class MarkRead(Conversation):
    """Up to which message the caller has read; without `messageId`: all there are."""

    message_id: Id | None = None


# Acknowledgements


class Message(konnect.Message):
    """`content` is `message`, `conversationId` is `chatId`, `createdAt` is `timestamp`."""

    conversation_id: str
    content: Plain
    created_at: datetime


class Joined(Schema):
    """`missed`: when it was asked for."""

    conversation_id: str
    unread_count: int
    missed: list[Message] | None = None


class Sent(Schema):
    message: Message


class Relayed(Schema):
    conversation_id: str


class ReadStored(Relayed):
    """`messageId`: up to where it is read now. `unreadCount`: messages of the other side after it. Without the two: the
    mark comes within a second of the one before, and is stored with others a second after that."""

    message_id: str | None = None
    unread_count: int | None = None


# From the server


class NewMessage(Hint):
    """For both participants, on all their devices, joined or not. `eventId` is the message's id."""

    message: Message


class MessageUpdated(Hint):
    """The message as it is now: it was edited, or somebody has reacted to it."""

    message: Message


class TypingUser(Hint):
    user_id: str
    conversation_id: str


class MessageRead(Hint):
    """Up to which message the other side has read, and since when."""

    conversation_id: str
    message_id: str
    read_by: str
    read_at: datetime


class UnreadCount(Hint):
    conversation_id: str
    count: int


class ConversationUpdated(Hint):
    """What has changed alone: the message that is pinned (null: none any more), for both; whether it is put away, for
    who has done it."""

    conversation_id: str
    pinned_message: PinnedMessage | None = None
    archived: bool | None = None


EVENTS: list[Event] = [
    client("join_conversation", JoinConversation, Joined, "Open a conversation", NAMESPACE),
    client(
        "send_message",
        SendMessage,
        Sent,
        "Send a message; acknowledged when it is stored; at most 30 a minute",
        NAMESPACE,
    ),
    client("typing_start", Conversation, Relayed, "Typing; at most 10 a second, with the marks", NAMESPACE),
    client("typing_stop", Conversation, Relayed, "Not typing any more", NAMESPACE),
    client("mark_read", MarkRead, ReadStored, "Read receipt; at most 10 a second, with typing", NAMESPACE),
    server("new_message", NewMessage, "A message arrived", NAMESPACE),
    server("message_updated", MessageUpdated, "A message was edited, or reacted to", NAMESPACE),
    server("user_typing", TypingUser, "The other side is typing", NAMESPACE),
    server("user_stopped_typing", TypingUser, "The other side is not typing any more", NAMESPACE),
    server("message_read", MessageRead, "The other side has read", NAMESPACE),
    server("unread_count", UnreadCount, "How many are unread: with a message, and after a mark", NAMESPACE),
    server("conversation_updated", ConversationUpdated, "A message was pinned, or it was put away", NAMESPACE),
]
