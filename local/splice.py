"""WebSockets through the gateway: the handshake is passed on, then the two connections are one stream of bytes.

No frame is parsed, so a message costs two system calls here and no more.
"""

import asyncio
import json
import logging
from collections.abc import Callable

from aiohttp import web
from yarl import URL

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
MAX_HEAD_BYTES = 32 * 1024
_END_OF_HEAD = b"\r\n\r\n"


def unavailable_body(code: str, message: str) -> bytes:
    """An error in the API's shape."""
    return json.dumps({"error": {"code": code, "message": message}}).encode()


class Upgrades:
    """Makes the protocol of each new connection: WebSocket handshakes go to `backend`, all else to the HTTP server.

    `belongs(path)` says whether the backend serves WebSockets at a path.
    """

    def __init__(self, http: web.Server, backend: URL, belongs: Callable[[str], bool]) -> None:
        self.http = http
        self.backend = backend
        self.belongs = belongs
        self.open: set[asyncio.Transport] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    def protocol(self) -> asyncio.Protocol:
        return _First(self)

    def close(self) -> None:
        """Cut every spliced connection."""
        for task in self.tasks:
            task.cancel()
        for transport in list(self.open):
            transport.abort()


class _First(asyncio.Protocol):
    """Reads the head of a connection's first request, which decides who gets the connection."""

    def __init__(self, upgrades: Upgrades) -> None:
        self._upgrades = upgrades
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._upgrades.open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport:
            self._upgrades.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._received += data
        if not b"GET ".startswith(self._received[:4]):
            self._to_http()
        elif _END_OF_HEAD in self._received:
            if self._is_upgrade():
                self._to_backend()
            else:
                self._to_http()
        elif len(self._received) > MAX_HEAD_BYTES:
            # Too long to be a handshake; the HTTP server has the answer to that.
            self._to_http()

    def _is_upgrade(self) -> bool:
        head = self._received[: self._received.index(_END_OF_HEAD)].decode("latin-1")
        request_line, *lines = head.split("\r\n")
        upgrade = any(line.replace(" ", "").lower() == "upgrade:websocket" for line in lines)
        target = request_line.split(" ")[1] if request_line.count(" ") == 2 else ""
        return upgrade and self._upgrades.belongs(target.split("?")[0])

    def _to_http(self) -> None:
        transport = self._transport
        assert transport is not None
        self._upgrades.open.discard(transport)
        protocol = self._upgrades.http()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(self._received)

    def _to_backend(self) -> None:
        transport = self._transport
        assert transport is not None
        # What comes before the backend is there waits in the socket.
        transport.pause_reading()
        client = _End(self._upgrades)
        client.connection_made(transport)
        transport.set_protocol(client)
        task = asyncio.get_running_loop().create_task(self._connect(client))
        self._upgrades.tasks.add(task)
        task.add_done_callback(self._upgrades.tasks.discard)

    async def _connect(self, client: "_End") -> None:
        backend = self._upgrades.backend
        assert backend.host is not None
        assert backend.port is not None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                transport, _ = await asyncio.get_running_loop().create_connection(
                    lambda: _End(self._upgrades, peer=client.transport), backend.host, backend.port
                )
        except OSError as error:
            logger.warning("WebSocket: no connection to signaling: %s", error)
            body = unavailable_body("UNAVAILABLE", "signaling does not answer")
            head = (
                "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            client.transport.write(head.encode() + body)
            client.transport.close()
            return
        if client.transport.is_closing():
            transport.abort()
            return
        client.peer = transport
        peer_address = client.transport.get_extra_info("peername")
        transport.write(_forwarded(self._received, peer_address[0] if peer_address else ""))
        client.transport.resume_reading()


class _End(asyncio.Protocol):
    """One end of a splice: what it reads goes to `peer`, no faster than that takes it."""

    transport: asyncio.Transport

    def __init__(self, upgrades: Upgrades, peer: asyncio.Transport | None = None) -> None:
        self._upgrades = upgrades
        self.peer = peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._upgrades.open.add(transport)

    def data_received(self, data: bytes) -> None:
        assert self.peer is not None
        self.peer.write(data)

    # Called when this end's own write buffer fills: the other end must stop reading.
    def pause_writing(self) -> None:
        if self.peer and not self.peer.is_closing():
            self.peer.pause_reading()

    def resume_writing(self) -> None:
        if self.peer and not self.peer.is_closing():
            self.peer.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._upgrades.open.discard(self.transport)
        if self.peer and not self.peer.is_closing():
            self.peer.close()


def _forwarded(received: bytes, remote: str) -> bytes:
    """The handshake with X-Forwarded-* added; a further line of a header is one more value of its list."""
    head, rest = received.split(_END_OF_HEAD, 1)
    lines = head.split(b"\r\n")
    host = next((line.split(b":", 1)[1].strip() for line in lines[1:] if line.lower().startswith(b"host:")), b"")
    ours = (b"x-forwarded-proto:", b"x-forwarded-host:")
    kept = [line for line in lines if not line.lower().startswith(ours)]
    kept += [b"X-Forwarded-For: " + remote.encode(), b"X-Forwarded-Proto: http", b"X-Forwarded-Host: " + host]
    return b"\r\n".join(kept) + _END_OF_HEAD + rest
