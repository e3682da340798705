"""The socket.io-client processes that the demo and the tests drive, against a plain Socket.IO server."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import socketio
from aiohttp import web

from local.clients import ClientError, NodeProcess, SocketClients


class EchoServer:
    """Admits the token "good"; echoes; greets. Runs its own loop in a thread."""

    def __init__(self) -> None:
        self.goodbyes: list[str] = []
        self.url = ""
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(60)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = socketio.AsyncServer(async_mode="aiohttp", namespaces=["/", "/other"])

        async def connect(sid: str, environ: dict, auth: dict | None) -> None:
            if (auth or {}).get("token") != "good":
                raise socketio.exceptions.ConnectionRefusedError("unauthorized", {"code": "UNAUTHENTICATED"})

        async def disconnect(sid: str, reason: str) -> None:
            self.goodbyes.append(reason)

        async def echo(sid: str, *args: object) -> tuple:
            return args

        async def greet(sid: str, name: str) -> None:
            await server.emit("greeting", {"hello": name}, to=sid)

        server.on("connect", connect)
        server.on("disconnect", disconnect)
        server.on("echo", echo)
        server.on("greet", greet)
        server.on("connect", connect, namespace="/other")
        app = web.Application()
        server.attach(app)
        runner = web.AppRunner(app, shutdown_timeout=0.2)  # a killed poll would keep it open
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*runner.addresses[0])
        self._started.set()
        await self._stopping.wait()
        await server.shutdown()
        await runner.cleanup()


@pytest.fixture(scope="module")
def server() -> Iterator[EchoServer]:
    server = EchoServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def clients() -> Iterator[SocketClients]:
    with SocketClients() as clients:
        yield clients


QUICK = {"reconnectionDelay": 20, "reconnectionDelayMax": 50}


class TestConnect:
    def test_gives_the_socket_id(self, server: EchoServer, clients: SocketClients) -> None:
        sid = clients.connect("asha", server.url, token="good")
        assert clients.wait_for("asha", "connect").args[0]["sid"] == sid
        clients.drop("asha")

    def test_reports_a_refusal_with_its_data(self, server: EchoServer, clients: SocketClients) -> None:
        with pytest.raises(ClientError, match="unauthorized") as refused:
            clients.connect("forger", server.url, token="bad")
        assert (refused.value.code, refused.value.data) == ("connect_error", {"code": "UNAUTHENTICATED"})
        assert clients.events("forger", "connect_error")
        clients.set_auth("forger", token="good")
        assert clients.reconnect("forger")
        clients.drop("forger")

    def test_reaches_a_namespace(self, server: EchoServer, clients: SocketClients) -> None:
        assert clients.connect("guest", server.url, namespace="/other", token="good")
        clients.drop("guest")

    def test_reports_that_nothing_listens(self, clients: SocketClients) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # ours, and nobody listens on it
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(ClientError) as refused:
                clients.connect("lost", url, options={"reconnection": False})
        assert refused.value.code == "connect_error"


class TestEmit:
    def test_call_returns_the_ack(self, server: EchoServer, clients: SocketClients) -> None:
        clients.connect("caller", server.url, token="good")
        assert clients.call("caller", "echo", {"text": "नमस्ते"}) == {"text": "नमस्ते"}
        clients.drop("caller")

    def test_call_without_an_ack_times_out(self, server: EchoServer, clients: SocketClients) -> None:
        clients.connect("waiter", server.url, token="good")
        with pytest.raises(ClientError, match="no ack of unheard") as late:
            clients.call("waiter", "unheard", timeout_s=0.2)
        assert late.value.code == "timeout"
        clients.drop("waiter")

    def test_events_are_kept_in_order_and_waited_for(self, server: EchoServer, clients: SocketClients) -> None:
        clients.connect("greeted", server.url, token="good")
        before = clients.mark()
        for name in ("a", "b"):
            clients.emit("greeted", "greet", name)
        clients.wait_for("greeted", "greeting", lambda greeting: greeting["hello"] == "b", since=before)
        assert [event.args[0]["hello"] for event in clients.events("greeted", "greeting")] == ["a", "b"]
        with pytest.raises(TimeoutError, match="hello"):
            clients.wait_for("greeted", "greeting", lambda greeting: greeting["hello"] == "c", timeout_s=0.1)
        clients.drop("greeted")

    def test_many_threads_share_a_process(self, server: EchoServer, clients: SocketClients) -> None:
        clients.connect("busy", server.url, token="good")
        payload = "x" * 10_000  # more than a pipe holds, in both directions at once
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: clients.call("busy", "echo", [number, payload]), range(64)))
        assert [answer[0] for answer in answers] == list(range(64))
        clients.drop("busy")


class TestLeaving:
    def test_kill_drops_without_goodbye_and_comes_back(self, server: EchoServer, clients: SocketClients) -> None:
        for transports in (["websocket"], ["polling"]):
            name = f"tunnel-{transports[0]}"
            before = clients.connect(name, server.url, token="good", options={**QUICK, "transports": transports})
            clients.kill(name)
            assert clients.wait_for(name, "disconnect").args[0]["reason"].startswith("transport")
            after = clients.wait_for(name, "connect", lambda it, old=before: it["sid"] != old).args[0]["sid"]
            assert clients.wait_for(name, "reconnect").args == [{"attempt": 1}]
            assert after != before
            clients.drop(name)

    def test_disconnect_says_goodbye_and_can_reconnect(self, server: EchoServer, clients: SocketClients) -> None:
        before = clients.connect("polite", server.url, token="good")
        clients.disconnect("polite")
        assert clients.wait_for("polite", "disconnect").args == [{"reason": "io client disconnect"}]
        assert clients.reconnect("polite") != before
        clients.drop("polite")

    def test_an_unknown_name_is_an_error(self, clients: SocketClients) -> None:
        with pytest.raises(ClientError, match="no socket named nobody"):
            clients.emit("nobody", "echo")


class TestProcess:
    def test_shows_stderr_when_it_fails(self, tmp_path: Path) -> None:
        script = tmp_path / "broken.mjs"
        script.write_text("throw new Error('it broke');")
        with NodeProcess(script) as process, pytest.raises(ClientError, match="it broke"):
            process.request("anything")

    def test_close_ends_the_process(self) -> None:
        clients = SocketClients()
        clients.close()
        clients.close()
        with pytest.raises(ClientError):
            clients.emit("anyone", "echo")
