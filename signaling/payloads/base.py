"""What payloads share: ids, bounds, and how an event is listed."""

from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

from konnect import ids
from konnect.http.asyncapi import Event
from konnect.http.schemas import Schema
from konnect.messaging.schemas import CodeBlock


def _id(value: str) -> str:
    if not ids.valid(value):
        raise ValueError("must be an id")
    return value


def at_most(limit_bytes: int) -> AfterValidator:
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


class Payload(Schema):
    """From a client: the types must be right as they are; fields that nobody knows are ignored."""

    model_config = ConfigDict(strict=True)


class Written(Payload):
    """What a message may have beside its text, which each product names its own way."""

    attachment_id: Id | None = None
    code_block: CodeBlock | None = None
    reply_to: Id | None = None
    client_message_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class GivenId(RootModel[Id]):
    """An id alone, in no object: `emit("join_room", roomId)`."""

    model_config = ConfigDict(strict=True)


class Hint(Schema):
    """`eventId` is the same when an event comes twice."""

    event_id: str


class ResyncFailed(Schema):
    """What was missed can't be replayed: read the session's messages instead."""

    chat_id: str | None
    error: dict[str, Any]


def client(
    name: str, payload: type[BaseModel] | None, ack: type[BaseModel] | None, summary: str, namespace: str = "/"
) -> Event:
    return Event(name, "client", namespace, payload, ack, summary)


def server(name: str, payload: type[BaseModel], summary: str, namespace: str = "/") -> Event:
    return Event(name, "server", namespace, payload, None, summary)
