"""What belongs to no domain: health, the two API documents, and the page to read and try them."""

import gzip
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from flask import Response

from konnect import clock
from konnect.errors import NotFound

from . import VERSION
from .routing import Call, Router
from .schemas import Schema

router = Router("System")

HERE = Path(__file__).parent
STATIC = HERE / "static"
# Swagger UI sets style attributes, and draws its icons from data: URLs; everything else is its own files.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_OURS = {"page.js": "text/javascript; charset=utf-8", "page.css": "text/css; charset=utf-8"}
_SWAGGER_UI = {"swagger-ui-bundle.js": "text/javascript; charset=utf-8", "swagger-ui.css": "text/css; charset=utf-8"}


class Health(Schema):
    status: str
    version: str
    time: str


@router.get("/health", auth="public", limit=None, response=Health)
def health(call: Call) -> Health:
    """Whether this instance answers."""
    call.response_headers["Cache-Control"] = "no-store"
    return Health(status="ok", version=VERSION, time=clock.iso(call.now))


@router.get("/api/openapi.json", auth="public", limit=None)
def openapi(call: Call) -> Response:
    """This document: OpenAPI 3.1."""
    return _file(call, HERE / "openapi.json", "application/json")


@router.get("/api/asyncapi.json", auth="public", limit=None)
def asyncapi(call: Call) -> Response:
    """The Socket.IO events: AsyncAPI 3.0."""
    return _file(call, HERE / "asyncapi.json", "application/json")


@router.get(
    "/api",
    auth="public",
    limit=None,
    documentation={
        "responses": {"200": {"description": "OK", "content": {"text/html": {"schema": {"type": "string"}}}}}
    },
)
def page(call: Call) -> Response:
    """This documentation, as a page to read and to try."""
    response = _file(call, STATIC / "page.html", "text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


@router.get("/api/docs/<asset>", auth="public", limit=None, documented=False)
def page_asset(call: Call, asset: str) -> Response:
    """The page's own files, and Swagger UI's from its package."""
    if asset in _OURS:
        return _file(call, STATIC / asset, _OURS[asset])
    if asset in _SWAGGER_UI:
        return _file(call, _swagger_ui() / asset, _SWAGGER_UI[asset])
    raise NotFound("there is nothing at this path")


@lru_cache(maxsize=1)
def _swagger_ui() -> Path:
    # Found, not imported: the package's own code is a Flask blueprint that we don't use.
    spec = find_spec("flask_swagger_ui")
    if spec is None or spec.origin is None:
        raise NotFound("the documentation's files are not installed")
    return Path(spec.origin).parent / "dist"


@lru_cache(maxsize=16)
def _read(path: Path, compressed: bool) -> bytes:
    data = path.read_bytes()
    return gzip.compress(data, mtime=0) if compressed else data


def _file(call: Call, path: Path, content_type: str) -> Response:
    """A file of this release: compressed where the client takes it, revalidated by its ETag."""
    compressed = call.request.accept_encodings["gzip"] > 0
    response = Response(_read(path, compressed), content_type=content_type)
    if compressed:
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    response.cache_control.public = True
    response.cache_control.max_age = 300
    response.add_etag()
    response.make_conditional(call.request)
    return response
