"""One HTTP function: its request to the module that answers the path, and around it ids, logs, headers and errors."""

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import werkzeug.exceptions
from flask import Request, Response

from konnect import clock, ids, spans, trace
from konnect import log as logs
from konnect.config import settings

from . import responses
from .routing import Call, Router

if TYPE_CHECKING:
    from konnect.context import Context

log = logging.getLogger(__name__)


def serve(request: Request, routes: Mapping[str, str], ctx: "Context | None" = None) -> Response:
    """Answer `request`. `routes`: path prefix → module with a `router`, imported at first use.

    The longest prefix wins; `*` in one stands for any one segment. Never raises. `ctx` is the process's own by default.
    """
    trace.begin(trace.of_request(request.headers))
    with spans.entry(request.method, "server") as span:
        return _serve(request, routes, ctx, span)


def _serve(request: Request, routes: Mapping[str, str], ctx: "Context | None", span: spans.Span) -> Response:
    started = time.perf_counter()
    now = clock.now()
    current = ctx.settings if ctx is not None else settings()
    call = Call(request, ids.request_id(request.headers.get("X-Request-Id")), now, ctx)
    call.log_fields = {"request_id": call.request_id}
    logs.bind(**call.log_fields)
    cost: Any = None
    failure: str | None = None
    try:
        if request.method == "OPTIONS":
            response = responses.preflight()
        else:
            route, variables = _router(request.path, routes).match(request.method, request.path)
            if span:
                span.rename(f"{request.method} {route.template}")
                span.set({"http.route": route.template})
            # A route that reads no document must not load the store for the sake of counting.
            with measured(route.auth != "public" or route.limit is not None) as cost:
                response = route.answer(call, variables)
    except Exception as error:
        response = responses.error(error)
        failure = responses.code_of(error)
        for name, value in call.response_headers.items():
            response.headers.setdefault(name, value)
    responses.add_headers(response, request, current, call.request_id)
    log.info(
        "request",
        extra={
            "method": request.method,
            "path": call.logged_path,
            "status": response.status_code,
            "error": failure,
            "ms": round((time.perf_counter() - started) * 1000, 1),
            "reads": cost.reads if cost is not None else 0,
            "writes": cost.writes if cost is not None else 0,
        },
    )
    if span:
        span.set(
            {"http.request.method": request.method, "url.path": call.logged_path, "konnect.request_id": call.request_id}
        )
        end(span, response.status_code, failure, cost)
    return response


def end(span: spans.Span, status: int, error: str | None, cost: Any) -> None:
    """What every way in over HTTP says of itself. A refusal is an answer: only 5xx is a failure."""
    span.set(
        {
            "http.response.status_code": status,
            "error.type": error,
            "konnect.reads": cost.reads if cost is not None else 0,
            "konnect.writes": cost.writes if cost is not None else 0,
        }
    )
    if status >= 500:
        span.fail(error or str(status))


@contextmanager
def measured(load: bool = True) -> Iterator[Any]:
    """Count the block's Firestore operations (store.Usage). `load` false: None while nobody has loaded the store."""
    if not load and "konnect.store" not in sys.modules:
        yield None
        return
    from konnect.store import measure

    with measure() as usage:
        yield usage


def _router(path: str, routes: Mapping[str, str]) -> Router:
    segments = path.rstrip("/").split("/")
    patterns = _patterns(tuple(routes))
    for size in range(len(segments), 1, -1):
        prefix = "/".join(segments[:size])
        if prefix not in routes:
            found = (
                pattern
                for pattern, parts in patterns.get(size, ())
                if all(part in ("*", segment) for part, segment in zip(parts, segments, strict=False))
            )
            prefix = next(found, prefix)
        if prefix in routes:
            router: Router = import_module(routes[prefix]).router
            return router
    raise werkzeug.exceptions.NotFound


@cache
def _patterns(prefixes: tuple[str, ...]) -> dict[int, list[tuple[str, list[str]]]]:
    """Those with a `*`, by their number of segments: split once, since every request asks."""
    found: dict[int, list[tuple[str, list[str]]]] = {}
    for prefix in prefixes:
        if "*" in prefix:
            parts = prefix.split("/")
            found.setdefault(len(parts), []).append((prefix, parts))
    return found
