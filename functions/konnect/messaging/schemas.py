"""Wire models of conversations and their messages. All texts are plain text; Markdown is text like any other."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, StringConstraints

from konnect import text
from konnect.http.schemas import ListQuery, Schema

from .membership import ConversationType
from .message import MAX_CODE_LENGTH

MessageType = Literal["text", "code", "file", "image"]
Plain = Annotated[str, Field(json_schema_extra=text.PLAIN)]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Attachment(Schema):
    """A file of a message. `url`: answers its two participants with a link to the file."""

    id: str
    file_name: Plain
    content_type: str
    size: int = Field(description="Bytes.")
    url: str


class CodeBlock(Schema):
    """A piece of code, kept apart from the text so that it can be shown as what it is."""

    language: Annotated[
        str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[A-Za-z0-9+#._-]{1,30}$")
    ] = Field(default="text", description="As highlighters call it.", examples=["python"])
    code: Plain = Field(description=f"At most {MAX_CODE_LENGTH:,} characters.", examples=["print(1)"])


class Quote(Schema):
    """The message that one answers, as it was then."""

    id: str
    sender_id: str
    preview: Plain


class Reaction(Schema):
    emoji: str = Field(description="One emoji, without variation selectors.", examples=["👍"])
    user_id: str


class ConversationMessage(Schema):
    """`message` and `content` are the same text, `timestamp` and `createdAt` the same time, `chatId` and
    `conversationId` the same id: each product reads its own names."""

    id: str
    chat_id: str
    conversation_id: str = Field(validation_alias="chatId")
    sender_id: str
    type: MessageType
    message: Plain
    content: Plain = Field(validation_alias="message")
    attachment: Attachment | None
    code_block: CodeBlock | None = None
    reply_to: Quote | None = None
    reactions: list[Reaction] = Field(default_factory=list, description="One of each kind a user.")
    is_edited: bool = False
    edited_at: datetime | None = None
    timestamp: datetime = Field(validation_alias="createdAt")
    created_at: datetime
    read: bool = Field(description="Whether the one whom it was sent to has read it.")
    read_at: datetime | None = Field(description="Of the last message that was read: when. Those before it, by then.")


class NewMessage(Schema):
    """A text, or a file or a piece of code, with or without one. `content` is accepted for `message`; a `type` is not
    needed: a message's is by what it has."""

    message: str = Field(
        default="",
        validation_alias=AliasChoices("message", "content"),
        description="Plain text, at most 5,000 characters; line breaks and tabs stay, other control characters go.",
        json_schema_extra=text.PLAIN,
    )
    attachment_id: ClientId | None = Field(
        default=None, description="`id` of an upload for this conversation; used once."
    )
    code_block: CodeBlock | None = None
    reply_to: ClientId | None = Field(default=None, description="`id` of a message of the same conversation.")
    client_message_id: ClientId | None = Field(
        default=None, description="The client's own id of it: sent again under the same one, it is stored once."
    )


class MessageEdit(Schema):
    """What is left out stays. `content` is accepted for `message`; `codeBlock` null takes the code away."""

    message: str | None = Field(
        default=None, validation_alias=AliasChoices("message", "content"), json_schema_extra=text.PLAIN
    )
    code_block: CodeBlock | None = None


class MessageReaction(Schema):
    emoji: Annotated[str, StringConstraints(min_length=1, max_length=40)] = Field(
        description="Exactly one.", examples=["👍"]
    )
    on: bool | None = Field(
        default=None, strict=True, description="True: put it there, false: take it back; left out: whichever it is not."
    )


class Pin(Schema):
    message_id: ClientId | None = Field(description="Null: none.")


class Archiving(Schema):
    archived: bool = Field(default=True, strict=True)


class ConversationQuery(ListQuery):
    archived: bool = Field(default=False, description="Those that the caller has put away, instead of the others.")


class LastMessage(Schema):
    id: str
    sender_id: str
    preview: Plain = Field(description="Its beginning on one line, at most 120 characters, or the file's name.")
    type: MessageType
    at: datetime


class PinnedMessage(Quote):
    pinned_by: str
    pinned_at: datetime


class Participant(Schema):
    id: str
    name: Plain
    online: bool


class Conversation(Schema):
    """One chat, under its session's id or its booking's: `id`, `chatId` and `/chat/[chatId]` are the same."""

    id: str
    type: ConversationType = Field(
        default="session",
        description="`mentor`: a booking's, which can always be used; `exchange`: until it is left; the others while "
        "it goes on.",
    )
    booking_id: str | None = None
    exchange_id: str | None = None
    chat_id: str = Field(validation_alias="id")
    participants: list[str]
    other: Participant = Field(description="Who it is with.")
    expert_id: str | None = Field(description="Null of an exchange's: neither is there as an expert.")
    last_message: LastMessage | None
    pinned_message: PinnedMessage | None = None
    is_archived: bool = Field(description="Put away by the caller, until the next message comes.")
    unread_count: int = Field(description="Messages of the other side that the caller has not read.")
    updated_at: datetime = Field(description="Of the last message, before it of the confirmation.")


class ReadReceipt(Schema):
    """How far the caller has read: up to `messageId`, which is a later one if it was read before."""

    chat_id: str
    message_id: str
    read_at: datetime
    unread: int = Field(description="Messages of the other side after it.")
