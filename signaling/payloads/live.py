"""Namespace "/": live classes (SkillVerse)."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from konnect import text
from konnect.http.asyncapi import Event
from konnect.http.schemas import Schema
from konnect.live.chat import Kind
from konnect.live.policy import State, Status
from konnect.live.schemas import LiveMessage, LiveSession

from .base import GivenId, Hint, Id, Payload, client, server

# From clients


class SendSessionMessage(Payload):
    """`clientMessageId`: what is sent again under the same one is stored once. `kind`: a `question` is one for the
    host."""

    session_id: Id
    message: str = Field(json_schema_extra=text.PLAIN)
    kind: Kind = "message"
    client_message_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    user_id: Any = Field(default=None, description="Ignored: a caller is who the token says.")


# Acknowledgements


class InSession(Schema):
    session_id: str
    status: Status


class SessionParticipant(Schema):
    user_id: str
    name: str
    role: Literal["host", "learner"]


class SessionJoined(InSession):
    """`registered`: it is not open yet; join again when a `session_update` says that it is live, or at `opensAt`.
    `participants`: who is there, at most 500; `messages`: the latest 100, oldest first."""

    state: State
    opens_at: datetime
    session: LiveSession
    participants: list[SessionParticipant]
    messages: list[LiveMessage]


# From the server


class ParticipantEvent(Hint):
    session_id: str
    user_id: str
    name: str
    role: Literal["host", "learner"]


class NewSessionMessage(Hint, LiveMessage):
    """To all in the room, the sender too. `eventId` is the message's id."""


class SessionUpdate(Hint):
    """Whenever it changes: places, its time, live, the host gone or back, ended, cancelled, a recording."""

    session_id: str
    session: LiveSession


EVENTS: list[Event] = [
    client("join_session", GivenId, SessionJoined, "Take a place in a live session, and join its room once it is open"),
    client("leave_session", GivenId, InSession, "Leave it, on all devices"),
    client("session_message", SendSessionMessage, LiveMessage, "Say something; acknowledged when it is stored"),
    server("participant_joined", ParticipantEvent, "Somebody has come into a live session"),
    server("participant_left", ParticipantEvent, "Somebody has left it, or lost the line"),
    server("new_session_message", NewSessionMessage, "What somebody has said"),
    server("session_update", SessionUpdate, "A live session has changed"),
]
