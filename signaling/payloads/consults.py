"""Namespace "/": consults of a fixed length (kundlinow)."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from konnect import text
from konnect.consults.schemas import Consultant, ConsultUser, Status, Type
from konnect.http.asyncapi import Event
from konnect.http.schemas import Schema

from .base import Hint, Id, Payload, client, server
from .konnect import Candidate, Description

IGNORED = Field(default=None, description="Ignored: a caller is who the token says, and the server has the time.")


# From clients


class ConsultPayload(Payload):
    consult_id: Id


class JoinConsult(ConsultPayload):
    user_id: Any = IGNORED


class EndConsult(ConsultPayload):
    ended_by: Any = IGNORED


class NewConsultMessage(Payload):
    """`id`: the client's own; what is sent again under the same one is stored once, and so is the same image. `body`: a
    text, at most 5,000 characters, or of an image the id of its upload (POST /api/uploads, an attachment for this
    consult)."""

    id: Annotated[str, Field(min_length=1, max_length=128)]
    type: Literal["text", "image"] = "text"
    body: str = Field(json_schema_extra=text.PLAIN)
    sender_id: Any = IGNORED
    created_at: Any = IGNORED


class SendConsultMessage(ConsultPayload):
    message: NewConsultMessage


class ConsultTyping(Payload):
    """In a consult, by its `consultId`, or in the room of an exchange, by its `roomId`."""

    consult_id: Id | None = None
    room_id: Id | None = None
    sender_id: Any = IGNORED
    is_typing: bool = True

    @model_validator(mode="after")
    def _one(self) -> "ConsultTyping":
        if (self.consult_id is None) == (self.room_id is None):
            raise ValueError("needs consultId or roomId, one of them")
        return self


class ConsultOffer(ConsultPayload):
    offer: Description


class ConsultAnswer(ConsultPayload):
    answer: Description


class ConsultCandidate(ConsultPayload):
    """A candidate; null after the last one."""

    candidate: Candidate


# Acknowledgements


class InConsult(Schema):
    consult_id: str


class Typed(Schema):
    """Which of the two it was for."""

    consult_id: str | None = None
    room_id: str | None = None


class ConsultState(InConsult):
    """`reason`: why it has ended, if it has."""

    status: Status
    reason: str | None


class ConsultEnd(ConsultState):
    """`amount` was paid for the `seconds` in which both were there, `released` has come back."""

    seconds: int
    amount: float
    released: float


class ConsultMessage(Schema):
    """`id` is the server's. The body of an image is the address that it is read by."""

    id: str
    sender_id: str
    type: Literal["text", "image", "file", "code", "system"]
    body: str
    created_at: datetime


class ConsultMessageStored(InConsult):
    """`message` as it is stored: of what was sent again, the first."""

    client_id: str
    message: ConsultMessage


# From the server


class ConsultMessageEvent(Hint):
    """From the other side. On all devices of both it is told as `new-message` too."""

    consult_id: str
    message: ConsultMessage


class RelayedConsultTyping(Hint):
    consult_id: str
    sender_id: str
    is_typing: bool


class RelayedConsultOffer(ConsultOffer, Hint):
    """As it was sent."""


class RelayedConsultAnswer(ConsultAnswer, Hint):
    """As it was sent."""


class RelayedConsultCandidate(ConsultCandidate, Hint):
    """As it was sent."""


class ConsultUpdated(Hint):
    """The state of a consult, whenever that changes before its end: asked for, accepted, somebody came or left, begun,
    extended. `expiresAt`: while it is pending, until when it has to be accepted, or then joined."""

    consult_id: str
    status: Status
    type: Type
    user: ConsultUser
    consultant: Consultant
    duration_minutes: int
    price: float
    accepted_at: datetime | None
    expires_at: datetime
    started_at: datetime | None
    ends_at: datetime | None


class SessionEnding(Hint):
    """Five minutes before the end, and one."""

    consult_id: str
    seconds_left: int
    ends_at: datetime


class SessionEnded(Hint):
    """Also of one that never began. `endedBy`: the id of who has ended it, or "system". `earning`: for the consultant
    alone."""

    consult_id: str
    ended_by: str
    status: Status
    reason: str
    seconds: int
    amount: float
    released: float
    earning: float | None = None


EVENTS: list[Event] = [
    client("join_consult", JoinConsult, ConsultState, "Join the consult's room"),
    client("leave_consult", ConsultPayload, ConsultState, "Leave it"),
    client("message", SendConsultMessage, ConsultMessageStored, "Send a message; acknowledged when it is stored"),
    client("typing", ConsultTyping, Typed, "Typing; at most 10 a second, with joining and leaving"),
    client("call_offer", ConsultOffer, InConsult, "SDP offer"),
    client("call_answer", ConsultAnswer, InConsult, "SDP answer"),
    client("ice_candidate", ConsultCandidate, InConsult, "ICE candidate"),
    client("session_end", EndConsult, ConsultEnd, "End the consult; one that has not begun is withdrawn or declined"),
    server("message", ConsultMessageEvent, "A message from the other side"),
    server("typing", RelayedConsultTyping, "The other side is typing"),
    server("call_offer", RelayedConsultOffer, "The other side calls"),
    server("call_answer", RelayedConsultAnswer, "The other side answers"),
    server("ice_candidate", RelayedConsultCandidate, "The other side's candidate"),
    server("consult_updated", ConsultUpdated, "A consult's state has changed"),
    server("session_ending", SessionEnding, "The consult ends soon"),
    server("session_end", SessionEnded, "The consult is over"),
]
