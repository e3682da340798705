"""WebSockets through the gateway: the handshake is passed on, then the two connections are one stream of bytes.

No frame is parsed, so a message costs two system calls here and no more.
"""

import asyncio
import logging

from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0


class SpliceError(ConnectionError):
    """The backend takes no connection; the client still waits for an answer."""


class Splices:
    """The WebSocket connections to one backend."""

    def __init__(self, backend: str) -> None:
        url = URL(backend)
        assert url.host is not None
        assert url.port is not None
        self._address = (url.host, url.port)
        self._open: set[asyncio.BaseTransport] = set()

    async def take(self, request: web.BaseRequest, headers: CIMultiDict[str]) -> web.StreamResponse:
        """Send the handshake on with these headers and give the connection away; returns when it is over.

        Raises SpliceError while nothing has been sent yet.
        """
        client = request.transport
        if client is None:
            raise ConnectionResetError("the client has gone")
        # What the client sends from here on waits in its socket, until there is somebody to take it.
        client.pause_reading()
        loop = asyncio.get_running_loop()
        over = loop.create_future()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                backend, _ = await loop.create_connection(lambda: _End(client, over), *self._address)
        except OSError as error:
            client.resume_reading()
            raise SpliceError(str(error)) from error
        early = _Early()
        assert request.protocol is not None
        request.protocol.set_parser(early)  # type: ignore[arg-type]
        client.set_protocol(_End(backend, over))
        backend.write(_handshake(request, headers) + bytes(early.received))
        client.resume_reading()
        pair = {client, backend}
        self._open |= pair
        try:
            await over
        finally:
            self._open -= pair
            for transport in pair:
                transport.close()
            # The HTTP server still counts the connection as its own.
            request.protocol.connection_lost(None)
        return web.Response()

    def close(self) -> None:
        """Cut every connection."""
        for transport in list(self._open):
            transport.close()


class _End(asyncio.Protocol):
    """One end of a splice: what it reads goes to `peer`, no faster than that takes it."""

    def __init__(self, peer: asyncio.WriteTransport, over: asyncio.Future[None]) -> None:
        self._peer = peer
        self._over = over

    def data_received(self, data: bytes) -> None:
        self._peer.write(data)

    # Called when this end's own write buffer fills or drains: the other end's reading follows.
    def pause_writing(self) -> None:
        if isinstance(self._peer, asyncio.ReadTransport) and not self._peer.is_closing():
            self._peer.pause_reading()

    def resume_writing(self) -> None:
        if isinstance(self._peer, asyncio.ReadTransport) and not self._peer.is_closing():
            self._peer.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._peer.close()
        if not self._over.done():
            self._over.set_result(None)


class _Early:
    """What the HTTP server had already received behind the handshake."""

    def __init__(self) -> None:
        self.received = bytearray()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.received += data
        return False, b""

    def feed_eof(self) -> None:
        pass


def _handshake(request: web.BaseRequest, headers: CIMultiDict[str]) -> bytes:
    lines = [f"GET {request.rel_url.raw_path_qs} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
