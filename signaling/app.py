"""One instance: the Socket.IO server, what it works with, and its life from start to drain."""

import asyncio
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import socketio
from engineio.payload import Payload
from google.api_core.exceptions import GoogleAPICallError, RetryError

from konnect import ids, spans, trace
from konnect.config import Settings
from konnect.context import Context
from konnect.messaging import conversations, membership
from konnect.notifications import service as notifications
from konnect.presence.service import LEASE_RENEWAL_S
from konnect.sessions import sweeps
from konnect.store import Database
from konnect.tasks import CloudTasks

from . import twins
from .auth import Connection, is_welcome
from .lanes import THREADS, Lanes, Pool
from .manager import Emitter, Manager
from .memberships import Memberships
from .metrics import CONTENT_TYPE, Metrics
from .namespaces.base import Services
from .namespaces.chat import ChatNamespace
from .namespaces.konnect import KonnectNamespace
from .namespaces.notifications import NotificationsNamespace
from .presence import Presence
from .pubsub import PubSub
from .receipts import Receipts
from .resync import Replayer
from .sending import Sender
from .wire import OrJson, Packet, QuietLogger

log = logging.getLogger(__name__)

MESSAGE_MAX_BYTES = 1_000_000
"""Far above every limit of the domain, so that what is too long gets a coded error and not a lost connection."""
POLL_PACKETS_MAX = 10_000
LOOKED_UP_AT_ONCE = 100
"""Listeners in a round: 4,000 in ten minutes."""
ROUND_MIN_S = 1.0
STRANGER_S = 15.0
DRAIN_S = 3.0
START_S = 60.0
START_RETRY_S = 0.3

_FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-forwarded-host", b"via")

Receive = Callable[[], Coroutine[Any, Any, dict[str, Any]]]
Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]

# A polling client posts all that it has buffered at once; the library would drop more than 16 events. The bytes are
# limited already.
Payload.max_decode_packets = POLL_PACKETS_MAX


class Instance:
    """An ASGI application. `start` on the loop that serves it, `stop` when it accepts nothing any more."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.id = ids.new()
        # The rounds keep pace with a shortened minute, as the waits that depend on them do.
        self._round_s = min(LEASE_RENEWAL_S, max(ROUND_MIN_S, settings.seconds(LEASE_RENEWAL_S)))
        self._origins = set(settings.cors_origin_list)
        self._pool = Pool(THREADS, "domain")
        self._metrics = Metrics()
        self._metrics_readers = [ip_network(one) for one in settings.metrics_network_list]
        self._loops: list[asyncio.Task[None]] = []
        # Connections that have not been admitted to anything, and since when (monotonic).
        self._strangers: dict[str, float] = {}
        self._services: Services | None = None

    async def start(self) -> None:
        """Listen to the topic and take the lease, before anybody connects. Raises what they raise."""
        settings = self.settings
        self._pubsub = PubSub(settings, self.id, self._metrics)
        self._manager = Manager(self._pubsub, self._metrics)
        self._sio = socketio.AsyncServer(
            async_mode="asgi",
            client_manager=self._manager,
            async_handlers=False,
            json=OrJson,
            serializer=Packet,
            logger=QuietLogger(),
            engineio_logger=QuietLogger(),
            transports=["websocket", "polling"],
            max_http_buffer_size=MESSAGE_MAX_BYTES,
            http_compression=False,
            cors_allowed_origins=self._is_origin_allowed,
        )
        self._asgi = socketio.ASGIApp(self._sio)
        await _patiently("Pub/Sub", self._manager.start)
        emitter = Emitter(self._manager, asyncio.get_running_loop())
        ctx = Context(settings, Database(settings.google_cloud_project), CloudTasks(settings), emitter)
        lanes = Lanes(self._pool)
        memberships = Memberships(partial(self._call, membership.find, ctx.db))
        self._manager.observe(memberships.observe)
        self._services = services = Services(
            ctx=ctx,
            manager=self._manager,
            presence=Presence(ctx, self._pool, self.id, self._metrics),
            lanes=lanes,
            memberships=memberships,
            replayer=Replayer(ctx.db, self._manager, memberships, self._call),
            receipts=Receipts(ctx, self._call),
            sender=Sender(ctx, lanes),
            call=self._call,
            metrics=self._metrics,
        )
        self._metrics.watch(self)
        self._manager.mirror("/", conversations.NAMESPACE, twins.in_chat)
        self._manager.mirror(notifications.NAMESPACE, "/", twins.for_members, twins.member_room)
        self._sio.register_namespace(KonnectNamespace(services))
        self._sio.register_namespace(ChatNamespace(services))
        self._sio.register_namespace(NotificationsNamespace(services))
        await _patiently("Firestore", services.presence.renew)
        self._loops = [
            asyncio.create_task(services.presence.keep_lease(self._round_s)),
            asyncio.create_task(self._rounds(services)),
        ]

    async def drain(self) -> None:
        """Admit nobody, take back what was written of the connections, and close them. Their clients connect again,
        elsewhere. Bounded in time."""
        services = self._services
        assert services is not None
        services.draining = True
        for loop in self._loops:
            loop.cancel()
        await asyncio.wait(self._loops)
        await services.receipts.close(DRAIN_S)
        await services.presence.close(DRAIN_S)
        for eio_sid in list(self._sio.eio.sockets):
            self._manager.close_transport(eio_sid)

    async def stop(self) -> None:
        await self._sio.shutdown()
        await self._manager.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._asgi(scope, receive, send)
            return
        send = _with_headers(scope, send)
        path = scope["path"].rstrip("/")
        if path == "/health":
            await self._health(send)
        elif path == "/metrics" and scope["method"] == "GET" and self._may_read_metrics(scope):
            await self._show_metrics(send)
        else:
            await self._asgi(scope, receive, send)

    async def _health(self, send: Send) -> None:
        services = self._services
        draining = services is None or services.draining
        count = len(services.presence.connections) if services else 0
        body = {"status": "stopping" if draining else "ok", "instance": self.id, "connections": count}
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 503 if draining else 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    def gauges(self) -> dict[str, tuple[str, float]]:
        """What /metrics shows beside what was counted."""
        services = self._services
        assert services is not None
        age_s = services.presence.lease_age_s
        return {
            "connections": ("Sockets of users who are present by them.", len(services.presence.connections)),
            "visitors": ("Sockets in namespaces that make nobody present.", len(services.visitors)),
            "transports": ("Open Engine.IO connections, admitted or not.", len(self._sio.eio.sockets)),
            "draining": ("1 while it admits nobody any more.", float(services.draining)),
            "executor_queue_length": (f"Blocking calls that wait for one of {THREADS} threads.", self._pool.waiting),
            "lanes": ("Chats with a call under way.", len(services.lanes)),
            "lanes_waiting": ("Calls that wait for their turn in a chat.", services.lanes.waiting),
            "presence_lanes_waiting": (
                "Changes of presence that wait for their turn of a user.",
                services.presence.lanes.waiting,
            ),
            "connections_leaving": ("Connections that are gone and not removed yet.", services.presence.leaving),
            "lease_age_seconds": ("Since this instance renewed its presence lease (30 s).", age_s or 0.0),
            "publish_backlog": ("Events that wait to be published.", self._pubsub.pending),
        }

    def _may_read_metrics(self, scope: dict[str, Any]) -> bool:
        """A collector beside the instance: nobody whom a load balancer or a proxy lets through."""
        if any(name in _FORWARDED for name, _ in scope["headers"]):
            return False
        try:
            peer = ip_address((scope.get("client") or ("",))[0])
        except ValueError:
            return False
        return any(peer in network for network in self._metrics_readers)

    async def _show_metrics(self, send: Send) -> None:
        headers = [(b"content-type", CONTENT_TYPE.encode()), (b"cache-control", b"no-store")]
        body = self._metrics.text() if self._services is not None else b""
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(function, *args))

    def _is_origin_allowed(self, origin: str, environ: dict[str, Any]) -> bool:
        """The configured ones, and our own: behind the load balancer the frontends' origin and ours are one."""
        hosts = {environ.get("HTTP_HOST"), *environ.get("HTTP_X_FORWARDED_HOST", "").replace(" ", "").split(",")}
        return origin in self._origins or "*" in self._origins or (urlsplit(origin).netloc or None) in hosts

    # Rounds: what no event sets off

    async def _rounds(self, services: Services) -> None:
        while True:
            # Jitter, so that the instances do not all reap at once.
            await asyncio.sleep(random.uniform(0.75, 1.25) * self._round_s)  # noqa: S311
            trace.begin()
            try:
                with spans.entry("round", "server"):
                    await self._tidy(services)
                    reaped = await self._call(sweeps.reap, services.ctx)
                if reaped:
                    self._metrics.reaped(reaped)
                    log.warning("connections of dead instances reaped", extra={"count": reaped})
            except Exception as error:
                log.warning("round failed", extra={"error": repr(error)})

    async def _tidy(self, services: Services) -> None:
        for namespace in list(self._manager.rooms):
            for sid, eio_sid in self._manager.zombies(namespace):
                self._manager.forget(eio_sid)
                self._manager.basic_disconnect(sid, namespace)
                services.visitors.pop(sid, None)
                await services.presence.disconnect(sid)
        renew_visitors(services.presence.connections, services.visitors)
        await services.presence.retry_leaving()
        for connection in [*services.presence.connections.values(), *services.visitors.values()]:
            if connection.is_over:
                self._manager.close_transport(connection.eio_sid)
        await self._look_up_listeners(services)
        # Who says nothing for so long holds a connection for nothing.
        now = time.monotonic()
        self._strangers = {eio_sid: self._strangers.get(eio_sid, now) for eio_sid in self._manager.anonymous()}
        for eio_sid, since in self._strangers.items():
            if now - since >= STRANGER_S:
                self._manager.close_transport(eio_sid)

    async def _look_up_listeners(self, services: Services) -> None:
        """An ID token's end comes within the hour; a cookie's holder may have been sent out days before its end."""
        everybody = [*services.presence.connections.values(), *services.visitors.values()]
        unseen = [connection for connection in everybody if connection.is_unseen][:LOOKED_UP_AT_ONCE]
        found = await asyncio.gather(*(is_welcome(services.ctx, self._call, connection) for connection in unseen))
        for connection, welcome in zip(unseen, found, strict=True):
            if not welcome:
                self._manager.close_transport(connection.eio_sid)


def renew_visitors(connections: Mapping[str, Connection], visitors: Mapping[str, Connection]) -> None:
    """One line carries all namespaces of a page, and the fresh token comes by "/" alone."""
    hosts = {connection.eio_sid: connection for connection in connections.values()}
    for visitor in visitors.values():
        host = hosts.get(visitor.eio_sid)
        if host is not None and host.uid == visitor.uid:
            visitor.renew(host)


def _with_headers(scope: dict[str, Any], send: Send) -> Send:
    """Every answer, a poll's as well, names its request and is taken for what it says it is."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    headers = [
        (b"x-request-id", ids.request_id(given).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]

    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *headers]}
        await send(message)

    return sending


async def _patiently(what: str, begin: Callable[[], Awaitable[None]]) -> None:
    """What the start needs may be starting itself. Raises what it raises when START_S are over."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            await begin()
            return
        except (GoogleAPICallError, RetryError) as error:
            if time.monotonic() > deadline:
                raise
            log.info("waiting", extra={"for": what, "error": str(error)})
        await asyncio.sleep(START_RETRY_S)
