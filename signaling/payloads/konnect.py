"""Namespace "/": Konnect's sessions, queues, chats and calls."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, RootModel

from konnect import text
from konnect.http.asyncapi import Event
from konnect.http.schemas import Schema
from konnect.messaging.schemas import Attachment, CodeBlock, MessageType, PinnedMessage, Plain, Quote, Reaction
from konnect.sessions.schemas import Session
from konnect.store import Doc
from signaling.resync import ReplayRequest

from .base import Hint, Id, Payload, ResyncFailed, Written, at_most, client, server

SDP_MAX_BYTES = 64 * 1024
CANDIDATE_MAX_BYTES = 4 * 1024
EXPERT_TYPES = ("expert", "mentor")

SessionType = Literal["chat", "call", "video"]


Description = Annotated[dict[str, Any] | str, at_most(SDP_MAX_BYTES)]
Candidate = Annotated[dict[str, Any] | str | None, at_most(CANDIDATE_MAX_BYTES)]


# From clients


class Register(Payload, ReplayRequest):
    """`token`: a fresh one, so that the connection outlives the handshake's. With `lastMessageId` or `seenMessageIds`
    the acknowledgement has what was missed."""

    user_type: Literal["user", "expert", "mentor"] = "user"
    token: str | None = None


class RequestChat(Payload):
    expert_id: Id
    type: SessionType = "chat"


class DeclineChat(Payload):
    """`reason`: the expert's own words to the user."""

    chat_id: Id
    reason: Annotated[str, AfterValidator(text.line), Field(max_length=200, json_schema_extra=text.PLAIN)] | None = None


class LeaveQueue(Payload):
    """A request that waits for the expert's acceptance is withdrawn by it, too."""

    expert_id: Id


class ChatPayload(Payload):
    chat_id: Id


class Chat(ChatPayload):
    """A chat by its id, which is the session's."""


class ChatMessage(ChatPayload, Written):
    """A text, or a file (`attachmentId`: an upload's, for this chat) or a piece of code, with or without one.
    `replyTo`: the id of a message of the same chat. `clientMessageId`: the client's own id of it; a message that is
    sent again under the same one, or with the same file, is stored once."""

    message: str = Field(
        default="",
        description="Plain text, at most 5,000 characters; line breaks and tabs stay, other control characters go.",
        json_schema_extra=text.PLAIN,
    )


class Typing(ChatPayload):
    is_typing: bool


class Read(ChatPayload):
    """Up to which message the caller has read; without `messageId`: all there are."""

    message_id: Id | None = None


class CallOffer(ChatPayload):
    offer: Description
    call_type: Annotated[str, Field(max_length=32)] | None = None


class CallAnswer(ChatPayload):
    answer: Description


class IceCandidate(ChatPayload):
    """A candidate; null after the last one."""

    candidate: Candidate


class CallEnded(ChatPayload):
    reason: Annotated[str, Field(max_length=200)] | None = None


# Acknowledgements


class User(Schema):
    id: str
    name: str


class Message(Schema):
    """`message` is plain text, empty if the file or the code is all there is."""

    id: str
    chat_id: str
    message: Plain
    type: MessageType
    attachment: Attachment | None
    code_block: CodeBlock | None = None
    reply_to: Quote | None = None
    reactions: list[Reaction] = Field(default_factory=list)
    is_edited: bool = False
    edited_at: datetime | None = None
    sender_id: str
    timestamp: datetime


class Registered(Schema):
    """`session`: the one in progress. `missed`: when it was asked for."""

    user: User
    session: Session | None
    missed: list[Message] | None = None


class ChatRequested(Schema):
    """Either `chatId`: it has started; or `queued` with the place in the queue, from 1 (0: about to be called), and the
    seconds to wait, about (null: nobody can tell). `pending`: the expert is asked to accept it, as `queue-joined` says.
    """

    chat_id: str | None = None
    queued: bool | None = None
    position: int | None = None
    estimated_wait_s: int | None = None
    pending: bool | None = None


class RequestAnswered(Schema):
    """What became of the request: `in_progress`, or `cancelled` with the reason (the user is gone, the wallet does not
    cover a minute any more, a booking is near, it was withdrawn or timed out before)."""

    chat_id: str
    status: str
    reason: str | None


class QueueLeft(Schema):
    left: bool


class MessageSent(Schema):
    id: str
    timestamp: datetime


class ChatEndedAck(Schema):
    chat_id: str
    status: str
    reason: str | None


class Relayed(Schema):
    chat_id: str


class ReadStored(Relayed):
    """`messageId`: up to where it is read now. `unread`: messages of the other side after it. Without the two: the mark
    comes within a second of the one before, and is stored with others a second after that."""

    message_id: str | None = None
    unread: int | None = None


# From the server


class OnlineExpert(Schema):
    id: str
    name: str
    title: str | None = None
    company: str | None = None
    experience: int | None = None
    specialties: list[str] | None = None
    languages: list[str] | None = None
    image_url: str | None = None
    bio: str | None = None
    rating: float
    orders: int
    price_per_min: float
    available: bool
    on_break: bool = False


class OnlineExperts(RootModel[list[OnlineExpert]]):
    """The experts who are online."""


class ExpertOnline(OnlineExpert, Hint):
    """The public profile."""


class ExpertOffline(Hint):
    expert_id: str


class Prices(Schema):
    """Introductory: of the first minutes `freeMinutes` are free, the next `promotionalMinutes` have their own price."""

    price_per_min: float
    free_minutes: int | None = None
    promotional_minutes: int | None = None
    promotional_price_per_min: float | None = None


class QueueJoined(Hint):
    """`estimatedWaitS`: seconds, about; null where nobody can tell. `pending`: the first, whom the expert is asked to
    accept as `chatId` until `expiresAt`."""

    expert_id: str
    position: int
    estimated_wait_s: int | None = None
    pending: bool | None = None
    chat_id: str | None = None
    expires_at: datetime | None = None


class QueueStatus(QueueJoined):
    """As `queue-joined`. `position` 0: out of the queue, with the reason; `pending` false with a reason: the expert did
    not answer, or is gone, and the request is back in its place."""

    reason: (
        Literal["expired", "in-session", "booked", "absent", "insufficient-balance", "not-accepted", "expert-absent"]
        | None
    ) = None


class ChatRequest(Prices, Hint):
    """To an expert who accepts by hand: answer by `accept-chat` or `decline-chat` until `expiresAt`. `chat-ended` says
    that it is closed."""

    chat_id: str
    type: SessionType
    user_id: str
    user_name: str
    user: User
    expires_at: datetime


class ChatStarted(Prices, Hint):
    """`expert` for the user, `user` for the expert. `scheduledAt`, `endsAt` and `duration` (minutes): of a booked one,
    which ends then."""

    chat_id: str
    type: SessionType
    started_at: datetime
    scheduled_at: datetime | None = None
    ends_at: datetime | None = None
    duration: int | None = None
    expert: OnlineExpert | None = None
    user: User | None = None


class NewMessage(Message, Hint):
    """For both participants, on all their devices. `eventId` is the message's id. `unread`: for who has not sent it,
    how many there are with it."""

    unread: int | None = None


class MessageUpdated(Hint):
    """A message as it is now: it was edited, or somebody has reacted to it."""

    chat_id: str
    message: Message


class ChatUpdated(Hint):
    """What has changed alone: the message that is pinned (null: none any more), for both; whether the chat is put away,
    for who has done it."""

    chat_id: str
    pinned_message: PinnedMessage | None = None
    archived: bool | None = None


class BillingUpdate(Hint):
    """`duration`: minutes charged. `balance`: the payer's, for the payer alone."""

    chat_id: str
    duration: int
    total_charged: float
    balance: float | None = None


class ChatWarning(Hint):
    chat_id: str
    type: Literal["low-balance", "zero-balance"]
    grace_until: datetime | None = None


class ChatEnded(Hint):
    """`earning`: for the expert alone. A request that was never accepted ends with nothing charged; `note`: what the
    expert said who declined it; `onBreak`: its expert did not answer in time, and is on a break now."""

    chat_id: str
    duration: int
    duration_seconds: int
    total_charged: float
    reason: str
    earning: float | None = None
    note: str | None = None
    on_break: bool | None = None


class RelayedOffer(CallOffer, Hint):
    caller_id: str


class RelayedAnswer(CallAnswer, Hint):
    """As it was sent."""


class RelayedCandidate(IceCandidate, Hint):
    """As it was sent."""


class RelayedEnd(CallEnded, Hint):
    """`reason` is "rejected" for a call that was declined; where the session itself is over, it is the session's."""


class RelayedTyping(Typing, Hint):
    """As it was sent, and by whom."""

    user_id: str


class MessageRead(Hint):
    """Up to which message the other side has read, since when."""

    chat_id: str
    message_id: str
    read_by: str
    read_at: datetime


def session_view(session: Doc) -> dict[str, Any]:
    """A session as HTTP shows it."""
    return Session.model_validate(session).model_dump(mode="json", by_alias=True)


EVENTS: list[Event] = [
    client("register", Register, Registered, "Register on the platform"),
    client("get-online-experts", None, OnlineExperts, "Ask for the available experts"),
    client("request-chat", RequestChat, ChatRequested, "Request a session"),
    client("accept-chat", Chat, RequestAnswered, "Accept a request"),
    client("decline-chat", DeclineChat, RequestAnswered, "Decline a request"),
    client("leave-queue", LeaveQueue, QueueLeft, "Leave the queue"),
    client(
        "chat-message", ChatMessage, MessageSent, "Send a message; acknowledged when it is stored; at most 30 a minute"
    ),
    client("end-chat", Chat, ChatEndedAck, "End the session"),
    client("call-offer", CallOffer, Relayed, "SDP offer and call type"),
    client("call-answer", CallAnswer, Relayed, "SDP answer"),
    client("ice-candidate", IceCandidate, Relayed, "ICE candidate"),
    client("call-ended", CallEnded, Relayed, "Call over"),
    client("call-rejected", Chat, Relayed, "Call declined"),
    client("chat-typing", Typing, Relayed, "Typing; at most 10 a second, with chat-read"),
    client("chat-read", Read, ReadStored, "Read receipt; at most 10 a second, with chat-typing"),
    server("online-experts", OnlineExperts, "The available experts"),
    server("expert-online", ExpertOnline, "An expert came online"),
    server("expert-offline", ExpertOffline, "An expert went offline"),
    server("queue-joined", QueueJoined, "Added to the queue"),
    server("queue-status", QueueStatus, "The place in the queue changed"),
    server("chat-request", ChatRequest, "A user asks an expert who accepts by hand"),
    server("chat-started", ChatStarted, "The session has begun"),
    server("new-message", NewMessage, "A message arrived"),
    server("message-updated", MessageUpdated, "A message was edited, or reacted to"),
    server("chat-updated", ChatUpdated, "A message was pinned, or the chat put away"),
    server("billing-update", BillingUpdate, "A minute was charged"),
    server("chat-warning", ChatWarning, "The balance runs out"),
    server("chat-ended", ChatEnded, "The session has ended"),
    server("call-offer", RelayedOffer, "The other side calls"),
    server("call-answer", RelayedAnswer, "The other side answers"),
    server("ice-candidate", RelayedCandidate, "The other side's candidate"),
    server("call-ended", RelayedEnd, "The call is over, or was declined"),
    server("chat-typing", RelayedTyping, "The other side is typing"),
    server("chat-read", MessageRead, "The other side has read"),
    server("resync-failed", ResyncFailed, "What was missed could not be replayed"),
]
