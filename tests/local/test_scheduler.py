"""Scheduled functions by cron and by hand, the console in front of them, and the command line in front of that."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from google.events.cloud.firestore_v1 import DocumentEventData

from local.console import Console
from local.environment import Files
from local.events import DeliveryRetry, EventRelay
from local.manifest import ROOT, Manifest, parse_functions
from local.oidc import LocalIssuer
from local.ports import Ports
from local.scheduler import Scheduler, UnknownJobError
from local.scheduler.__main__ import console_url, main
from local.tasks import TasksEmulator
from tests.local.events import DRAIN_S, document_of
from tests.local.function_target import FunctionTarget, eventually

ISSUER = "http://127.0.0.1:1/oidc"
FUNCTIONS = """
specVersion: v1alpha1
endpoints:
  api: {entryPoint: api, httpsTrigger: {invoker: [public]}}
  reconcile: {entryPoint: reconcile, httpsTrigger: {invoker: [private]}}
  sweep:
    entryPoint: sweep_all
    region: [asia-south1]
    scheduleTrigger: {schedule: "* * * * *", timeZone: Asia/Kolkata, retryConfig: {retryCount: 0}}
  nightly:
    entryPoint: nightly
    region: [asia-south1]
    scheduleTrigger: {schedule: "30 2 * * *", timeZone: Asia/Kolkata}
  stubborn:
    entryPoint: stubborn
    scheduleTrigger:
      schedule: "0 0 1 1 *"
      retryConfig: {retryCount: 2, minBackoffSeconds: 0.01, maxBackoffSeconds: 0.02}
  on_thing:
    entryPoint: on_thing
    eventTrigger:
      eventType: google.cloud.firestore.document.v1.written
      eventFilters: {database: (default)}
      eventFilterPathPatterns: {document: "things/{id}"}
      retry: true
"""
JOB_SWEEP = "firebase-schedule-sweep-asia-south1"


class Clock:
    """The real clock, moved: it passes `start` 0.1 s after it was first read. `jump` moves it on."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._offset: timedelta | None = None

    def __call__(self) -> datetime:
        if self._offset is None:
            self._offset = self._start - datetime.now(UTC) - timedelta(seconds=0.1)
        return datetime.now(UTC) + self._offset

    def jump(self, seconds: float) -> None:
        assert self._offset is not None
        self._offset += timedelta(seconds=seconds)


def manifest() -> Manifest:
    return Manifest(parse_functions(FUNCTIONS))


@dataclass
class Setup:
    scheduler: Scheduler
    target: FunctionTarget
    issuer: LocalIssuer


@asynccontextmanager
async def running(
    start: datetime = datetime(2026, 1, 5, 10, 0, 30, tzinfo=UTC), **options: Any
) -> AsyncIterator[Setup]:
    issuer = LocalIssuer(ISSUER)
    async with FunctionTarget() as target:
        scheduler = Scheduler(manifest(), target.url, issuer, now=Clock(start), **options)
        await scheduler.start()
        try:
            yield Setup(scheduler, target, issuer)
        finally:
            await scheduler.stop()


def job(scheduler: Scheduler, name: str) -> dict[str, Any]:
    return next(job for job in scheduler.jobs() if job["name"] == name)


class TestByCron:
    def test_called_as_cloud_scheduler_does(self) -> None:
        async def scenario() -> None:
            async with running(datetime(2026, 1, 5, 10, 1, tzinfo=UTC)) as setup:
                await eventually(lambda: setup.target.calls)
                await eventually(lambda: job(setup.scheduler, "sweep")["lastRun"])
                [call] = setup.target.calls
                assert call.entry_point == "sweep_all"
                assert call.headers["x-cloudscheduler"] == "true"
                assert call.headers["x-cloudscheduler-jobname"] == JOB_SWEEP
                assert call.headers["x-cloudscheduler-scheduletime"] == "2026-01-05T10:01:00Z"
                assert call.headers["user-agent"] == "Google-Cloud-Scheduler"
                assert call.body == b""

                kind, token = call.headers["authorization"].split()
                keys = jwt.PyJWKSet.from_dict(setup.issuer.jwks())
                claims = jwt.decode(
                    token,
                    keys[jwt.get_unverified_header(token)["kid"]],
                    algorithms=["RS256"],
                    audience=f"{setup.target.url}/sweep_all",
                    issuer=ISSUER,
                )
                assert kind == "Bearer"
                assert claims["email"] == "scheduler@demo-konnect.iam.gserviceaccount.com"

                last = job(setup.scheduler, "sweep")["lastRun"]
                assert (last["by"], last["status"], last["attempt"], last["body"]) == ("schedule", 200, 1, "answer 200")
                assert job(setup.scheduler, "sweep")["nextRun"] == "2026-01-05T10:02:00Z"

        asyncio.run(scenario())

    @pytest.mark.parametrize(
        ("start", "sweep", "nightly"),
        [
            # 02:30 in Kolkata is 21:00 the day before in UTC.
            (datetime(2026, 1, 5, 20, 30, 30, tzinfo=UTC), "2026-01-05T20:31:00Z", "2026-01-05T21:00:00Z"),
            (datetime(2026, 1, 5, 21, 0, 30, tzinfo=UTC), "2026-01-05T21:01:00Z", "2026-01-06T21:00:00Z"),
        ],
    )
    def test_times_are_of_the_zone(self, start: datetime, sweep: str, nightly: str) -> None:
        async def scenario() -> None:
            async with running(start) as setup:
                assert job(setup.scheduler, "sweep")["nextRun"] == sweep
                assert job(setup.scheduler, "nightly")["nextRun"] == nightly
                assert job(setup.scheduler, "stubborn")["timeZone"] == "UTC"
                assert job(setup.scheduler, "reconcile")["nextRun"] is None

        asyncio.run(scenario())

    def test_retried_by_its_configuration(self) -> None:
        async def scenario() -> None:
            async with running(datetime(2026, 1, 1, tzinfo=UTC)) as setup:
                setup.target.statuses = [500] * 10
                await eventually(lambda: [c.entry_point for c in setup.target.calls].count("stubborn") == 3)
                await eventually(lambda: not job(setup.scheduler, "stubborn")["running"])
                called = [call.entry_point for call in setup.target.calls]
                # retryCount 2 is two after the first; the sweep of the same minute has none.
                assert (called.count("stubborn"), called.count("sweep_all")) == (3, 1)
                assert job(setup.scheduler, "stubborn")["lastRun"]["attempt"] == 3
                times = {c.headers["x-cloudscheduler-scheduletime"] for c in setup.target.calls}
                assert times == {"2026-01-01T00:00:00Z"}

        asyncio.run(scenario())

    def test_no_second_run_beside_a_long_one(self) -> None:
        async def scenario() -> None:
            clock = Clock(datetime(2026, 1, 5, 10, 1, tzinfo=UTC))
            async with FunctionTarget(gate=asyncio.Event()) as target:
                scheduler = Scheduler(manifest(), target.url, LocalIssuer(ISSUER), now=clock)
                await scheduler.start()
                try:
                    await eventually(lambda: target.running == 1)
                    assert job(scheduler, "sweep")["running"]
                    # The next minute comes while the first run still waits for its answer.
                    clock.jump(60)
                    scheduler._fire()
                    await asyncio.sleep(0.05)
                    assert len(target.calls) == 1
                    assert job(scheduler, "sweep")["nextRun"] == "2026-01-05T10:03:00Z"
                    assert target.gate is not None
                    target.gate.set()
                    await eventually(lambda: not job(scheduler, "sweep")["running"])
                finally:
                    await scheduler.stop()

        asyncio.run(scenario())

    def test_paused_and_resumed(self) -> None:
        async def scenario() -> None:
            async with running(datetime(2026, 1, 5, 10, 1, tzinfo=UTC), paused=True) as setup:
                assert job(setup.scheduler, "sweep")["nextRun"] is None
                await asyncio.sleep(0.2)
                assert setup.target.calls == []
                setup.scheduler.resume()
                # What passed during the pause is not made up.
                assert job(setup.scheduler, "sweep")["nextRun"] == "2026-01-05T10:02:00Z"
                setup.scheduler.pause()
                assert job(setup.scheduler, "sweep")["nextRun"] is None

        asyncio.run(scenario())


class TestByHand:
    def test_outcomes(self) -> None:
        async def scenario() -> None:
            async with running(paused=True) as setup:
                assert await setup.scheduler.run("sweep") == (200, "answer 200")
                setup.target.statuses = [500]
                assert await setup.scheduler.run("stubborn") == (500, "answer 500")
                assert [call.entry_point for call in setup.target.calls] == ["sweep_all", "stubborn"]
                assert job(setup.scheduler, "sweep")["lastRun"]["by"] == "hand"

        asyncio.run(scenario())

    def test_private_functions(self) -> None:
        async def scenario() -> None:
            async with running(paused=True) as setup:
                assert (await setup.scheduler.run("reconcile"))[0] == 200
                [call] = setup.target.calls
                assert call.headers["authorization"].startswith("Bearer ")
                assert "x-cloudscheduler" not in call.headers

        asyncio.run(scenario())

    @pytest.mark.parametrize("name", ["nobody", "api", "on_thing"])
    def test_no_such_job(self, name: str) -> None:
        async def scenario() -> None:
            async with running(paused=True) as setup:
                with pytest.raises(UnknownJobError, match=f"no job {name}; there are: sweep, nightly"):
                    await setup.scheduler.run(name)

        asyncio.run(scenario())

    def test_no_answer(self) -> None:
        async def scenario() -> None:
            async with running(paused=True) as setup:
                await setup.target._runner.cleanup()
                status, reason = await setup.scheduler.run("sweep")
                assert status == 0
                assert "connect" in reason.lower()

        asyncio.run(scenario())


@dataclass
class Stack:
    console: Console
    relay: EventRelay
    target: FunctionTarget
    issuer: LocalIssuer
    session: aiohttp.ClientSession

    async def call(self, method: str, path: str) -> tuple[int, Any]:
        async with self.session.request(method, f"{self.console.url}{path}") as response:
            return response.status, await response.json()


@asynccontextmanager
async def console_running(logs: Path) -> AsyncIterator[Stack]:
    issuer = LocalIssuer(ISSUER)
    async with FunctionTarget() as target, aiohttp.ClientSession() as session:
        scheduler = Scheduler(manifest(), target.url, issuer, paused=True)
        retry = DeliveryRetry(max_attempts=1)
        relay = EventRelay(0, manifest(), target.url, "demo-console", logs, retry=retry)
        tasks = TasksEmulator(0, issuer)
        links = {"API": "http://127.0.0.1:8400", "<b>": "postgres://x"}
        console = Console(0, issuer, scheduler, relay, tasks, links=links)
        services = (scheduler, relay, tasks, console)
        for service in services:
            await service.start()
        try:
            tasks.ensure_queue("projects/demo-console/locations/asia-south1/queues/tasks")
            yield Stack(console, relay, target, issuer, session)
        finally:
            for service in reversed(services):
                await service.stop()


async def lose_an_event(stack: Stack) -> None:
    stack.target.statuses = [500]
    headers = {"ce-id": "<script>", "ce-type": "t", "ce-source": "s", "ce-document": "things/1"}
    url = f"{stack.relay.url}/functions/projects/demo-console/triggers/on_thing"
    body = DocumentEventData.serialize(DocumentEventData(value=document_of("things/1", 1)))
    async with stack.session.post(url, data=body, headers=headers) as response:
        assert response.status == 200
    await stack.relay.drain(DRAIN_S)


class TestConsole:
    def test_keys(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with console_running(tmp_path) as stack:
                assert await stack.call("GET", "/oidc/certs") == (200, stack.issuer.jwks())

        asyncio.run(scenario())

    def test_jobs(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with console_running(tmp_path) as stack:
                status, outcome = await stack.call("POST", "/jobs/sweep/run")
                assert (status, outcome["ok"], outcome["status"], outcome["body"]) == (200, True, 200, "answer 200")
                stack.target.statuses = [503]
                status, outcome = await stack.call("POST", "/jobs/reconcile/run")
                assert (status, outcome["ok"], outcome["status"]) == (200, False, 503)
                status, answer = await stack.call("POST", "/jobs/nobody/run")
                assert (status, answer["error"]["code"]) == (404, "NOT_FOUND")

                _, jobs = await stack.call("GET", "/jobs")
                assert [item["name"] for item in jobs["items"]] == ["sweep", "nightly", "stubborn", "reconcile"]
                assert jobs["items"][0]["lastRun"]["status"] == 200

        asyncio.run(scenario())

    def test_events_and_tasks(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with console_running(tmp_path) as stack:
                await lose_an_event(stack)
                _, letters = await stack.call("GET", "/dead-letters")
                assert [letter["document"] for letter in letters["events"]] == ["things/1"]
                assert letters["tasks"] == []
                _, stats = await stack.call("GET", "/stats")
                assert stats["events"]["on_thing"]["dead"] == 1
                assert list(stats["tasks"]) == ["projects/demo-console/locations/asia-south1/queues/tasks"]
                assert (await stack.call("GET", "/events/faults"))[1] == {"items": []}

        asyncio.run(scenario())

    def test_page(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with console_running(tmp_path) as stack:
                await lose_an_event(stack)
                async with stack.session.get(stack.console.url) as response:
                    page = await response.text()
                    assert response.content_type == "text/html"
                assert '<a href="http://127.0.0.1:8400">' in page
                assert 'data-job="sweep"' in page
                assert "* * * * * Asia/Kolkata" in page
                assert "things/1" in page
                assert "&lt;script&gt;" in page
                assert "<b>" not in page

        asyncio.run(scenario())


class TestCommandLine:
    @staticmethod
    async def run(*arguments: str, url: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "local.scheduler", *arguments),
            cwd=ROOT,
            env={**os.environ, "CONSOLE_URL": url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode(), errors.decode()

    def test_outcomes(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with console_running(tmp_path) as stack:
                url = stack.console.url
                code, output, _ = await self.run("sweep", url=url)
                assert code == 0
                assert output.startswith("sweep: 200 in ")
                assert output.endswith(" ms\nanswer 200\n")

                stack.target.statuses = [500]
                code, output, _ = await self.run("sweep", url=url)
                assert code == 1
                assert output.startswith("sweep: 500 in ")

                code, _, errors = await self.run("nobody", url=url)
                assert code == 1
                assert "no job nobody; there are: sweep" in errors
            code, _, errors = await self.run("sweep", url=url)
            assert code == 1
            assert "Is the stack up" in errors
            assert (await self.run(url=url))[0] == 2

        asyncio.run(scenario())

    def test_no_usable_port_base(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.delenv("CONSOLE_URL", raising=False)
        monkeypatch.setenv("PORT_BASE", "auto")
        assert main(["sweep"]) == 1
        assert "PORT_BASE must be a number" in capsys.readouterr().err

    def test_where_the_console_is(self, tmp_path: Path) -> None:
        environ = {"LOCAL_DIR": str(tmp_path), "PORT_BASE": "9000"}
        assert console_url({**environ, "CONSOLE_URL": "http://x/"}) == "http://x"
        assert console_url(environ) == "http://127.0.0.1:9014"
        Files.of(Ports.parse("9000"), environ).env.write_text("export CONSOLE_URL=http://127.0.0.1:1234\n")
        assert console_url(environ) == "http://127.0.0.1:1234"
