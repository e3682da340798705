"""One HTTP function: its request to the module that answers the path, and around it ids, logs, headers and errors."""

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import werkzeug.exceptions
from flask import Request, Response

from konnect import clock, ids, trace
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
    started = time.perf_counter()
    now = clock.now()
    current = ctx.settings if ctx is not None else settings()
    call = Call(request, ids.request_id(request.headers.get("X-Request-Id")), now, ctx)
    trace.begin(trace.of_request(request.headers))
    call.log_fields = {"request_id": call.request_id}
    logs.bind(**call.log_fields)
    cost: Any = None
    try:
        if request.method == "OPTIONS":
            response = responses.preflight()
        else:
            route, variables = _router(request.path, routes).match(request.method, request.path)
            # A route that reads no document must not load the store for the sake of counting.
            with measured(route.auth != "public" or route.limit is not None) as cost:
                response = route.answer(call, variables)
    except Exception as error:
        response = responses.error(error)
        for name, value in call.response_headers.items():
            response.headers.setdefault(name, value)
    responses.add_headers(response, request, current, call.request_id)
    log.info(
        "request",
        extra={
            "method": request.method,
            "path": call.logged_path,
            "status": response.status_code,
            "ms": round((time.perf_counter() - started) * 1000, 1),
            "reads": cost.reads if cost is not None else 0,
            "writes": cost.writes if cost is not None else 0,
        },
    )
    return response


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
    patterns = [prefix.split("/") for prefix in routes if "*" in prefix]
    for size in range(len(segments), 1, -1):
        prefix = "/".join(segments[:size])
        module = routes.get(prefix)
        if module is None:
            for pattern in patterns:
                if len(pattern) == size and all(p in ("*", s) for p, s in zip(pattern, segments, strict=False)):
                    module = routes["/".join(pattern)]
                    break
        if module is not None:
            router: Router = import_module(module).router
            return router
    raise werkzeug.exceptions.NotFound
