"""What the local Cloud Tasks emulator can do, in a process of its own: creation, waiting, punctuality, dispatch."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import psutil
from aiohttp import web
from google.cloud import tasks_v2
from google.protobuf import timestamp_pb2

from local.manifest import ROOT
from local.oidc import LocalIssuer
from local.tasks import TasksEmulator

from .table import Table, median, ms, percentile

LOCATION = "projects/demo-konnect/locations/asia-south1"
SERVICE = "/google.cloud.tasks.v2.CloudTasks/"
EMAIL = "tasks@demo-konnect.iam.gserviceaccount.com"
WAITING, IDLE_S, IN_FLIGHT = 100_000, 10.0, 64
QUEUES, TASKS_A_QUEUE, PUNCTUAL = 8, 1000, 200


def run(env: Mapping[str, str], logs: Path) -> list[Table]:
    command = [sys.executable, "-m", "bench.cloud_tasks"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        try:
            assert child.stdout
            address = child.stdout.readline().strip()
            rows = asyncio.run(_measure(address, psutil.Process(child.pid)))
        finally:
            child.terminate()
    note = "The emulator in one process, its clients and targets in another; every task carries an OIDC token."
    return [Table("Cloud Tasks emulator", ("what", "result"), rows, note)]


class Client:
    """Creates tasks for `url` without the weight of Google's client, which would be what is measured."""

    def __init__(self, channel: grpc.aio.Channel, url: str) -> None:
        self._channel = channel
        self._url = url

    async def call(self, name: str, request: Any) -> None:
        call = self._channel.unary_unary(SERVICE + name, lambda message: type(message).serialize(message), bytes)
        await call(request)

    async def create(self, queue: str, due_s: float | None = None) -> None:
        oidc = tasks_v2.OidcToken(service_account_email=EMAIL)
        request = tasks_v2.HttpRequest(url=self._url, body=b'{"session": "s", "n": 1}', oidc_token=oidc)
        task = tasks_v2.Task(http_request=request)
        if due_s:
            task.schedule_time = timestamp_pb2.Timestamp(seconds=int(due_s), nanos=int(due_s % 1 * 1e9))
        await self.call("CreateTask", tasks_v2.CreateTaskRequest(parent=queue, task=task))

    async def create_many(self, queue: str, count: int, due_s: float | None = None) -> float:
        """Tasks a second."""
        started = time.perf_counter()
        left = iter(range(count))

        async def creator() -> None:
            for _ in left:
                await self.create(queue, due_s)

        await asyncio.gather(*(creator() for _ in range(IN_FLIGHT)))
        return count / (time.perf_counter() - started)


async def _measure(address: str, child: psutil.Process) -> list[tuple[str, ...]]:
    arrivals: asyncio.Queue[float] = asyncio.Queue()

    async def answer(request: web.Request) -> web.Response:
        arrivals.put_nowait(time.time() - float(request.headers["X-CloudTasks-TaskETA"]))
        return web.Response()

    application = web.Application()
    application.router.add_post("/tasks", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    channel = grpc.aio.insecure_channel(address)
    try:
        client = Client(channel, f"http://127.0.0.1:{runner.addresses[0][1]}/tasks")
        queues = [f"{LOCATION}/queues/bench-{n}" for n in range(QUEUES + 1)]
        for queue in queues:
            await client.call("CreateQueue", tasks_v2.CreateQueueRequest(parent=LOCATION, queue={"name": queue}))
        rows = await _waiting(client, queues[-1], child)
        rows.append(await _punctual(client, queues[-1], arrivals))
        rows.append(await _dispatched(client, queues[:-1], arrivals))
        return rows
    finally:
        await channel.close()
        await runner.cleanup()


async def _waiting(client: Client, queue: str, child: psutil.Process) -> list[tuple[str, ...]]:
    at_start = child.memory_info().rss / 2**20
    created = await client.create_many(queue, WAITING, time.time() + 24 * 3600)
    with_tasks = child.memory_info().rss / 2**20
    before = sum(child.cpu_times()[:2])
    await asyncio.sleep(IDLE_S)
    idle = (sum(child.cpu_times()[:2]) - before) / IDLE_S
    return [
        ("tasks created", f"{created:.0f} /s"),
        (f"memory at start, with {WAITING:,} waiting tasks", f"{at_start:.0f} MB, {with_tasks:.0f} MB"),
        ("CPU while they wait", f"{idle:.2%} of a core"),
    ]


async def _punctual(client: Client, queue: str, arrivals: asyncio.Queue[float]) -> tuple[str, ...]:
    for n in range(PUNCTUAL):
        await client.create(queue, time.time() + 0.5 + n * 0.01)
    late = [await arrivals.get() for _ in range(PUNCTUAL)]
    return ("lateness of a task, beside those that wait", f"{ms(median(late))} ms, p99 {ms(percentile(late, 99))} ms")


async def _dispatched(client: Client, queues: list[str], arrivals: asyncio.Queue[float]) -> tuple[str, ...]:
    for queue in queues:
        await client.call("PauseQueue", tasks_v2.PauseQueueRequest(name=queue))
        await client.create_many(queue, TASKS_A_QUEUE)
    started = time.perf_counter()
    for queue in queues:
        await client.call("ResumeQueue", tasks_v2.ResumeQueueRequest(name=queue))
    count = len(queues) * TASKS_A_QUEUE
    for _ in range(count):
        await arrivals.get()
    return (f"dispatched, over {len(queues)} queues of 500/s", f"{count / (time.perf_counter() - started):.0f} /s")


async def _serve() -> None:
    emulator = TasksEmulator(0, LocalIssuer("http://127.0.0.1/oidc"))
    await emulator.start()
    print(emulator.address, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
