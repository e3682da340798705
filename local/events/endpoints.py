"""The relay's own HTTP interface, for tests and the console: faults, counts, waiting till all is delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import ValidationError

from local.events.faults import Fault, UnknownTriggerError

if TYPE_CHECKING:
    from local.events.relay import EventRelay

DRAIN_TIMEOUT_S = 10.0


def routes(relay: EventRelay) -> list[web.RouteDef]:
    """POST, GET and DELETE /events/faults (?trigger=), GET /events/stats, POST /events/drain (?timeout=10, in seconds).

    Errors are {"error": {code, message, details}}.
    """

    async def post_fault(request: web.Request) -> web.Response:
        try:
            fault = Fault.model_validate_json(await request.read())
            relay.set_fault(fault)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
            return _error(400, "INVALID_ARGUMENT", "the body is no fault", details)
        except UnknownTriggerError as error:
            return _error(404, "NOT_FOUND", str(error))
        return web.json_response(fault.model_dump(), status=201)

    async def get_faults(request: web.Request) -> web.Response:
        return web.json_response({"items": [fault.model_dump() for fault in relay.faults]})

    async def delete_faults(request: web.Request) -> web.Response:
        relay.clear_faults(request.query.get("trigger"))
        return web.Response(status=204)

    async def get_stats(request: web.Request) -> web.Response:
        return web.json_response(relay.stats())

    async def post_drain(request: web.Request) -> web.Response:
        """The counts once nothing is pending; 504 if something still is."""
        try:
            timeout_s = float(request.query.get("timeout", DRAIN_TIMEOUT_S))
        except ValueError:
            return _error(400, "INVALID_ARGUMENT", "timeout must be a number of seconds")
        try:
            await relay.drain(timeout_s)
        except TimeoutError as error:
            return _error(504, "DEADLINE_EXCEEDED", str(error))
        return web.json_response(relay.stats())

    return [
        web.post("/events/faults", post_fault),
        web.get("/events/faults", get_faults),
        web.delete("/events/faults", delete_faults),
        web.get("/events/stats", get_stats),
        web.post("/events/drain", post_drain),
    ]


def _error(status: int, code: str, message: str, details: Any = ()) -> web.Response:
    error = {"code": code, "message": message, "details": list(details)}
    return web.json_response({"error": error}, status=status)
