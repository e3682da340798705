"""Rooms across instances: python-socketio's client manager over Pub/Sub, with a fast local emit.

The wire is realtime.message()'s JSON. An emit is encoded once and put on each member's queue, without a task a member
(the library's own emit makes one). An event that a room has had, by its `eventId`, is not delivered to it again:
Pub/Sub delivers at least once, and a client may repeat a message whose acknowledgement it lost.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import engineio.packet
import socketio.packet
from socketio.async_pubsub_manager import AsyncPubSubManager

from konnect import auth, realtime, spans, trace
from konnect.store import Emit

from .metrics import Metrics
from .pubsub import MAX_AGE_S, PubSub

log = logging.getLogger(__name__)

QUEUE_MAX = 2_000
"""Packets that wait for a client that does not read. Beyond, it is disconnected: it comes back and resyncs."""
DELIVERED_MAX = 20_000
REPLAYED_S = 2 * MAX_AGE_S

Observer = Callable[[str, Any], None]
Twins = Callable[[str, Any], list[tuple[str, Any]]]


@dataclass(frozen=True)
class Mirror:
    """See Manager.mirror."""

    namespace: str
    twins: Twins
    room: Callable[[str], str]


class Manager(AsyncPubSubManager):  # type: ignore[misc]
    """All calls are made on the event loop, except `Emitter.emit`."""

    name = "pubsub"

    def __init__(self, pubsub: PubSub, metrics: Metrics) -> None:
        super().__init__()
        self._metrics = metrics
        self._pubsub = pubsub
        self._observers: list[Observer] = []
        self._mirrors: dict[str, list[Mirror]] = {}
        self._delivered: dict[tuple[str, str, str], None] = {}
        self._held: dict[str, list[tuple[str | None, engineio.packet.Packet]]] = {}
        self._replayed: dict[str, tuple[float, set[str]]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._reader: asyncio.Task[None] | None = None

    # Life

    def initialize(self) -> None:
        """Called by the library at the first connection; the reader has been started before: see start()."""

    async def start(self) -> None:
        await self._pubsub.start()
        self._reader = asyncio.create_task(self._thread())

    async def stop(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        await self._pubsub.stop()

    def observe(self, observer: Observer) -> None:
        """Call `observer(event, data)` for every event that passes, whoever it is for."""
        self._observers.append(observer)

    def mirror(self, of: str, namespace: str, twins: Twins, room: Callable[[str], str] = str) -> None:
        """Deliver to `namespace` what `twins(event, data)` says that an event of the namespace `of` is called there, to
        the `room` that is the event's there."""
        self._mirrors.setdefault(of, []).append(Mirror(namespace, twins, room))

    # Emitting

    def send(self, emit: Emit, encoded: bytes) -> None:
        """Deliver here, and publish `encoded` for the other instances."""
        self.deliver(emit.event, emit.data, emit.room, emit.namespace)
        self._pubsub.publish(emit.room, encoded)

    def deliver(self, event: str, data: Any, room: str, namespace: str = "/") -> None:
        """Put an event on the queue of each member here."""
        for observer in self._observers:
            observer(event, data)
        for mirror in self._mirrors.get(namespace, ()):
            if (mirrored := mirror.room(room)) in self.rooms.get(mirror.namespace, {}):
                for name, twin in mirror.twins(event, data):
                    self.deliver(name, twin, mirrored, mirror.namespace)
        members = self.rooms.get(namespace, {}).get(room)
        if not members:
            return
        if event == realtime.LEAVE:
            for sid in tuple(members):
                self.basic_leave_room(sid, namespace, data["room"])
            return
        event_id = data.get("eventId") if isinstance(data, dict) else None
        if event_id is not None and not self._is_new(namespace, room, event_id):
            return
        if log.isEnabledFor(logging.DEBUG):
            log.debug("event delivered", extra={"event": event, "room": room, "sockets": len(members)})
        packet = self._encode(event, data, namespace)
        for eio_sid in tuple(members.values()):
            self._put(eio_sid, packet, event_id)
        self._metrics.delivered(len(members))

    def send_to(self, eio_sid: str, event: str, data: Any, namespace: str = "/") -> None:
        """An event for one socket of this instance, even while it is held."""
        self._queue(eio_sid, self._encode(event, data, namespace))

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str | None = None,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        **options: Any,
    ) -> None:
        """The library's own way in (`server.emit`)."""
        room = to or room
        if isinstance(room, str) and not skip_sid and callback is None and not options.get("ignore_queue"):
            emit = Emit(room, event, data, namespace or "/")
            self.send(emit, realtime.message(emit, host_id=self.host_id))
        else:
            await super().emit(event, data, namespace, room, skip_sid, callback, **options)

    # Replaying to one socket what it missed

    def hold(self, eio_sid: str) -> None:
        """Keep what comes for a socket until `release`, so that what it missed can go first."""
        self._held[eio_sid] = []

    def release(self, eio_sid: str, replayed: set[str]) -> None:
        """Let through what was held, without the events that were replayed, now and as long as they may still come."""
        for event_id, packet in self._held.pop(eio_sid, []):
            if event_id not in replayed:
                self._queue(eio_sid, packet)
        if replayed:
            self._replayed[eio_sid] = time.monotonic() + REPLAYED_S, replayed

    def forget(self, eio_sid: str) -> None:
        self._held.pop(eio_sid, None)
        self._replayed.pop(eio_sid, None)

    # Sockets

    def close_transport(self, eio_sid: str) -> None:
        """End the connection under a socket. The stock client connects again by itself, which it does not when it is
        told to disconnect."""
        socket = self.server.eio.sockets.get(eio_sid)
        if socket is not None and not socket.closed:
            task = asyncio.get_running_loop().create_task(socket.close(wait=False))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def is_open(self, eio_sid: str) -> bool:
        socket = self.server.eio.sockets.get(eio_sid)
        return socket is not None and not socket.closed

    def zombies(self, namespace: str = "/") -> list[tuple[str, str]]:
        """(sid, eio_sid) of clients whose connection went while it was being set up, so that nobody was told."""
        members = self.rooms.get(namespace, {}).get(None, {})
        return [(sid, eio_sid) for sid, eio_sid in members.items() if not self.is_open(eio_sid)]

    def anonymous(self) -> set[str]:
        """Connections that have not been admitted to any namespace."""
        known = {eio_sid for rooms in self.rooms.values() for eio_sid in rooms.get(None, {}).values()}
        return set(self.server.eio.sockets) - known

    # What the base class asks for

    async def _publish(self, data: dict[str, Any]) -> None:
        self._pubsub.publish(data.get("room") or "", json.dumps(data).encode())

    async def _listen(self) -> AsyncIterator[bytes]:
        async for data in self._pubsub.messages():
            yield data

    async def _handle_emit(self, message: dict[str, Any]) -> None:
        room = message.get("room")
        if isinstance(room, str) and not message.get("skip_sid") and message.get("callback") is None:
            with trace.within(trace.parse(message.get("trace"))), self._relayed(message["event"], room):
                self.deliver(message["event"], message["data"], room, message.get("namespace") or "/")
        else:
            await super()._handle_emit(message)

    def _relayed(self, event: str, room: str) -> AbstractContextManager[spans.Span]:
        """Its span, where somebody is told."""
        if not any(room in rooms for rooms in self.rooms.values()):
            return spans.NOTHING
        return spans.entry(f"deliver {event}", "consumer", {"messaging.system": "gcp_pubsub"})

    async def _handle_disconnect(self, message: dict[str, Any]) -> None:
        """A `room` instead of a `sid` disconnects everybody in it: a user's (an account that was disabled) in all
        namespaces."""
        room, namespace = message.get("room"), message.get("namespace") or "/"
        if room is None:
            await super()._handle_disconnect(message)
            return
        if room.startswith(realtime.user_room("")):
            # So that who comes back at once is looked at anew.
            auth.forget(room.removeprefix(realtime.user_room("")))
            namespaces = list(self.rooms)
        else:
            namespaces = [namespace]
        for one in namespaces:
            for sid, _ in list(self.get_participants(one, room)):
                await self.server.disconnect(sid, namespace=one, ignore_queue=True)

    def _encode(self, event: str, data: Any, namespace: str) -> engineio.packet.Packet:
        packet = self.server.packet_class(
            socketio.packet.EVENT, namespace=namespace, data=[event] if data is None else [event, data]
        )
        return engineio.packet.Packet(engineio.packet.MESSAGE, packet.encode())

    def _put(self, eio_sid: str, packet: engineio.packet.Packet, event_id: str | None) -> None:
        held = self._held.get(eio_sid)
        if held is not None:
            if len(held) < QUEUE_MAX:
                held.append((event_id, packet))
            else:
                self._close_slow(eio_sid)
            return
        replayed = self._replayed.get(eio_sid)
        if replayed is not None:
            if time.monotonic() > replayed[0]:
                del self._replayed[eio_sid]
            elif event_id in replayed[1]:
                return
        self._queue(eio_sid, packet)

    def _queue(self, eio_sid: str, packet: engineio.packet.Packet) -> None:
        socket = self.server.eio.sockets.get(eio_sid)
        if socket is None or socket.closed:
            return
        if socket.queue.qsize() >= QUEUE_MAX:
            self._close_slow(eio_sid)
            return
        socket.queue.put_nowait(packet)

    def _close_slow(self, eio_sid: str) -> None:
        self._metrics.slow_socket()
        self.close_transport(eio_sid)

    def _is_new(self, namespace: str, room: str, event_id: str) -> bool:
        key = namespace, room, event_id
        if key in self._delivered:
            return False
        if len(self._delivered) >= DELIVERED_MAX:
            # Insertion order: the first is the oldest.
            del self._delivered[next(iter(self._delivered))]
        self._delivered[key] = None
        return True


class Emitter:
    """konnect's way to emit from any thread of this process: here at once, elsewhere over Pub/Sub, in order a room."""

    def __init__(self, manager: Manager, loop: asyncio.AbstractEventLoop) -> None:
        self._manager = manager
        self._loop = loop

    def emit(self, emits: list[Emit]) -> None:
        try:
            encoded = [realtime.message(emit, host_id=self._manager.host_id) for emit in emits]
            self._loop.call_soon_threadsafe(self._send, emits, encoded)
        except (TypeError, ValueError, RuntimeError) as error:
            log.warning("realtime events not sent", extra={"events": [e.event for e in emits], "error": str(error)})

    def _send(self, emits: list[Emit], encoded: list[bytes]) -> None:
        pairs: Iterator[tuple[Emit, bytes]] = zip(emits, encoded, strict=True)
        for emit, data in pairs:
            self._manager.send(emit, data)
