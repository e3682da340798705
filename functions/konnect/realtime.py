"""Socket.IO events from anywhere: written to a Pub/Sub topic that every signaling instance listens to.

The message is JSON in the form of python-socketio's own managers, so signaling treats it as an emit of its own.
"""

import json
import logging
import time
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote

from . import ids, spans, trace
from .config import Settings
from .store.transaction import Emit

log = logging.getLogger(__name__)


def user_room(uid: str) -> str:
    """Everybody signed in as `uid`."""
    return f"user:{uid}"


EXPERTS_ROOM = "experts"
"""Everybody who watches the list of experts online: each socket, from its connection on."""


DISCONNECT = "disconnect"
"""Not an event that clients see: emitted to a room, it disconnects everybody in it, on every instance."""


LEAVE = "leave-room"
"""Nor is this: emitted to a user's room with {"room"}, it takes all their sockets out of that one."""


def with_event_id(data: Any) -> Any:
    """Every event carries an id, so that a client can drop one that it has seen."""
    return {"eventId": ids.new(), **data} if isinstance(data, dict) else data


def message(emit: Emit, *, host_id: str) -> bytes:
    """The wire form of an emit. `host_id` is the writer's: an instance skips what it wrote itself. `trace` stays
    between the servers."""
    current = trace.current()
    traced = {} if current is None else {"trace": current.header}
    if emit.event == DISCONNECT:
        gone = {"method": "disconnect", "room": emit.room, "namespace": emit.namespace, "host_id": host_id, **traced}
        return json.dumps(gone).encode()
    return json.dumps(
        {
            **traced,
            "method": "emit",
            "event": emit.event,
            "data": emit.data,
            "namespace": emit.namespace,
            "room": emit.room,
            "skip_sid": None,
            "callback": None,
            "binary": False,
            "host_id": host_id,
        }
    ).encode()


class Emitter(Protocol):
    def emit(self, emits: list[Emit]) -> None:
        """Send, best effort: never raises, bounded in time."""


class PubSubEmitter:
    """Write-only: for functions. Waits for the publish, since CPU is throttled once a function has answered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = f"projects/{settings.google_cloud_project}/topics/{settings.realtime_topic}"
        self._host_id = ids.new()

    @cached_property
    def _call(self) -> Any:
        """The raw call: the client's own method can't be started without waiting for its end."""
        from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

        host = self._settings.pubsub_emulator_host
        if not host:
            return PublisherGrpcTransport().publish
        import grpc

        return PublisherGrpcTransport(channel=grpc.insecure_channel(host)).publish

    def emit(self, emits: list[Emit]) -> None:
        about: spans.Attributes = {"messaging.system": "gcp_pubsub", "messaging.batch.message_count": len(emits)}
        with spans.child("publish events", "producer", {**about, "messaging.destination.name": self._topic}):
            self._emit(emits)

    def _emit(self, emits: list[Emit]) -> None:
        by_room: dict[str, list[Emit]] = {}
        for emit in emits:
            by_room.setdefault(emit.room, []).append(emit)
        deadline = time.monotonic() + self._settings.emit_timeout_s
        try:
            # One request has one ordering key. All are under way before the first answer is waited for.
            calls = [self._publish(room, of_room) for room, of_room in by_room.items()]
            for call in calls:
                call.result(timeout=max(0.0, deadline - time.monotonic()))
        except Exception as error:
            # A hint that is lost is made good by the documents; it must never fail the request that has committed.
            log.warning("realtime events not sent", extra={"events": [e.event for e in emits], "error": repr(error)})

    def _publish(self, room: str, emits: list[Emit]) -> Any:
        from google.pubsub_v1.types import PublishRequest, PubsubMessage

        messages = [PubsubMessage(data=message(emit, host_id=self._host_id), ordering_key=room) for emit in emits]
        return self._call.future(
            PublishRequest(topic=self._topic, messages=messages),
            timeout=self._settings.emit_timeout_s,
            metadata=[("x-goog-request-params", f"topic={quote(self._topic, safe='')}")],
        )
