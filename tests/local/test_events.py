"""The relay of trigger events behind the real Firestore emulator."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cloudevents.http import from_http
from google.events.cloud.firestore_v1 import DocumentEventData

from local.emulators import FirestoreEmulator
from local.manifest import ROOT
from local.ports import AUTO, address, reserve
from tests.local.events import DRAIN_S, Setup, integers, manifest_of, running
from tests.local.function_target import eventually


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
                await writer.delete("things/2")  # which is not there
                counts = setup.relay.stats()
                await eventually(lambda: setup.relay.stats()["on_written"]["received"] == 5, str(counts))
                await setup.relay.drain(DRAIN_S)
                counts = setup.relay.stats()
                assert (counts["on_written"]["noop"], counts["on_written"]["delivered"]) == (3, 2)
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
