"""Functions that only the cloud calls: Firestore triggers, scheduled jobs, and those an admin runs from the console.

IAM keeps everybody else out (functions.yaml gives them no public invoker, firebase.json no rewrite).
"""

import logging
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flask import Request, Response, has_request_context
from flask import request as flask_request
from pydantic import ValidationError

from konnect import clock, ids, spans, trace
from konnect import log as logs
from konnect.errors import BadRequest, KonnectError

from . import responses
from .app import end, measured
from .validation import bad_request, parse_object

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent

    from konnect.context import Context

log = logging.getLogger(__name__)


def serve_job(request: Request, function: str, ctx: "Context | None" = None, *, can_rehearse: bool = False) -> Response:
    """Run a scheduled or console function, "module:function", as function(ctx, payload, now) with the JSON body.

    Answers its result as JSON; an error as everywhere (400 names each field). With `"dryRun": true` in the payload of
    one that `can_rehearse`, nothing is written, and the answer says what would be. Never raises.
    """
    trace.begin(trace.of_request(request.headers))
    with spans.entry(f"job {function}", "server") as span:
        return _serve_job(request, function, ctx or _context(), can_rehearse, span)


def _serve_job(request: Request, function: str, ctx: "Context", can_rehearse: bool, span: spans.Span) -> Response:
    started = time.perf_counter()
    job_id = ids.request_id(request.headers.get("X-Request-Id"))
    logs.bind(request_id=job_id, job=function)
    cost: Any = None
    failure: str | None = None
    try:
        payload = parse_object(request.get_data())
        with measured() as cost:
            result = _run(ctx, _load(function), payload, can_rehearse)
        response = responses.render(result, 200)
    except ValidationError as error:
        response = responses.error(bad_request(error, where="payload"))
        failure = BadRequest.code
    except Exception as error:
        response = responses.error(error)
        failure = responses.code_of(error)
    responses.add_headers(response, request, ctx.settings, job_id)
    _log("job", started, cost, status=response.status_code, error=failure)
    if span:
        end(span, response.status_code, failure, cost)
    return response


def _run(ctx: "Context", function: Callable[..., Any], payload: dict[str, Any], can_rehearse: bool) -> Any:
    if "dryRun" not in payload:
        return function(ctx, payload, clock.now())
    dry = payload.pop("dryRun")
    if not can_rehearse or not isinstance(dry, bool):
        raise BadRequest.field("dryRun", "must be true or false" if can_rehearse else "this function has no dry run")
    if not dry:
        return function(ctx, payload, clock.now())
    from konnect.rehearsal import Rehearsal

    rehearsal = Rehearsal.of(ctx)
    return rehearsal.report(function(rehearsal, payload, clock.now()))


def serve_trigger(event: "CloudEvent", pattern: str, function: str, ctx: "Context | None" = None) -> None:
    """Handle a Firestore event of `pattern` as function(ctx, change, now). What it raises makes Eventarc deliver the
    event again.

    It belongs to the trace of the write, where the document says that, and else to the delivery's.
    """
    from .triggers import decode

    started = time.perf_counter()
    ctx = ctx or _context()
    delivery = trace.begin(trace.of_request(flask_request.headers) if has_request_context() else None)
    logs.bind(event=event["id"], trigger=function)
    change = decode(event, pattern)
    if change.trace is not None:
        trace.begin(change.trace)
        # Cloud Run's own line on this request has the delivery's trace.
        logs.bind(event=event["id"], trigger=function, delivery_trace=delivery.id)
    links = [delivery] if change.trace is not None and not delivery.is_root else []
    with (
        spans.entry(f"trigger {function}", "consumer", {"messaging.message.id": event["id"]}, links=links),
        measured() as cost,
    ):
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
