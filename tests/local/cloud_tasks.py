"""A Cloud Tasks emulator and an HTTP target in one thread, for tests that use the stock client."""

import asyncio
import datetime
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from aiohttp import web
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from local.oidc import LocalIssuer
from local.tasks import TasksEmulator
from local.tasks.server import wall_clock_us

LOCATION = "projects/demo-konnect/locations/asia-south1"
DEADLINE_S = 60.0
T = TypeVar("T")


def wait_for(probe: Callable[[], T], what: str = "") -> T:
    """The first true answer of `probe`."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if answer := probe():
            return answer
        time.sleep(0.005)
    raise AssertionError(f"not within {DEADLINE_S} s: {what or probe}")


@dataclass
class Call:
    """A request that the target got; `at` is the wall clock's."""

    method: str
    headers: Any
    body: bytes
    at: float


@dataclass
class Script:
    """What the target does at one path: `statuses` in turn, then 200; holds its answers while `gate` is closed."""

    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    calls: list[Call] = field(default_factory=list)
    running: int = 0
    most_running: int = 0


class LocalCloud:
    """Everything runs in the loop of one thread; `client` is the stock client."""

    def __init__(self) -> None:
        self.issuer = LocalIssuer("http://127.0.0.1:1/oidc")
        self.scripts: dict[str, Script] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.target_url = self.run(self._start_target())
        self.emulator = self.start_emulator()
        self.client = stock_client(self.emulator.address)

    def stop(self) -> None:
        self.client.transport.close()
        self.run(self.emulator.stop())
        self.run(self._target.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE_S)

    def call(self, function: Callable[[], T]) -> T:
        """Call `function` on the loop's thread."""

        async def on_loop() -> T:
            return function()

        return self.run(on_loop())

    def start_emulator(self, now_us: Callable[[], int] = wall_clock_us, port: int = 0) -> TasksEmulator:
        emulator = TasksEmulator(port, self.issuer, now_us=now_us)
        self.run(emulator.start())
        return emulator

    def queue(self, client: tasks_v2.CloudTasksClient | None = None, **settings: Any) -> str:
        """A new queue, by the stock client."""
        name = f"{LOCATION}/queues/q-{uuid.uuid4().hex[:12]}"
        (client or self.client).create_queue(parent=LOCATION, queue={"name": name, **settings})
        return name

    def script(self, *statuses: int, gated: bool = False, **headers: str) -> tuple[str, Script]:
        """The URL of a new path of the target, and what happens there."""
        path = f"/{uuid.uuid4().hex}"
        script = Script(list(statuses), {name.replace("_", "-"): value for name, value in headers.items()})
        if gated:
            script.gate = asyncio.Event()
        self.scripts[path] = script
        return self.target_url + path, script

    def open(self, script: Script) -> None:
        assert script.gate
        self._loop.call_soon_threadsafe(script.gate.set)

    async def _start_target(self) -> str:
        application = web.Application()
        application.router.add_route("*", "/{path}", self._answer)
        self._target = web.AppRunner(application, shutdown_timeout=0.1)
        await self._target.setup()
        site = web.TCPSite(self._target, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._target.addresses[0][1]}"

    async def _answer(self, request: web.Request) -> web.Response:
        script = self.scripts[request.path]
        script.calls.append(Call(request.method, request.headers, await request.read(), time.time()))
        script.running += 1
        script.most_running = max(script.most_running, script.running)
        try:
            if script.gate:
                await script.gate.wait()
            status = script.statuses.pop(0) if script.statuses else 200
            return web.Response(status=status, headers=script.headers)
        finally:
            script.running -= 1


def stock_client(address: str) -> tasks_v2.CloudTasksClient:
    return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(address)))


def soon(seconds: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)


def post(url: str, **fields: Any) -> dict[str, Any]:
    return {"http_request": {"url": url, "http_method": "POST"}, **fields}


def is_gone(cloud: LocalCloud, name: str) -> bool:
    try:
        cloud.client.get_task(name=name)
    except exceptions.NotFound:
        return True
    return False


def stats(cloud: LocalCloud, queue: str) -> dict[str, int]:
    return cloud.call(cloud.emulator.stats)[queue]
