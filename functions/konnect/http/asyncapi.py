"""The AsyncAPI 3.0 document of the Socket.IO events, built from their payload models. Run by `make openapi`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.alias_generators import to_pascal
from pydantic.json_schema import JsonSchemaMode

from . import VERSION
from .openapi import NO_EXAMPLES, Examples, Refs, component_schemas
from .schemas import ErrorBody

DESCRIPTION = (
    "Events over Socket.IO, at /socket.io of the API's origin. Connect with `auth: {token: <Firebase ID token>}`. A "
    "channel is a namespace; a message's name is the event's. What is acknowledged is answered with the reply given, "
    "or with an ErrorBody. Texts are plain text, never HTML: show them as text. Events are hints: after a "
    "reconnection, documents are the truth."
)


@dataclass(frozen=True)
class Event:
    """One Socket.IO event. `direction`: who sends it. `payload` None: without one. `ack` None: none with data."""

    name: str
    direction: Literal["client", "server"]
    namespace: str = "/"
    payload: type[BaseModel] | None = None
    ack: type[BaseModel] | None = None
    summary: str = ""

    @property
    def mode(self) -> JsonSchemaMode:
        return "validation" if self.direction == "client" else "serialization"

    @property
    def channel_id(self) -> str:
        return "root" if self.namespace == "/" else self.namespace.strip("/").replace("/", "_")

    @property
    def id(self) -> str:
        """Unique in the document: clientChatMessage, or chat_clientSendMessage of the namespace /chat; of a name with
        underscores client_call_offer, since there is a call-offer too."""
        if self.channel_id == "root" and "_" in self.name:
            return f"{self.direction}_{self.name}"
        name = self.direction + to_pascal("".join(c if c.isalnum() else "_" for c in self.name))
        return name if self.channel_id == "root" else f"{self.channel_id}_{name}"


def document(events: Iterable[Event], examples: Examples = NO_EXAMPLES) -> dict[str, Any]:
    """The document of these events. Raises ValueError for an event that is there twice."""
    events = list(events)
    refs, schemas = _schemas(events)
    channels: dict[str, dict[str, Any]] = {}
    operations: dict[str, dict[str, Any]] = {}
    messages: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.id in operations:
            raise ValueError(f"{event.name} of {event.namespace} from the {event.direction} is there twice")
        channel = channels.setdefault(event.channel_id, {"address": event.namespace, "messages": {}})
        payload = {"$ref": refs[event.payload, event.mode]} if event.payload is not None else {"type": "null"}
        example = examples["events"].get(event.id, {})
        messages[event.id] = _message(event.name, event.summary, payload) | _shown(example.get("payload"))
        # AsyncAPI 3 is written from the server's side: it receives what clients send.
        operation: dict[str, Any] = {
            "action": "receive" if event.direction == "client" else "send",
            "channel": {"$ref": f"#/channels/{event.channel_id}"},
            "messages": [_attach(channel, event.channel_id, event.id)],
        }
        if event.summary:
            operation["summary"] = event.summary
        if event.ack is not None:
            ack_id = f"{event.id}Ack"
            answers = [{"$ref": refs[model, "serialization"]} for model in (event.ack, ErrorBody)]
            messages[ack_id] = _message(f"{event.name} (acknowledgement)", "", {"oneOf": answers}) | _shown(
                example.get("ack")
            )
            operation["reply"] = {
                "channel": {"$ref": f"#/channels/{event.channel_id}"},
                "messages": [_attach(channel, event.channel_id, ack_id)],
            }
        operations[event.id] = operation
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Konnect realtime", "version": VERSION, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": dict(sorted(schemas.items())), "messages": messages},
    }


def _schemas(events: list[Event]) -> tuple[Refs, dict[str, Any]]:
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ErrorBody, "serialization")]
    for event in events:
        if event.payload is not None:
            models.append((event.payload, event.mode))
        if event.ack is not None:
            models.append((event.ack, "serialization"))
    return component_schemas(models)


def _message(name: str, summary: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, **({"summary": summary} if summary else {}), "payload": payload}


def _shown(payload: Any) -> dict[str, Any]:
    return {} if payload is None else {"examples": [{"payload": payload}]}


def _attach(channel: dict[str, Any], channel_id: str, message_id: str) -> dict[str, str]:
    channel["messages"][message_id] = {"$ref": f"#/components/messages/{message_id}"}
    return {"$ref": f"#/channels/{channel_id}/messages/{message_id}"}
