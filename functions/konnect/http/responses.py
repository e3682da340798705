"""Responses: JSON, errors, and the headers that each of them carries."""

import json
import logging
import sys
from datetime import datetime
from typing import Any

from flask import Request, Response
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from konnect import clock
from konnect.config import Settings
from konnect.errors import KonnectError, PayloadTooLarge, Unavailable
from konnect.errors import NotFound as ResourceNotFound

log = logging.getLogger(__name__)

JSON = "application/json"
ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, X-Request-Id, traceparent, tracestate"
ALLOWED_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
LIMIT_HEADERS = "RateLimit, RateLimit-Policy, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
EXPOSED_HEADERS = f"ETag, X-Request-Id, Retry-After, {LIMIT_HEADERS}"
PREFLIGHT_MAX_AGE_S = 7200
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
# Passing faults of Google's clients, by name: importing them here would cost every cold start.
_PASSING = ("Aborted", "DeadlineExceeded", "ResourceExhausted", "RetryError", "ServiceUnavailable")


def render(value: Any, status: int) -> Response:
    """A handler's result as a response: a model, anything JSON, or None (204)."""
    if value is None:
        return Response(status=204)
    if isinstance(value, BaseModel):
        return Response(value.model_dump_json(by_alias=True), status=status, content_type=JSON)
    return Response(json.dumps(value, default=_plain, ensure_ascii=False), status=status, content_type=JSON)


def error(raised: Exception) -> Response:
    """Any exception as the one form of errors; what is not ours is logged with its stack and told to nobody."""
    known = _known(raised)
    if known is None:
        log.error("unexpected error", exc_info=raised)
        known = KonnectError("something went wrong on our side; the request id helps us to find it")
    response = render(known.body(), known.status)
    response.headers["Cache-Control"] = "no-store"
    if known.retry_after_s is not None:
        response.headers["Retry-After"] = str(known.retry_after_s)
    if known.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(raised, MethodNotAllowed) and raised.valid_methods:
        response.headers["Allow"] = ", ".join(sorted({*raised.valid_methods, "OPTIONS"}))
    return response


def code_of(raised: Exception) -> str:
    """The code that `error` answers with, for logs and spans."""
    if isinstance(raised, KonnectError):
        return raised.code
    known = _known(raised) if isinstance(raised, HTTPException) else None
    return known.code if known is not None else type(raised).__name__


def preflight() -> Response:
    """The answer to OPTIONS on any path; `add_headers` names the origin, if it is allowed."""
    response = Response(status=204)
    response.headers.update(
        {
            "Allow": ALLOWED_METHODS,
            "Access-Control-Allow-Methods": ALLOWED_METHODS,
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_MAX_AGE_S),
        }
    )
    return response


def add_headers(response: Response, request: Request, settings: Settings, request_id: str) -> None:
    """Security headers (a handler's own win), the request id and CORS."""
    for name, value in _SECURITY.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-Id"] = request_id
    origins = settings.cors_origin_list
    origin = request.headers.get("Origin")
    if "*" in origins:
        response.headers["Access-Control-Allow-Origin"] = "*"
    else:
        response.vary.add("Origin")
        if origin is None or origin not in origins:
            return
        response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS


def _known(raised: Exception) -> KonnectError | None:
    if isinstance(raised, KonnectError):
        return raised
    if isinstance(raised, NotFound):
        return ResourceNotFound("there is nothing at this path")
    if isinstance(raised, RequestEntityTooLarge):
        return PayloadTooLarge("the body is too large")
    if isinstance(raised, HTTPException) and raised.code is not None and raised.code >= 400:
        http = KonnectError(raised.name.lower(), code=raised.name.upper().replace(" ", "_"))
        http.status = raised.code
        return http
    google = sys.modules.get("google.api_core.exceptions")
    if google is not None and isinstance(raised, tuple(getattr(google, name) for name in _PASSING)):
        log.warning("a dependency failed", exc_info=raised)
        return Unavailable()
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")
