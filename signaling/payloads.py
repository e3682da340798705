"""What the events carry, on the wire's names, and the list that the AsyncAPI document is made of.

`userId` and `senderId`, which today's clients send, are ignored: a caller is who the token says.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

from konnect import ids
from konnect.http.asyncapi import Event
from konnect.http.schemas import Schema
from konnect.sessions.schemas import Session
from konnect.store import Doc

from .resync import ReplayRequest

SDP_MAX_BYTES = 64 * 1024
CANDIDATE_MAX_BYTES = 4 * 1024
EXPERT_TYPES = ("expert", "mentor")

SessionType = Literal["chat", "call", "video"]


def _id(value: str) -> str:
    if not ids.valid(value):
        raise ValueError("must be an id")
    return value


def _at_most(limit_bytes: int) -> AfterValidator:
    def check(value: Any) -> Any:
        try:
            size_bytes = len(orjson.dumps(value))
        except TypeError as error:
            raise ValueError("must be JSON") from error
        if size_bytes > limit_bytes:
            raise ValueError(f"must have at most {limit_bytes} bytes")
        return value

    return AfterValidator(check)


Id = Annotated[str, AfterValidator(_id)]
Description = Annotated[dict[str, Any] | str, _at_most(SDP_MAX_BYTES)]
Candidate = Annotated[dict[str, Any] | str | None, _at_most(CANDIDATE_MAX_BYTES)]


class Payload(Schema):
    """From a client: the types must be right as they are; fields that nobody knows are ignored."""

    model_config = ConfigDict(strict=True)


# From clients


class Register(Payload, ReplayRequest):
    """`token`: a fresh one, so that the connection outlives the handshake's. With `lastMessageId` or `seenMessageIds`
    the acknowledgement has what was missed."""

    user_type: Literal["user", "expert", "mentor"] = "user"
    token: str | None = None


class RequestChat(Payload):
    expert_id: Id
    type: SessionType = "chat"


class LeaveQueue(Payload):
    expert_id: Id


class ChatPayload(Payload):
    chat_id: Id


class Chat(ChatPayload):
    """A chat by its id, which is the session's."""


class ChatMessage(ChatPayload):
    """`clientMessageId`: the client's own id of it; a message that is sent again under the same one is stored once."""

    message: str = Field(description="At most 5,000 characters.")
    client_message_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class Typing(ChatPayload):
    is_typing: bool


class Read(ChatPayload):
    message_id: Id


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
    id: str
    chat_id: str
    message: str
    sender_id: str
    timestamp: datetime


class Registered(Schema):
    """`session`: the one in progress. `missed`: when it was asked for."""

    user: User
    session: Session | None
    missed: list[Message] | None = None


class ChatRequested(Schema):
    """Either `chatId`: it has started; or `queued` with the place in the queue, from 1 (0: about to be called)."""

    chat_id: str | None = None
    queued: bool | None = None
    position: int | None = None


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


# From the server


class Hint(Schema):
    """`eventId` is the same when an event comes twice."""

    event_id: str


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


class OnlineExperts(RootModel[list[OnlineExpert]]):
    """The experts who are online."""


class ExpertOnline(OnlineExpert, Hint):
    """The public profile."""


class ExpertOffline(Hint):
    expert_id: str


class QueueJoined(Hint):
    expert_id: str
    position: int


class QueueStatus(Hint):
    """`position` 0: out of the queue, with the reason."""

    expert_id: str
    position: int
    reason: Literal["expired", "in-session", "absent", "insufficient-balance"] | None = None


class ChatStarted(Hint):
    """`expert` for the user, `user` for the expert."""

    chat_id: str
    type: SessionType
    price_per_min: float
    started_at: datetime
    expert: OnlineExpert | None = None
    user: User | None = None


class NewMessage(Message, Hint):
    """For both participants, on all their devices. `eventId` is the message's id."""


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
    """`earning`: for the expert alone."""

    chat_id: str
    duration: int
    duration_seconds: int
    total_charged: float
    reason: str
    earning: float | None = None


class RelayedOffer(CallOffer, Hint):
    caller_id: str


class RelayedAnswer(CallAnswer, Hint):
    """As it was sent."""


class RelayedCandidate(IceCandidate, Hint):
    """As it was sent."""


class RelayedEnd(CallEnded, Hint):
    """`reason` is "rejected" for a call that was declined."""


class RelayedTyping(Typing, Hint):
    """As it was sent."""


class RelayedRead(Read, Hint):
    """As it was sent."""


class ResyncFailed(Schema):
    """What was missed can't be replayed: read the session's messages instead."""

    chat_id: str | None
    error: dict[str, Any]


def session_view(session: Doc) -> dict[str, Any]:
    """A session as HTTP shows it."""
    return Session.model_validate(session).model_dump(mode="json", by_alias=True)


def _client(name: str, payload: type[BaseModel] | None, ack: type[BaseModel] | None, summary: str) -> Event:
    return Event(name, "client", "/", payload, ack, summary)


def _server(name: str, payload: type[BaseModel], summary: str) -> Event:
    return Event(name, "server", "/", payload, None, summary)


EVENTS: list[Event] = [
    _client("register", Register, Registered, "Register on the platform"),
    _client("get-online-experts", None, OnlineExperts, "Ask for the available experts"),
    _client("request-chat", RequestChat, ChatRequested, "Request a session"),
    _client("leave-queue", LeaveQueue, QueueLeft, "Leave the queue"),
    _client("chat-message", ChatMessage, MessageSent, "Send a message; acknowledged when it is stored"),
    _client("end-chat", Chat, ChatEndedAck, "End the session"),
    _client("call-offer", CallOffer, Relayed, "SDP offer and call type"),
    _client("call-answer", CallAnswer, Relayed, "SDP answer"),
    _client("ice-candidate", IceCandidate, Relayed, "ICE candidate"),
    _client("call-ended", CallEnded, Relayed, "Call over"),
    _client("call-rejected", Chat, Relayed, "Call declined"),
    _client("chat-typing", Typing, Relayed, "Typing"),
    _client("chat-read", Read, Relayed, "Read receipt"),
    _server("online-experts", OnlineExperts, "The available experts"),
    _server("expert-online", ExpertOnline, "An expert came online"),
    _server("expert-offline", ExpertOffline, "An expert went offline"),
    _server("queue-joined", QueueJoined, "Added to the queue"),
    _server("queue-status", QueueStatus, "The place in the queue changed"),
    _server("chat-started", ChatStarted, "The session has begun"),
    _server("new-message", NewMessage, "A message arrived"),
    _server("billing-update", BillingUpdate, "A minute was charged"),
    _server("chat-warning", ChatWarning, "The balance runs out"),
    _server("chat-ended", ChatEnded, "The session has ended"),
    _server("call-offer", RelayedOffer, "The other side calls"),
    _server("call-answer", RelayedAnswer, "The other side answers"),
    _server("ice-candidate", RelayedCandidate, "The other side's candidate"),
    _server("call-ended", RelayedEnd, "The call is over, or was declined"),
    _server("chat-typing", RelayedTyping, "The other side is typing"),
    _server("chat-read", RelayedRead, "The other side has read"),
    _server("resync-failed", ResyncFailed, "What was missed could not be replayed"),
]
