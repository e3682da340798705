"""The function that Cloud Tasks calls: verify its token, find the handler, answer what makes it retry or stop."""

import logging
import time
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import werkzeug.exceptions
from flask import Request, Response

from konnect import auth, clock, ids, spans, trace
from konnect import log as logs

from . import responses
from .app import end, measured
from .validation import parse_object

if TYPE_CHECKING:
    from konnect.context import Context

log = logging.getLogger(__name__)


def serve_task(request: Request, handlers: Mapping[str, str], ctx: "Context | None" = None) -> Response:
    """Run one task. `handlers`: path → "module:function", called as handler(ctx, payload, now).

    2xx when it is done; every other status is retried by Cloud Tasks as the queue says. Never raises.
    """
    trace.begin(trace.of_request(request.headers))
    if ctx is None:
        from konnect.context import context

        ctx = context()
    with spans.entry("task", "consumer") as span:
        return _serve(request, handlers, ctx, span)


def _serve(request: Request, handlers: Mapping[str, str], ctx: "Context", span: spans.Span) -> Response:
    started = time.perf_counter()
    now = clock.now()
    task_id = ids.request_id(request.headers.get("X-Request-Id"))
    logs.bind(request_id=task_id, task=request.headers.get("X-CloudTasks-TaskName", ""))
    cost: Any = None
    failure: str | None = None
    try:
        auth.verify_task_token(ctx.settings, request.headers.get("Authorization"))
        handler = _handler(request, handlers)
        if span:
            span.rename(f"task {request.path}")
        payload = parse_object(request.get_data())
        with measured() as cost:
            handler(ctx, payload, now)
        response = Response(status=204)
    except Exception as error:
        response = responses.error(error)
        failure = responses.code_of(error)
        if response.status_code < 500:
            log.warning("task refused", extra={"path": request.path, "error": str(error)})
    responses.add_headers(response, request, ctx.settings, task_id)
    log.info(
        "task",
        extra={
            "path": request.path,
            "status": response.status_code,
            "reads": cost.reads if cost is not None else 0,
            "writes": cost.writes if cost is not None else 0,
            "ms": round((time.perf_counter() - started) * 1000, 1),
            "retry": request.headers.get("X-CloudTasks-TaskRetryCount", type=int, default=0),
        },
    )
    if span:
        span.set(
            {
                "messaging.system": "gcp_cloud_tasks",
                "messaging.message.id": request.headers.get("X-CloudTasks-TaskName"),
                "konnect.retry": request.headers.get("X-CloudTasks-TaskRetryCount", type=int, default=0),
            }
        )
        end(span, response.status_code, failure, cost)
    return response


def _handler(request: Request, handlers: Mapping[str, str]) -> Any:
    target = handlers.get(request.path)
    if target is None:
        raise werkzeug.exceptions.NotFound
    if request.method != "POST":
        raise werkzeug.exceptions.MethodNotAllowed(["POST"])
    module, _, function = target.partition(":")
    return getattr(import_module(module), function)
