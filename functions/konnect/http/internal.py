"""Functions that only the cloud calls: Firestore triggers, scheduled jobs, and those an admin runs from the console.

IAM keeps everybody else out (functions.yaml gives them no public invoker, firebase.json no rewrite).
"""

import logging
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flask import Request, Response
from pydantic import ValidationError

from konnect import clock
from konnect import log as logs
from konnect.errors import KonnectError

from . import responses
from .app import measured, request_id, trace_fields
from .validation import bad_request, parse_object

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent

    from konnect.context import Context

log = logging.getLogger(__name__)


def serve_job(request: Request, function: str, ctx: "Context | None" = None) -> Response:
    """Run a scheduled or console function, "module:function", as function(ctx, payload, now) with the JSON body.

    Answers its result as JSON; an error as everywhere (400 names each field). Never raises.
    """
    started = time.perf_counter()
    ctx = ctx or _context()
    job_id = request_id(request)
    logs.bind(request_id=job_id, job=function, **trace_fields(request, ctx.settings))
    cost: Any = None
    try:
        payload = parse_object(request.get_data())
        with measured() as cost:
            result = _load(function)(ctx, payload, clock.now())
        response = responses.render(result, 200)
    except ValidationError as error:
        response = responses.error(bad_request(error, where="payload"))
    except Exception as error:
        response = responses.error(error)
    responses.add_headers(response, request, ctx.settings, job_id)
    _log("job", started, cost, status=response.status_code)
    return response


def serve_trigger(event: "CloudEvent", pattern: str, function: str, ctx: "Context | None" = None) -> None:
    """Handle a Firestore event of `pattern` as function(ctx, change, now). What it raises makes Eventarc deliver the
    event again."""
    from .triggers import decode

    started = time.perf_counter()
    ctx = ctx or _context()
    logs.bind(event=event["id"], trigger=function)
    change = decode(event, pattern)
    with measured() as cost:
        try:
            _load(function)(ctx, change, clock.now())
        except KonnectError as error:
            log.warning("trigger to be retried", extra={"path": change.path, "error": error.message})
            raise
    _log("trigger", started, cost, path=change.path)


def _context() -> "Context":
    from konnect.context import context

    return context()


def _load(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    loaded: Callable[..., Any] = getattr(import_module(module), name)
    return loaded


def _log(kind: str, started: float, cost: Any, **fields: Any) -> None:
    log.info(
        kind,
        extra={
            **fields,
            "reads": cost.reads if cost is not None else 0,
            "writes": cost.writes if cost is not None else 0,
            "ms": round((time.perf_counter() - started) * 1000, 1),
        },
    )
