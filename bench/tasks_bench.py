"""Measure the Cloud Tasks emulator, in a child process: `python -m bench.tasks_bench [waiting tasks]`."""

import asyncio
import statistics
import subprocess
import sys
import time
from typing import Any

import grpc
import psutil
from aiohttp import web
from google.cloud import tasks_v2
from google.protobuf import timestamp_pb2

from local.oidc import LocalIssuer
from local.tasks import TasksEmulator

LOCATION = "projects/demo-konnect/locations/asia-south1"
SERVICE = "/google.cloud.tasks.v2.CloudTasks/"
EMAIL = "tasks@demo-konnect.iam.gserviceaccount.com"
QUEUES, TASKS_A_QUEUE, PUNCTUAL, IDLE_S, IN_FLIGHT = 8, 1000, 100, 10.0, 64


async def serve() -> None:
    emulator = TasksEmulator(0, LocalIssuer("http://127.0.0.1/oidc"))
    await emulator.start()
    print(emulator.address, flush=True)
    await asyncio.Event().wait()


async def measure(address: str, child: psutil.Process, waiting: int) -> None:
    arrivals: asyncio.Queue[float] = asyncio.Queue()

    async def answer(request: web.Request) -> web.Response:
        arrivals.put_nowait(time.time() - float(request.headers["X-CloudTasks-TaskETA"]))
        return web.Response()

    application = web.Application()
    application.router.add_post("/tasks", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/tasks"
    channel = grpc.aio.insecure_channel(address)

    async def rpc(name: str, request: Any) -> None:
        call = channel.unary_unary(SERVICE + name, lambda message: type(message).serialize(message), bytes)
        await call(request)

    async def create(queue: str, due_s: float | None) -> None:
        oidc = tasks_v2.OidcToken(service_account_email=EMAIL)
        request = tasks_v2.HttpRequest(url=url, body=b'{"session": "s", "n": 1}', oidc_token=oidc)
        task = tasks_v2.Task(http_request=request)
        if due_s:
            task.schedule_time = timestamp_pb2.Timestamp(seconds=int(due_s), nanos=int(due_s % 1 * 1e9))
        await rpc("CreateTask", tasks_v2.CreateTaskRequest(parent=queue, task=task))

    async def create_many(queue: str, count: int, due_s: float | None) -> float:
        started = time.perf_counter()
        left = iter(range(count))

        async def creator() -> None:
            for _ in left:
                await create(queue, due_s)

        await asyncio.gather(*(creator() for _ in range(IN_FLIGHT)))
        return count / (time.perf_counter() - started)

    queues = [f"{LOCATION}/queues/bench-{n}" for n in range(QUEUES + 1)]
    for queue in queues:
        await rpc("CreateQueue", tasks_v2.CreateQueueRequest(parent=LOCATION, queue={"name": queue}))
    print(f"RSS at start            {child.memory_info().rss / 2**20:8.1f} MB")
    rate = await create_many(queues[-1], waiting, time.time() + 24 * 3600)
    print(f"created                 {rate:8.0f} tasks/s")
    print(f"RSS with {waiting:7d} waiting {child.memory_info().rss / 2**20:6.1f} MB")
    before = sum(child.cpu_times()[:2])
    await asyncio.sleep(IDLE_S)
    print(f"CPU while they wait     {(sum(child.cpu_times()[:2]) - before) / IDLE_S:8.2%} of a core")

    for n in range(PUNCTUAL):
        await create(queues[-1], time.time() + 0.5 + n * 0.01)
    late_ms = sorted([1000 * await arrivals.get() for _ in range(PUNCTUAL)])
    print(f"lateness                {statistics.median(late_ms):8.1f} ms median, {late_ms[-2]:.1f} ms p99")

    for queue in queues[:-1]:
        await rpc("PauseQueue", tasks_v2.PauseQueueRequest(name=queue))
        await create_many(queue, TASKS_A_QUEUE, None)
    started = time.perf_counter()
    for queue in queues[:-1]:
        await rpc("ResumeQueue", tasks_v2.ResumeQueueRequest(name=queue))
    for _ in range(QUEUES * TASKS_A_QUEUE):
        await arrivals.get()
    rate = QUEUES * TASKS_A_QUEUE / (time.perf_counter() - started)
    print(f"dispatched              {rate:8.0f} tasks/s over {QUEUES} queues of 500/s")
    await channel.close()
    await runner.cleanup()


def main() -> None:
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
        return
    command = [sys.executable, "-m", "bench.tasks_bench", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        address = child.stdout.readline().strip()
        asyncio.run(measure(address, psutil.Process(child.pid), int((sys.argv[1:] or ["100000"])[0])))
        child.terminate()


if __name__ == "__main__":
    main()
