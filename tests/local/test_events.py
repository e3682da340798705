"""The relay of trigger events: with the real Firestore emulator in front, and by itself against failing functions."""

import asyncio
import base64
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cloudevents.http import from_http
from google.events.cloud.firestore_v1 import Document, DocumentEventData

from local.emulators import FirestoreEmulator
from local.events import DeliveryRetry, EventRelay, Fault
from local.manifest import ROOT, Manifest, parse_functions
from local.ports import AUTO, address, reserve
from tests.local.function_target import FunctionTarget, eventually

FAST = DeliveryRetry(min_backoff_s=0.01, max_backoff_s=0.02, max_attempts=4)
DRAIN_S = 10.0
NOBODY = "http://127.0.0.1:1/functions"


def manifest_of(*triggers: str) -> Manifest:
    """Each trigger as "name kind document retry"."""
    entries = []
    for trigger in triggers:
        name, kind, document, retry = trigger.split()
        is_pattern = "{" in document
        filters = {"database": "(default)", "namespace": "(default)"} | ({} if is_pattern else {"document": document})
        patterns = {"document": document} if is_pattern else {}
        entry = {
            "entryPoint": name,
            "eventTrigger": {
                "eventType": f"google.cloud.firestore.document.v1.{kind}",
                "eventFilters": filters,
                "eventFilterPathPatterns": patterns,
                "retry": retry == "retry",
            },
        }
        entries.append(f"  {name}: {json.dumps(entry)}")
    return Manifest(parse_functions("specVersion: v1alpha1\nendpoints:\n" + "\n".join(entries)))


@dataclass
class Setup:
    relay: EventRelay
    target: FunctionTarget
    project: str
    session: aiohttp.ClientSession

    @property
    def delivered(self) -> list[str]:
        """The documents of the calls, in order."""
        return [call.headers["ce-document"] for call in self.target.calls]

    async def emit(self, trigger: str, document: str, value: Any = 1, old: Any = None) -> int:
        """Post an event as the emulator does; the status."""
        data = DocumentEventData(value=document_of(document, value) if value is not None else None)
        if old is not None:
            data.old_value = document_of(document, old)
        headers = {
            "ce-id": uuid.uuid4().hex,
            "ce-type": "google.cloud.firestore.document.v1.written",
            "ce-source": f"//firestore.googleapis.com/projects/projects/{self.project}/databases/(default)",
            "ce-specversion": "1.0",
            "ce-document": document,
            "Content-Type": "application/protobuf",
        }
        url = f"{self.relay.url}/functions/projects/{self.project}/triggers/{trigger}"
        body = base64.b64encode(DocumentEventData.serialize(data))
        async with self.session.post(url, data=body, headers=headers) as response:
            return response.status


def document_of(path: str, value: Any) -> Document:
    name = f"projects/p/databases/(default)/documents/{path}"
    return Document(name=name, fields={"value": {"integer_value": value}}, update_time={"seconds": int(time.time())})


@asynccontextmanager
async def running(
    manifest: Manifest, logs: Path, *, port: int = 0, retry: DeliveryRetry = FAST, concurrency: int = 8
) -> AsyncIterator[Setup]:
    project = f"demo-{uuid.uuid4().hex[:8]}"
    async with FunctionTarget() as target, aiohttp.ClientSession() as session:
        relay = EventRelay(port, manifest, target.url, project, logs, retry=retry, concurrency=concurrency)
        await relay.start()
        try:
            yield Setup(relay, target, project, session)
        finally:
            await relay.stop()


@dataclass(frozen=True)
class Emulator:
    host: str
    relay_port: int


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One Firestore emulator for the module, in a loop of its own, which posts its events to `relay_port`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    reservation = reserve(AUTO)
    ports = reservation.ports
    logs = tmp_path_factory.mktemp("firestore")
    rules = ROOT / "firestore.rules"
    firestore = FirestoreEmulator(ports.firestore, "demo-events", rules, address(ports.events), logs)
    try:
        asyncio.run_coroutine_threadsafe(firestore.start(), loop).result()
        yield Emulator(address(ports.firestore), ports.events)
    finally:
        asyncio.run_coroutine_threadsafe(firestore.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        reservation.release()


class Writer:
    """Writes by the emulator's REST API, past the rules."""

    def __init__(self, setup: Setup, host: str, project: str | None = None) -> None:
        self._base = f"http://{host}/v1/projects/{project or setup.project}/databases/(default)/documents"
        self._session = setup.session

    async def set(self, path: str, **integers: int) -> None:
        fields = {name: {"integerValue": str(value)} for name, value in integers.items()}
        await self._call("PATCH", path, {"fields": fields})

    async def delete(self, path: str) -> None:
        await self._call("DELETE", path)

    async def _call(self, method: str, path: str, body: Any = None) -> None:
        headers = {"Authorization": "Bearer owner"}
        async with self._session.request(method, f"{self._base}/{path}", json=body, headers=headers) as response:
            assert response.status == 200, await response.text()


def integers(document: Document) -> dict[str, int]:
    return {name: value.integer_value for name, value in document.fields.items()}


class TestWithTheEmulator:
    ALL = tuple(f"on_{kind} {kind} things/{{id}} retry" for kind in ("written", "created", "updated", "deleted"))

    def test_events_are_as_in_production(self, emulator: Emulator, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(*self.ALL), tmp_path, port=emulator.relay_port) as setup:
                await setup.relay.register(emulator.host)
                writer = Writer(setup, emulator.host)
                await writer.set("things/1", a=1)
                await writer.set("things/1", a=2)
                await writer.delete("things/1")
                await eventually(lambda: len(setup.target.calls) == 6, "three writes, two triggers each")
                await setup.relay.drain(DRAIN_S)

                by_trigger: dict[str, list[DocumentEventData]] = {}
                for call in setup.target.calls:
                    event = from_http(call.headers, call.body)
                    assert event["type"].startswith("google.cloud.firestore.document.v1.")
                    assert event["source"] == f"//firestore.googleapis.com/projects/{setup.project}/databases/(default)"
                    assert event["subject"] == "documents/things/1"
                    assert event["document"] == "things/1"
                    assert call.headers["content-type"] == "application/protobuf"
                    assert isinstance(event.data, bytes)
                    by_trigger.setdefault(call.entry_point, []).append(DocumentEventData.deserialize(event.data))

                assert {name: len(events) for name, events in by_trigger.items()} == {
                    "on_written": 3,
                    "on_created": 1,
                    "on_updated": 1,
                    "on_deleted": 1,
                }
                [created], [updated], [deleted] = (
                    by_trigger[f"on_{kind}"] for kind in ("created", "updated", "deleted")
                )
                assert (integers(created.value), "old_value" in created) == ({"a": 1}, False)
                assert (integers(updated.old_value), integers(updated.value)) == ({"a": 1}, {"a": 2})
                assert (integers(deleted.old_value), "value" in deleted) == ({"a": 2}, False)

        asyncio.run(scenario())

    def test_noop_writes_are_dropped(self, emulator: Emulator, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(*self.ALL), tmp_path, port=emulator.relay_port) as setup:
                await setup.relay.register(emulator.host)
                writer = Writer(setup, emulator.host)
                for value in (1, 1, 1, 2):
                    await writer.set("things/1", a=value)
                counts = setup.relay.stats()
                await eventually(lambda: setup.relay.stats()["on_written"]["received"] == 4, str(counts))
                await setup.relay.drain(DRAIN_S)
                counts = setup.relay.stats()
                assert (counts["on_written"]["noop"], counts["on_written"]["delivered"]) == (2, 2)
                assert (counts["on_updated"]["noop"], counts["on_updated"]["delivered"]) == (2, 1)

        asyncio.run(scenario())

    def test_triggers_belong_to_one_project(self, emulator: Emulator, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(*self.ALL), tmp_path, port=emulator.relay_port) as setup:
                await setup.relay.register(emulator.host)
                await Writer(setup, emulator.host, f"{setup.project}-other").set("things/other", a=1)
                await Writer(setup, emulator.host).set("things/own", a=1)
                await eventually(lambda: setup.delivered)
                await setup.relay.drain(DRAIN_S)
                assert set(setup.delivered) == {"things/own"}

        asyncio.run(scenario())

    def test_paths(self, emulator: Emulator, tmp_path: Path) -> None:
        """Nested patterns, one exact document, ids that need quoting, registering again."""
        triggers = ("on_nested written users/{uid}/things/{id} retry", "on_one written config/prices retry")

        async def scenario() -> None:
            async with running(manifest_of(*triggers), tmp_path, port=emulator.relay_port) as setup:
                await setup.relay.register(emulator.host)
                await setup.relay.register(emulator.host)
                writer = Writer(setup, emulator.host)
                for path in ("users/u/things/a b%C3%BC", "users/u", "config/prices", "config/other"):
                    await writer.set(path, a=1)
                await eventually(lambda: len(setup.target.calls) == 2)
                await setup.relay.drain(DRAIN_S)
                names = {DocumentEventData.deserialize(call.body).value.name for call in setup.target.calls}
                base = f"projects/{setup.project}/databases/(default)/documents"
                assert names == {f"{base}/users/u/things/a bü", f"{base}/config/prices"}

        asyncio.run(scenario())

    def test_a_commit_does_not_wait_for_the_function(self, emulator: Emulator, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(*self.ALL), tmp_path, port=emulator.relay_port) as setup:
                setup.target.gate = asyncio.Event()
                await setup.relay.register(emulator.host)
                writer = Writer(setup, emulator.host)
                for number in range(20):
                    await writer.set(f"things/{number}", a=number)
                await eventually(lambda: setup.relay.pending == 40)
                setup.target.gate.set()
                await setup.relay.drain(DRAIN_S)
                assert sorted(setup.delivered) == sorted(f"things/{number}" for number in range(20) for _ in range(2))
                assert setup.target.most_running <= 8

        asyncio.run(scenario())


ON_THING = "on_thing written things/{id} retry"
NO_RETRY = "on_thing written things/{id} once"


class TestDelivery:
    def test_retried_until_it_succeeds(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path) as setup:
                setup.target.statuses = [500, 404, 503]
                assert await setup.emit("on_thing", "things/1") == 200
                await setup.relay.drain(DRAIN_S)
                assert len({call.headers["ce-id"] for call in setup.target.calls}) == 1
                assert len(setup.target.calls) == 4
                assert setup.relay.stats()["on_thing"] == {
                    "received": 1,
                    "noop": 0,
                    "delivered": 1,
                    "failed": 3,
                    "dead": 0,
                    "pending": 0,
                }
                assert setup.relay.dead_letters.recent == []

        asyncio.run(scenario())

    def test_given_up_after_its_attempts(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path) as setup:
                setup.target.statuses = [500] * FAST.max_attempts
                await setup.emit("on_thing", "things/1", value=7)
                await setup.relay.drain(DRAIN_S)
                assert len(setup.target.calls) == FAST.max_attempts

                [letter] = setup.relay.dead_letters.recent
                assert letter["reason"] == "HTTP 500: answer 500"
                assert (letter["trigger"], letter["document"]) == ("on_thing", "things/1")
                assert letter["attempts"] == FAST.max_attempts
                [line] = (tmp_path / "dead-letters.jsonl").read_text().splitlines()
                written = json.loads(line)
                assert {**letter, "headers": written["headers"], "body": written["body"]} == written
                # The line has all that a replay needs.
                data = DocumentEventData.deserialize(base64.b64decode(written["body"]))
                assert integers(data.value) == {"value": 7}
                assert written["headers"]["ce-id"] == letter["id"]

        asyncio.run(scenario())

    def test_given_up_by_age(self, tmp_path: Path) -> None:
        retry = DeliveryRetry(min_backoff_s=0.01, max_age_s=0.0)

        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path, retry=retry) as setup:
                setup.target.statuses = [500] * 10
                await setup.emit("on_thing", "things/1")
                await setup.relay.drain(DRAIN_S)
                assert len(setup.target.calls) == 1
                assert setup.relay.stats()["on_thing"]["dead"] == 1

        asyncio.run(scenario())

    def test_without_retry_one_attempt(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(NO_RETRY), tmp_path) as setup:
                setup.target.statuses = [500]
                await setup.emit("on_thing", "things/1")
                await setup.relay.drain(DRAIN_S)
                assert len(setup.target.calls) == 1
                [letter] = setup.relay.dead_letters.recent
                assert "no retry" in letter["reason"]

        asyncio.run(scenario())

    def test_functions_that_are_away(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            relay = EventRelay(0, manifest_of(ON_THING), NOBODY, "p", tmp_path, retry=FAST)
            await relay.start()
            async with aiohttp.ClientSession() as session:
                await Setup(relay, FunctionTarget(), "p", session).emit("on_thing", "things/1")
            await relay.drain(DRAIN_S)
            await relay.stop()
            [letter] = relay.dead_letters.recent
            assert letter["attempts"] == FAST.max_attempts

        asyncio.run(scenario())

    def test_concurrency_is_bounded(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path, concurrency=3) as setup:
                setup.target.gate = asyncio.Event()
                for number in range(10):
                    await setup.emit("on_thing", f"things/{number}")
                await eventually(lambda: setup.target.running == 3)
                with pytest.raises(TimeoutError, match="10 events pending"):
                    await setup.relay.drain(0.01)
                setup.target.gate.set()
                await setup.relay.drain(DRAIN_S)
                assert setup.target.most_running == 3
                assert sorted(setup.delivered) == [f"things/{number}" for number in range(10)]

        asyncio.run(scenario())

    def test_stop_with_events_pending(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path, concurrency=1) as setup:
                setup.target.gate = asyncio.Event()
                for number in range(3):
                    await setup.emit("on_thing", f"things/{number}")
                await eventually(lambda: setup.target.running == 1)
                await asyncio.wait_for(setup.relay.stop(), DRAIN_S)
                assert len(setup.target.calls) == 1

        asyncio.run(scenario())

    def test_what_is_refused(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path) as setup:
                assert await setup.emit("on_nothing", "things/1") == 404
                url = f"{setup.relay.url}/functions/projects/{setup.project}/triggers/on_thing"
                async with setup.session.post(url, data=b"x") as response:
                    assert (response.status, await response.text()) == (
                        400,
                        "missing headers: ce-id, ce-type, ce-source, ce-document",
                    )
                headers = {"ce-id": "1", "ce-type": "t", "ce-source": "s", "ce-document": "things/1"}
                for body in (b"not base64!", base64.b64encode(b"\xff\xff")):
                    async with setup.session.post(url, data=body, headers=headers) as response:
                        assert response.status == 400
                assert setup.relay.stats()["on_thing"]["received"] == 0

        asyncio.run(scenario())

    def test_a_body_that_is_not_encoded(self, tmp_path: Path) -> None:
        """An emulator that sends the protobuf as production does works as well."""

        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path) as setup:
                body = DocumentEventData.serialize(DocumentEventData(value=document_of("things/1", 5)))
                headers = {"ce-id": "1", "ce-type": "t", "ce-source": "s", "ce-document": "things/1"}
                url = f"{setup.relay.url}/functions/projects/{setup.project}/triggers/on_thing"
                async with setup.session.post(url, data=body, headers=headers) as response:
                    assert response.status == 200
                await setup.relay.drain(DRAIN_S)
                assert setup.target.calls[0].body == body

        asyncio.run(scenario())


class TestFaults:
    def test_repeat(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path) as setup:
                setup.relay.set_fault(Fault(trigger="on_thing", repeat=3))
                await setup.emit("on_thing", "things/1")
                await setup.relay.drain(DRAIN_S)
                assert setup.delivered == ["things/1"] * 3
                assert len({call.headers["ce-id"] for call in setup.target.calls}) == 1

        asyncio.run(scenario())

    def test_reorder(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path, concurrency=1) as setup:
                setup.relay.set_fault(Fault(trigger="on_thing", reorder=3))
                for number in range(4):
                    await setup.emit("on_thing", f"things/{number}")
                await eventually(lambda: len(setup.delivered) == 3)
                assert setup.delivered == ["things/2", "things/1", "things/0"]
                await eventually(lambda: setup.relay.pending == 1)
                # Draining does not wait for a third event that may never come.
                await setup.relay.drain(DRAIN_S)
                assert setup.delivered[-1] == "things/3"

        asyncio.run(scenario())

    def test_clearing_releases_what_is_held(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path, concurrency=1) as setup:
                setup.relay.set_fault(Fault(trigger="on_thing", reorder=10))
                for number in range(2):
                    await setup.emit("on_thing", f"things/{number}")
                setup.relay.clear_faults()
                await setup.emit("on_thing", "things/2")
                await setup.relay.drain(DRAIN_S)
                assert setup.delivered == ["things/1", "things/0", "things/2"]

        asyncio.run(scenario())

    def test_fail_first(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path) as setup:
                setup.relay.set_fault(Fault(trigger="on_thing", fail_first=2))
                await setup.emit("on_thing", "things/1")
                await setup.emit("on_thing", "things/2")
                await setup.relay.drain(DRAIN_S)
                assert sorted(setup.delivered) == ["things/1", "things/2"]
                assert setup.relay.stats()["on_thing"]["failed"] == 4

        asyncio.run(scenario())

    def test_delay_of_some_documents(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path) as setup:
                setup.relay.set_fault(Fault(trigger="on_thing", document="things/slow", delay_ms=200))
                await setup.emit("on_thing", "things/slow-1")
                await setup.emit("on_thing", "things/quick")
                await setup.relay.drain(DRAIN_S)
                assert setup.delivered == ["things/quick", "things/slow-1"]

        asyncio.run(scenario())

    def test_the_longest_prefix_decides(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING), tmp_path) as setup:
                setup.relay.set_fault(Fault(trigger="on_thing", document="things/a", repeat=3))
                setup.relay.set_fault(Fault(trigger="on_thing", repeat=2))
                for name in ("a", "b"):
                    await setup.emit("on_thing", f"things/{name}")
                await setup.relay.drain(DRAIN_S)
                assert sorted(setup.delivered) == ["things/a"] * 3 + ["things/b"] * 2

        asyncio.run(scenario())

    def test_by_http(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            async with running(manifest_of(ON_THING, "on_user written users/{id} retry"), tmp_path) as setup:
                url = f"{setup.relay.url}/events/faults"

                async def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
                    async with setup.session.request(method, f"{setup.relay.url}{path}", json=body) as response:
                        return response.status, await response.json() if response.status != 204 else None

                status, fault = await call("POST", "/events/faults", {"trigger": "on_thing", "repeat": 2})
                assert (status, fault["repeat"], fault["delay_ms"]) == (201, 2, 0)
                await call("POST", "/events/faults", {"trigger": "on_user", "delay_ms": 5})
                assert len((await call("GET", "/events/faults"))[1]["items"]) == 2
                assert (await call("POST", "/events/faults", {"trigger": "on_nothing"}))[0] == 404
                for wrong in ({}, {"trigger": "on_thing", "repeat": 0}, {"trigger": "on_thing", "lose": 1}):
                    assert (await call("POST", "/events/faults", wrong))[0] == 400
                async with setup.session.post(url, data=b"{") as response:
                    assert response.status == 400

                await setup.emit("on_thing", "things/1")
                status, stats = await call("POST", "/events/drain?timeout=10")
                assert (status, stats["on_thing"]["delivered"]) == (200, 2)
                assert (await call("GET", "/events/stats"))[1] == stats

                assert (await call("POST", "/events/drain?timeout=long"))[0] == 400
                setup.relay.set_fault(Fault(trigger="on_thing", delay_ms=5000))
                await setup.emit("on_thing", "things/late")
                assert (await call("POST", "/events/drain?timeout=0.05"))[0] == 504

                assert (await call("DELETE", "/events/faults?trigger=on_thing"))[0] == 204
                assert [item["trigger"] for item in (await call("GET", "/events/faults"))[1]["items"]] == ["on_user"]
                assert (await call("DELETE", "/events/faults"))[0] == 204
                await setup.emit("on_thing", "things/2")
                await eventually(lambda: setup.delivered == ["things/1", "things/1", "things/2"])

        asyncio.run(scenario())
