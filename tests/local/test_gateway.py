"""The gateway in front of real servers: aiohttp for the functions, python-socketio for signaling; stock clients."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
from aiohttp import web

from local import manifest
from local.gateway import Gateway

HOST = "127.0.0.1"
BIG = bytes(range(256)) * 20_000


@dataclass
class Site:
    """A gateway with its two backends."""

    url: str
    session: aiohttp.ClientSession
    handshakes: list[dict[str, Any]] = field(default_factory=list)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)


async def functions(request: web.Request) -> web.StreamResponse:
    """What a function saw; some paths behave in special ways."""
    if request.path.endswith("/big"):
        return web.Response(body=BIG)
    if request.path.endswith("/stream"):
        response = web.StreamResponse()
        await response.prepare(request)
        for part in (b"one ", b"two ", b"three"):
            await response.write(part)
        return response
    if request.path.endswith("/gzip"):
        response = web.Response(body=b"x" * 5000)
        response.enable_compression(web.ContentCoding.gzip)
        return response
    if request.path.endswith("/abort"):
        assert request.transport
        request.transport.abort()
    if request.path.endswith("/cookies"):
        headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Connection", "X-Private"), ("X-Private", "1")]
        return web.Response(status=302, headers=[*headers, ("Location", "/elsewhere")])
    if request.path.endswith("/empty"):
        return web.Response(status=204)
    body = await request.read()
    seen = {
        "path": request.raw_path,
        "method": request.method,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "length": len(body),
    }
    return web.json_response(seen)


async def listen(handler: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(handler, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    return runner, f"http://{HOST}:{runner.addresses[0][1]}"


@asynccontextmanager
async def site(tmp_path: Path, *, backends: bool = True) -> AsyncIterator[Site]:
    (tmp_path / "index.html").write_text("the page")
    (tmp_path / "404.html").write_text("not here")
    function_app = web.Application(client_max_size=2**24)
    function_app.router.add_route("*", "/{path:.*}", functions)
    functions_runner, functions_url = await listen(function_app)

    signaling = socketio.AsyncServer(async_mode="aiohttp", max_http_buffer_size=2**20)
    signaling_app = web.Application()
    signaling.attach(signaling_app)
    signaling_runner, signaling_url = await listen(signaling_app)
    if not backends:
        await functions_runner.cleanup()
        await signaling_runner.cleanup()

    gateway = Gateway(0, manifest.load(), f"{functions_url}/functions", signaling_url, tmp_path)
    await gateway.start()
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        here = Site(gateway.url, session)

        @signaling.event
        async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
            here.handshakes.append(environ)

        @signaling.event
        async def disconnect(sid: str, reason: str) -> None:
            here.disconnected.set()

        @signaling.event
        async def echo(sid: str, data: Any) -> Any:
            return data

        try:
            yield here
        finally:
            await gateway.stop()
            await functions_runner.cleanup()
            await signaling_runner.cleanup()


def run(tmp_path: Path, test: Callable[[Site], Awaitable[None]], *, backends: bool = True) -> None:
    async def inside() -> None:
        async with asyncio.timeout(100), site(tmp_path, backends=backends) as here:
            await test(here)

    asyncio.run(inside())


async def raw(here: Site, request: bytes) -> bytes:
    """The answer to bytes as no client would send them; the request has to ask for `Connection: close`."""
    reader, writer = await asyncio.open_connection(HOST, int(here.url.rsplit(":", 1)[1]))
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


REWRITES = [
    ("/api", "api"),
    ("/api/", "api"),
    ("/api/wallet?x=%2Fy&z=a+b", "api"),
    ("/api/experts/a%2Fb%20c", "api"),
    ("/api/payments/verify", "api"),
    ("/api/payments/webhook", "webhooks"),
    ("/api/v1/payments/webhook", "webhooks"),
    ("/api/v1/payments/history", "api"),
    ("/api/admin/users/7", "admin"),
    ("/api/v1/admin/dashboard", "admin"),
    ("/api/administrators", "api"),
    ("/auth/login", "api"),
    ("/consult/1/end", "api"),
    ("/wallet/recharge", "api"),
    ("/health", "api"),
]


def test_paths_reach_their_functions_unchanged(tmp_path: Path):
    async def test(here: Site) -> None:
        for path, entry_point in REWRITES:
            async with here.session.get(aiohttp.client.URL(here.url + path, encoded=True)) as response:
                assert (await response.json())["path"] == f"/functions/{entry_point}{path}"

    run(tmp_path, test)


@pytest.mark.parametrize("path", ["/tasks", "/reconcile", "/functions/tasks", "/sweep_sessions", "/healthy", "/auth"])
def test_internal_functions_have_no_public_path(tmp_path: Path, path: str):
    async def test(here: Site) -> None:
        async with here.session.post(here.url + path, json={}) as response:
            assert response.status == 404
            assert await response.text() == "not here"

    run(tmp_path, test)


@pytest.mark.parametrize("path", ["/api/../tasks", "/api/%2e%2e/tasks", "/api/..%2f..%2ftasks"])
def test_dots_do_not_lead_out_of_a_function(tmp_path: Path, path: str):
    async def test(here: Site) -> None:
        request = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        answer = await raw(here, request.encode())
        head, body = answer.split(b"\r\n\r\n", 1)
        # Either nothing is there, or the public function gets the path as it is.
        if b" 200 " in head.split(b"\r\n")[0]:
            assert json.loads(body)["path"] == f"/functions/api{path}"
        else:
            assert b" 404 " in head.split(b"\r\n")[0]

    run(tmp_path, test)


def test_public_files_come_first_and_only_those(tmp_path: Path):
    (tmp_path / "public").mkdir()
    (tmp_path / "secret").write_text("secret")

    async def test(here: Site) -> None:
        async with here.session.get(here.url + "/") as response:
            assert await response.text() == "the page"
        async with here.session.post(here.url + "/index.html") as response:
            assert (response.status, (await response.json())["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
        for path in ("/../secret", "/%2e%2e/secret", "/..%2fsecret"):
            answer = await raw(here, f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            assert b"404" in answer.split(b"\r\n")[0]
        # Names that no file can have.
        for path, status in (("/%00", 404), (f"/{'a' * 300}", 404), ("/api/%00", 200)):
            async with here.session.get(aiohttp.client.URL(here.url + path, encoded=True)) as response:
                assert response.status == status

    run(tmp_path / "public", test)


def test_headers(tmp_path: Path):
    async def test(here: Site) -> None:
        sent = {
            "X-Forwarded-For": "203.0.113.9",
            "X-Forwarded-Proto": "https",
            "Authorization": "Bearer t",
            "Connection": "keep-alive, X-Hop",
            "X-Hop": "1",
            "TE": "trailers",
        }
        async with here.session.get(here.url + "/api/x", headers=sent) as response:
            seen = (await response.json())["headers"]
        assert seen["x-forwarded-for"] == "203.0.113.9, 127.0.0.1, 127.0.0.1"
        assert seen["x-forwarded-proto"] == "http"
        assert seen["x-forwarded-host"] == here.url.removeprefix("http://")
        assert seen["authorization"] == "Bearer t"
        assert not {"x-hop", "te"} & set(seen)
        async with here.session.get(here.url + "/api/cookies", allow_redirects=False) as response:
            assert response.status == 302
            assert response.headers["Location"] == "/elsewhere"
            assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]
            assert "X-Private" not in response.headers

    run(tmp_path, test)


def test_bodies_of_all_kinds(tmp_path: Path):
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield BIG

    async def test(here: Site) -> None:
        async with here.session.post(here.url + "/api/x", json={"a": 1}) as response:
            assert (await response.json())["length"] == 8
        async with here.session.post(here.url + "/api/x") as response:
            assert (await response.json())["length"] == 0
        async with here.session.put(here.url + "/api/x", data=BIG) as response:
            assert (await response.json())["length"] == len(BIG)
        async with here.session.post(here.url + "/api/x", data=parts()) as response:
            assert (await response.json())["length"] == 3 * len(BIG)
        async with here.session.post(here.url + "/api/x", data=BIG, expect100=True) as response:
            assert (await response.json())["length"] == len(BIG)
        async with here.session.get(here.url + "/api/big") as response:
            assert await response.read() == BIG
        async with here.session.get(here.url + "/api/stream") as response:
            assert await response.read() == b"one two three"
        async with here.session.get(here.url + "/api/gzip", headers={"Accept-Encoding": "gzip"}) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert (await response.read())[:2] == b"\x1f\x8b"
        async with here.session.head(here.url + "/api/big") as response:
            assert response.headers["Content-Length"] == str(len(BIG))
            assert await response.read() == b""
        async with here.session.delete(here.url + "/api/empty") as response:
            assert (response.status, await response.read()) == (204, b"")

    run(tmp_path, test)


def test_backends_that_fail_give_the_api_s_error(tmp_path: Path):
    async def broken(here: Site) -> None:
        async with here.session.get(here.url + "/api/abort") as response:
            assert (response.status, (await response.json())["error"]["code"]) == (502, "UNAVAILABLE")

    async def down(here: Site) -> None:
        for path in ("/api/wallet", "/socket.io/?EIO=4&transport=polling"):
            async with here.session.get(here.url + path) as response:
                assert response.status == 503
                error = (await response.json())["error"]
                assert error["code"] == "UNAVAILABLE"
                assert error["message"]
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await here.session.ws_connect(here.url + "/socket.io/?EIO=4&transport=websocket")
        assert raised.value.status == 503

    run(tmp_path, broken)
    run(tmp_path, down, backends=False)


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids="-".join)
def test_socket_io(tmp_path: Path, transports: list[str]):
    async def test(here: Site) -> None:
        client = socketio.AsyncClient(reconnection=False)
        headers = {"X-Forwarded-For": "203.0.113.9"}
        await client.connect(here.url, transports=transports, headers=headers, wait_timeout=60)
        assert client.transport() == transports[-1]
        # python-engineio's aiohttp server takes only the first part of a long polling request.
        message = {"text": "é" * (50_000 if transports[-1] == "websocket" else 2_000)}
        for _ in range(3):
            assert await client.call("echo", message) == message
        environ = here.handshakes[0]
        assert environ["HTTP_X_FORWARDED_FOR"].replace(" ", "") == "203.0.113.9,127.0.0.1,127.0.0.1"
        assert environ["HTTP_X_FORWARDED_HOST"] == here.url.removeprefix("http://")
        if client.transport() == "websocket":
            # A polling client's disconnect waits half a minute for its last poll.
            await client.disconnect()
            await here.disconnected.wait()

    run(tmp_path, test)


def test_websocket_ends_together(tmp_path: Path):
    async def test(here: Site) -> None:
        cut = socketio.AsyncClient(reconnection=False)
        await cut.connect(here.url, transports=["websocket"], wait_timeout=60)
        # As when a phone loses its network: no closing handshake.
        cut.eio.ws._response.connection.transport.abort()
        await here.disconnected.wait()

    run(tmp_path, test)


def test_handshake_in_pieces_and_data_that_comes_with_it(tmp_path: Path):
    async def test(here: Site) -> None:
        reader, writer = await asyncio.open_connection(HOST, int(here.url.rsplit(":", 1)[1]))
        handshake = (
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        # A masked text frame "40": connect to the namespace /.
        frame = bytes([0x81, 0x82, 0, 0, 0, 0]) + b"40"
        for piece in (handshake[:2], handshake[2:60], handshake[60:] + frame):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        assert b" 101 " in await reader.readline()
        await reader.readuntil(b"\r\n\r\n")
        assert b'"sid"' in await reader.readuntil(b'"pingTimeout"')
        assert b'40{"sid"' in await reader.readuntil(b'40{"sid"')
        writer.close()

    run(tmp_path, test)
