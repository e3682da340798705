"""Socket.IO events from anywhere: written to a Pub/Sub topic that every signaling instance listens to.

The message is JSON in the form of python-socketio's own managers, so signaling treats it as an emit of its own.
"""

import json
import logging
from functools import cached_property
from typing import Any, Protocol

from . import ids
from .config import Settings
from .store.transaction import Emit

log = logging.getLogger(__name__)


def user_room(uid: str) -> str:
    """Everybody signed in as `uid`."""
    return f"user:{uid}"


def chat_room(session_id: str) -> str:
    """The participants of a session who have joined it."""
    return f"chat:{session_id}"


EXPERTS_ROOM = "experts"
"""Everybody who watches the list of experts online: each socket, from its connection on."""


def with_event_id(data: Any) -> Any:
    """Every event carries an id, so that a client can drop one that it has seen."""
    return {"eventId": ids.new(), **data} if isinstance(data, dict) else data


def message(emit: Emit, *, host_id: str) -> bytes:
    """The wire form of an emit. `host_id` is the writer's: an instance skips what it wrote itself."""
    return json.dumps(
        {
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
    def _client(self) -> Any:
        from google.pubsub_v1 import PublisherClient

        host = self._settings.pubsub_emulator_host
        if not host:
            return PublisherClient()
        import grpc
        from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

        return PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(host)))

    def emit(self, emits: list[Emit]) -> None:
        try:
            from google.pubsub_v1.types import PubsubMessage

            self._client.publish(
                topic=self._topic,
                messages=[
                    PubsubMessage(data=message(emit, host_id=self._host_id), ordering_key=emit.room) for emit in emits
                ],
                timeout=self._settings.emit_timeout_s,
                retry=None,
            )
        except Exception as error:
            # A hint that is lost is made good by the documents; it must never fail the request that has committed.
            log.warning("realtime events not sent", extra={"events": [e.event for e in emits], "error": str(error)})
