"""What every namespace shares: admission, dispatch, validation, and an acknowledgement whatever happens."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import socketio
from google.api_core.exceptions import GoogleAPICallError, RetryError
from pydantic import BaseModel, ValidationError
from socketio.exceptions import ConnectionRefusedError

from konnect import auth
from konnect.context import Context
from konnect.errors import Forbidden, KonnectError, NotFound, Unauthenticated, Unavailable
from konnect.http.validation import bad_request
from konnect.realtime import EXPERTS_ROOM, user_room
from signaling.auth import Connection, find_token, parse_handshake, recheck
from signaling.lanes import Lanes
from signaling.manager import Manager
from signaling.memberships import Memberships
from signaling.presence import Presence
from signaling.resync import Replayer

log = logging.getLogger(__name__)

Handler = Callable[[Any, Connection, Any], Awaitable[Any]]
Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass
class Services:
    """What handlers work with. `call(function, *args)` runs a blocking one in the pool; `lanes` keep a chat's order."""

    ctx: Context
    manager: Manager
    presence: Presence
    lanes: Lanes
    memberships: Memberships
    replayer: Replayer
    call: Callable[..., Awaitable[Any]]
    draining: bool = False


def event(name: str, payload: type[BaseModel] | None = None) -> Callable[[Method], Method]:
    """Mark a method as the handler of an event: `async def (self, connection, payload) -> acknowledgement`."""

    def mark(method: Method) -> Method:
        vars(method)["event"] = name, payload
        return method

    return mark


class Namespace(socketio.AsyncNamespace):  # type: ignore[misc]
    """Admission and dispatch. Subclasses mark their handlers with `event`."""

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
        sid = args[0]
        if not self.services.manager.is_connected(sid, self.namespace):
            if event == "connect":
                return await self._connect(sid, args[1], args[2] if len(args) > 2 else None)
            if event == "disconnect":
                return await self._disconnect(sid)
        return await self._dispatch(event, sid, args[1] if len(args) > 1 else None)

    # Admission

    async def _connect(self, sid: str, environ: dict[str, Any], given: Any) -> None:
        try:
            await self._admit(sid, environ, given)
        except KonnectError as error:
            raise _refusal(error) from error
        except (GoogleAPICallError, RetryError) as error:
            log.warning("connection refused", extra={"error": str(error)})
            raise _refusal(Unavailable()) from error
        except Exception as error:
            log.exception("connect failed")
            raise _refusal(_internal()) from error

    async def _admit(self, sid: str, environ: dict[str, Any], given: Any) -> None:
        services, manager = self.services, self.services.manager
        handshake = parse_handshake(given)
        token = find_token(handshake, environ)
        principal = await services.call(auth.authenticate, self.ctx, token)
        eio_sid = manager.eio_sid_from_sid(sid, self.namespace)
        session = await services.presence.connect(Connection(sid, eio_sid, principal, token))
        if handshake.wants_replay:
            manager.hold(eio_sid)
        await self.enter_room(sid, user_room(principal.uid))
        await self.enter_room(sid, EXPERTS_ROOM)
        if handshake.wants_replay:
            chat_id = handshake.chat_id or (session["id"] if session else None)
            services.replayer.start(eio_sid, principal.uid, chat_id, handshake.seen)

    async def _disconnect(self, sid: str) -> None:
        connection = self.services.presence.connections.get(sid)
        if connection is not None:
            self.services.manager.forget(connection.eio_sid)
        try:
            await self.services.presence.disconnect(sid)
        except Exception:
            log.exception("disconnect failed")

    # Dispatch

    async def _dispatch(self, event: Any, sid: str, given: Any) -> Any:
        """The acknowledgement of an event: what its handler returns, or an error's body."""
        try:
            connection = self.services.presence.connections.get(sid)
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
            return error.body()
        except (GoogleAPICallError, RetryError) as error:
            log.warning("event failed", extra={"event": event, "error": str(error)})
            return Unavailable().body()
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


def _parse(model: type[BaseModel] | None, given: Any) -> Any:
    if model is None:
        return None
    try:
        return model.model_validate({} if given is None else given)
    except ValidationError as error:
        raise bad_request(error, where="payload") from error


def _refusal(error: KonnectError) -> ConnectionRefusedError:
    """`connect_error` at the client: err.message, err.data {code, message}."""
    return ConnectionRefusedError(error.message, {"code": error.code, "message": error.message})


def _internal() -> KonnectError:
    return KonnectError("something went wrong on our side")
