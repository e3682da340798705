"""What every namespace shares: admission, dispatch, validation, and an acknowledgement whatever happens."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import socketio
from google.api_core.exceptions import GoogleAPICallError, RetryError
from pydantic import BaseModel, ValidationError
from socketio.exceptions import ConnectionRefusedError

from konnect import auth, spans, trace
from konnect import log as logs
from konnect.context import Context
from konnect.errors import BadGateway, Forbidden, KonnectError, NotFound, Unauthenticated, Unavailable
from konnect.http.validation import bad_request
from konnect.messaging.membership import Membership
from konnect.realtime import EXPERTS_ROOM, user_room, with_event_id
from konnect.store import Emit
from signaling.auth import Connection, find_token, parse_handshake, recheck
from signaling.lanes import Lanes
from signaling.manager import Manager
from signaling.memberships import Memberships
from signaling.metrics import UNKNOWN, Metrics
from signaling.presence import Presence
from signaling.receipts import Receipts
from signaling.resync import Replayer
from signaling.sending import Sender

log = logging.getLogger(__name__)

_FAILURES = {KonnectError.code, Unavailable.code, BadGateway.code}
"""The codes of 5xx: what went wrong on our side, or behind us."""

Handler = Callable[[Any, Connection, Any], Awaitable[Any]]
Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass
class Services:
    """What handlers work with. `call(function, *args)` runs a blocking one in the pool; `lanes` keep a chat's order.
    `visitors` are the sockets, by sid, in namespaces that make nobody present."""

    ctx: Context
    manager: Manager
    presence: Presence
    lanes: Lanes
    memberships: Memberships
    replayer: Replayer
    receipts: Receipts
    sender: Sender
    call: Callable[..., Awaitable[Any]]
    metrics: Metrics
    draining: bool = False
    visitors: dict[str, Connection] = field(default_factory=dict)

    def tell_typing(self, of: Membership, uid: str, *, is_typing: bool) -> None:
        """The other side, by the events of every namespace. Raises Forbidden, Conflict (SESSION_ENDED)."""
        of.check(uid)
        data = with_event_id({"chatId": of.chat_id, "userId": uid, "isTyping": is_typing})
        self.ctx.realtime.emit([Emit(user_room(of.other(uid)), "chat-typing", data)])

    def connection(self, sid: str) -> Connection | None:
        """An admitted socket, or None."""
        return self.presence.connections.get(sid) or self.visitors.get(sid)


def event(name: str, payload: type[BaseModel] | None = None, *, quiet: bool = False) -> Callable[[Method], Method]:
    """Mark a method as the handler of an event: `async def (self, connection, payload) -> acknowledgement`.

    `quiet`: its line is for debugging alone, since it comes many times a second and stores nothing.
    """

    def mark(method: Method) -> Method:
        vars(method)["event"] = name, payload
        vars(method)["log_level"] = logging.DEBUG if quiet else logging.INFO
        return method

    return mark


class Namespace(socketio.AsyncNamespace):  # type: ignore[misc]
    """Admission and dispatch. Subclasses mark their handlers with `event`."""

    makes_present = True
    """Whether who is connected here is there for a session, and for the dead-air rule. A namespace of another page (a
    bell of notifications, a list of chats) does not: a session whose own page is closed must come to its end."""

    def __init__(self, services: Services, namespace: str = "/") -> None:
        super().__init__(namespace)
        self.services = services
        self.ctx = services.ctx
        found = (getattr(type(self), name) for name in dir(type(self)))
        self._handlers: dict[str, tuple[type[BaseModel] | None, Handler]] = {
            method.event[0]: (method.event[1], method) for method in found if hasattr(method, "event")
        }

    async def trigger_event(self, event: Any, *args: Any) -> Any:
        """The library's way in. A client may send events that are called connect or disconnect: the library's own come
        for a sid that is not connected yet, or not any more."""
        given = _trace(args[1] if event == "connect" and len(args) > 1 else None)
        name = self._span_name(event)
        if name is None:
            with trace.within(given.unrecorded):
                return await self._trigger(event, *args)
        with trace.within(given), spans.entry(name, "server", {"konnect.namespace": self.namespace}) as span:
            ack = await self._trigger(event, *args)
            error = ack.get("error") if isinstance(ack, dict) else None
            if span and isinstance(error, dict):
                span.set({"error.type": error["code"]})
                if error["code"] in _FAILURES:
                    span.fail(error["code"])
            return ack

    def _span_name(self, event: Any) -> str | None:
        """None: it has no span, since it stores nothing (quiet), or its name is the client's."""
        found = self._handlers.get(event) if isinstance(event, str) else None
        if found is not None:
            return None if getattr(found[1], "log_level", logging.INFO) == logging.DEBUG else f"event {event}"
        return str(event) if event in ("connect", "disconnect") else None

    async def _trigger(self, event: Any, *args: Any) -> Any:
        sid = args[0]
        if not self.services.manager.is_connected(sid, self.namespace):
            if event == "connect":
                return await self._connect(sid, args[1], args[2] if len(args) > 2 else None)
            if event == "disconnect":
                return await self._disconnect(sid)
        return await self._dispatch(event, sid, args[1] if len(args) > 1 else None)

    # Admission

    async def _connect(self, sid: str, environ: dict[str, Any], given: Any) -> None:
        logs.bind()
        outcome = "ok"
        try:
            await self._admit(sid, environ, given)
        except KonnectError as error:
            outcome = error.code
            raise _refusal(error) from error
        except (GoogleAPICallError, RetryError) as error:
            outcome = Unavailable.code
            log.warning("connection refused", extra={"error": str(error)})
            raise _refusal(Unavailable()) from error
        except Exception as error:
            outcome = KonnectError.code
            log.exception("connect failed")
            raise _refusal(_internal()) from error
        finally:
            self.services.metrics.connect(self.namespace, outcome)

    async def _admit(self, sid: str, environ: dict[str, Any], given: Any) -> None:
        services, manager = self.services, self.services.manager
        handshake = parse_handshake(given)
        token = find_token(handshake, environ)
        principal = await services.call(auth.authenticate, self.ctx, token)
        eio_sid = manager.eio_sid_from_sid(sid, self.namespace)
        connection = Connection(sid, eio_sid, principal, token)
        if not self.makes_present:
            if services.draining:
                raise Unavailable("this instance is stopping; please connect again")
            services.visitors[sid] = connection
            await self.enter_room(sid, user_room(principal.uid))
            # Apart, so that the client is told first that it is in.
            self.server.start_background_task(self.welcome, connection)
            return
        session = await services.presence.connect(connection)
        try:
            if handshake.wants_replay:
                manager.hold(eio_sid)
            await self.enter_room(sid, user_room(principal.uid))
            await self.enter_room(sid, EXPERTS_ROOM)
            if handshake.wants_replay:
                chat_id = handshake.chat_id or (session["id"] if session else None)
                services.replayer.start(eio_sid, principal.uid, chat_id, handshake.seen)
        except BaseException:
            # Counted as present already, and the library says no goodbye for a connection that it refuses.
            await self._disconnect(sid)
            raise

    async def welcome(self, connection: Connection) -> None:
        """What a visitor is told when it has come."""

    async def _disconnect(self, sid: str) -> None:
        connection = self.services.connection(sid)
        logs.bind(uid=connection.uid if connection is not None else None)
        if self.services.visitors.pop(sid, None) is not None:
            return
        if connection is not None:
            self.services.manager.forget(connection.eio_sid)
        try:
            await self.services.presence.disconnect(sid)
        except Exception:
            log.exception("disconnect failed")

    # Dispatch

    async def _dispatch(self, event: Any, sid: str, given: Any) -> Any:
        """The acknowledgement of an event: what its handler returns, or an error's body."""
        started = time.perf_counter()
        connection = self.services.connection(sid)
        logs.bind(uid=connection.uid if connection is not None else None)
        ack = await self._answer(event, connection, given)
        found = self._handlers.get(event) if isinstance(event, str) else None
        took_s = time.perf_counter() - started
        error = ack.get("error") if isinstance(ack, dict) else None
        code = error["code"] if isinstance(error, dict) else None
        name = event if found is not None else UNKNOWN
        self.services.metrics.event(name, code, code in _FAILURES, took_s)
        level: int = getattr(found[1], "log_level", logging.INFO) if found is not None else logging.DEBUG
        if log.isEnabledFor(level):
            fields = {
                "event": event if found is not None else None,
                "error": code,
                "ms": round(took_s * 1000, 1),
            }
            log.log(level, "event", extra=fields)
        return ack

    async def _answer(self, event: Any, connection: Connection | None, given: Any) -> Any:
        try:
            if self.services.draining:
                raise Unavailable("this instance is stopping; please connect again")
            if connection is None:
                raise Unauthenticated("the connection is closed")
            model, handler = self._handler(event)
            payload = _parse(model, given)
            if connection.is_stale:
                await self._recheck(connection)
            return await handler(self, connection, payload)
        except KonnectError as error:
            return _error_ack(error)
        except (GoogleAPICallError, RetryError) as error:
            log.warning("event failed", extra={"event": event, "error": str(error)})
            return _error_ack(Unavailable())
        except Exception:
            log.exception("event failed", extra={"event": event})
            return _internal().body()

    def _handler(self, event: Any) -> tuple[type[BaseModel] | None, Handler]:
        found = self._handlers.get(event) if isinstance(event, str) else None
        if found is None:
            raise NotFound("there is no such event", code="UNKNOWN_EVENT")
        return found

    async def _recheck(self, connection: Connection) -> None:
        try:
            await recheck(self.ctx, self.services.call, connection)
        except (Forbidden, Unauthenticated):
            # Told to go, so that the stock client does not come back by itself; after this event's answer.
            self.server.start_background_task(partial(self.disconnect, connection.sid))
            raise


def _trace(environ: Any) -> trace.Trace:
    """A connection may belong to a trace of its client's; each event begins one."""
    return trace.parse(environ.get("HTTP_TRACEPARENT") if isinstance(environ, dict) else None) or trace.new()


def _parse(model: type[BaseModel] | None, given: Any) -> Any:
    if model is None:
        return None
    try:
        return model.model_validate({} if given is None else given)
    except ValidationError as error:
        raise bad_request(error, where="payload") from error


def _error_ack(error: KonnectError) -> dict[str, Any]:
    """An error's body; what HTTP says by Retry-After is part of it here."""
    body = error.body()
    if error.retry_after_s is not None:
        body["error"]["retryAfterS"] = error.retry_after_s
    return body


def _refusal(error: KonnectError) -> ConnectionRefusedError:
    """`connect_error` at the client: err.message, err.data {code, message}."""
    return ConnectionRefusedError(error.message, {"code": error.code, "message": error.message})


def _internal() -> KonnectError:
    return KonnectError("something went wrong on our side")
