"""The one origin that frontends talk to, as Firebase Hosting and the load balancer are in production.

It follows the rewrites of firebase.json: to the functions, to signaling, else to the files of `hosting.public`.
"""

import asyncio
import logging
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from konnect import ids
from local.manifest import Manifest
from local.ports import HOST
from local.splice import SpliceError, Splices

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
# Below the functions server's keep-alive: the gateway never sends into a connection that is being closed.
KEEPALIVE_S = 15.0
MAX_HEADER_BYTES = 32 * 1024
# A body up to this size is passed on in one piece.
SMALL_BODY_BYTES = 256 * 1024
STOP_TIMEOUT_S = 1.0

# RFC 9110, 7.6.1: about this connection alone, not passed on.
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class Gateway:
    """An HTTP server on `host:port` (0: any free port) in front of the functions, signaling and the public files.

    `functions_url` is the base of the entry points' addresses; a rewritten path follows the entry point's name
    unchanged. `signaling_url` gets /socket.io: its polling requests, and WebSockets as a bare stream of bytes.
    """

    def __init__(
        self,
        port: int,
        manifest: Manifest,
        functions_url: str,
        signaling_url: str,
        public: Path,
        host: str = HOST,
    ) -> None:
        self._host, self._port = host, port
        self._manifest = manifest
        self._functions_url = functions_url.rstrip("/")
        self._signaling_url = signaling_url.rstrip("/")
        self._public = public
        self._session: aiohttp.ClientSession | None = None
        self._http: web.Server | None = None
        self._server: asyncio.Server | None = None
        self._splices = Splices(signaling_url)

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises OSError for a taken port."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S)
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            # Long polling waits as long as signaling lets it; a function's own time-out bounds the rest.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
        )
        self._http = web.Server(
            self._handle,
            access_log=None,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._http, self._host, self._port, backlog=1024)
        except OSError:
            await self.stop()
            raise
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection; requests that are being answered get a second."""
        if self._server:
            self._server.close()
        self._splices.close()
        if self._http:
            # Connections without a request end at once, the others have their time.
            self._http.pre_shutdown()
            await self._http.shutdown(STOP_TIMEOUT_S)
        if self._session:
            await self._session.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.rel_url.raw_path
        rewrite = self._manifest.rewrite(path)
        public = self._public_file(path)
        # Hosting looks for a file first.
        if public or rewrite is None or (rewrite.function_id is None and rewrite.service_id is None):
            response = _file(request, public, self._public / "404.html")
            response.headers["X-Request-Id"] = ids.new()
            return response
        if rewrite.service_id is not None:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._splice(request)
            return await self._pass_on(request, self._signaling_url, "signaling")
        assert rewrite.function_id is not None
        entry_point = self._manifest.endpoints[rewrite.function_id].entry_point
        return await self._pass_on(request, f"{self._functions_url}/{entry_point}", f"the function {entry_point}")

    async def _splice(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = forwarded_headers(request.headers, request.remote, request.host)
        headers.update({"Host": request.host, "Connection": "Upgrade", "Upgrade": "websocket"})
        try:
            return await self._splices.take(request, headers)
        except SpliceError as error:
            logger.warning("WebSocket: no connection to signaling: %s", error)
            response = _error(503, "UNAVAILABLE", "signaling does not answer")
            response.force_close()
            return response

    def _public_file(self, path: str) -> Path | None:
        root = self._public.resolve()
        try:
            file = (root / URL.build(path=path, encoded=True).path.lstrip("/")).resolve()
            if file.is_dir():
                file /= "index.html"
            return file if file.is_file() and file.is_relative_to(root) else None
        except (OSError, ValueError):
            # A name that no file can have: too long, or with a zero byte.
            return None

    async def _pass_on(self, request: web.BaseRequest, base: str, name: str) -> web.StreamResponse:
        assert self._session is not None
        url = URL(base + request.rel_url.raw_path_qs, encoded=True)
        headers = forwarded_headers(request.headers, request.remote, request.host)
        body: Any = None
        if headers.popall("Expect", None):
            # The client holds its body back until somebody asks for it.
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        if request.can_read_body:
            small = request.content_length is not None and request.content_length <= SMALL_BODY_BYTES
            body = await request.read() if small else request.content
        elif request.content_length == 0 and request.method in ("POST", "PUT", "PATCH"):
            body = b""
        try:
            answer = await self._session.request(
                request.method,
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        except aiohttp.ClientConnectorError as error:
            logger.warning("%s %s: no connection to %s: %s", request.method, request.path, name, error)
            return _error(503, "UNAVAILABLE", f"{name} does not answer")
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.warning("%s %s: %s broke off: %s", request.method, request.path, name, error)
            return _error(502, "UNAVAILABLE", f"{name} broke off")
        async with answer:
            return await _respond(request, answer)


def forwarded_headers(headers: Any, remote: str | None, host: str) -> CIMultiDict[str]:
    """The headers for the backend: without hop-by-hop ones, with X-Forwarded-For, -Proto and -Host."""
    passed = _end_to_end(headers)
    passed.popall("Host", None)
    if remote:
        # As Google's load balancer does: the client's address, and its own.
        passed["X-Forwarded-For"] = ", ".join([*headers.getall("X-Forwarded-For", []), remote, HOST])
    passed["X-Forwarded-Proto"] = "http"
    passed["X-Forwarded-Host"] = host
    return passed


def _end_to_end(headers: Any) -> CIMultiDict[str]:
    named = {name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(",")}
    dropped = HOP_BY_HOP | named
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


async def _respond(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = _end_to_end(answer.headers)
    length = answer.content_length
    if length is not None and length <= SMALL_BODY_BYTES and request.method != "HEAD":
        try:
            content = await answer.read()
        except aiohttp.ClientError:
            return _error(502, "UNAVAILABLE", "the answer broke off")
        headers.popall("Content-Length", None)
        return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=content)
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except aiohttp.ClientError:
        # The status is out: only a broken connection tells the client that this is not all.
        if request.transport:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


def _file(request: web.BaseRequest, file: Path | None, not_found: Path) -> web.StreamResponse:
    if file is None:
        if not_found.is_file():
            return web.Response(status=404, body=not_found.read_bytes(), content_type="text/html", charset="utf-8")
        return _error(404, "NOT_FOUND", "nothing is served here")
    if request.method not in ("GET", "HEAD"):
        return _error(405, "METHOD_NOT_ALLOWED", "a file can only be read")
    return web.FileResponse(file)


def _error(status: int, code: str, message: str) -> web.Response:
    """An error in the API's shape."""
    body = {"error": {"code": code, "message": message, "details": []}}
    return web.json_response(body, status=status, headers={"X-Request-Id": ids.new()})
