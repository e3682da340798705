"""The relay of trigger events by itself: failing functions, retries, and the faults that tests ask for."""

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from google.events.cloud.firestore_v1 import DocumentEventData

from local.events import DeliveryRetry, EventRelay, Fault
from tests.local.events import DRAIN_S, FAST, NOBODY, Setup, document_of, integers, manifest_of, running
from tests.local.function_target import FunctionTarget, eventually

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
                setup.relay.set_fault(Fault(trigger="on_thing", document="things/slow", delay_ms=600_000))
                await setup.emit("on_thing", "things/slow-1")
                await setup.emit("on_thing", "things/quick")
                await eventually(lambda: setup.delivered == ["things/quick"] and setup.relay.pending == 1)
                setup.relay.set_fault(Fault(trigger="on_thing", document="things/slow", delay_ms=50))
                begun = time.monotonic()
                await setup.emit("on_thing", "things/slow-2")
                await eventually(lambda: setup.delivered == ["things/quick", "things/slow-2"])
                assert time.monotonic() - begun >= 0.05

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
                status, stats = await call("POST", "/events/drain?timeout=60")
                assert (status, stats["on_thing"]["delivered"]) == (200, 2)
                assert (await call("GET", "/events/stats"))[1] == stats

                assert (await call("POST", "/events/drain?timeout=long"))[0] == 400
                setup.relay.set_fault(Fault(trigger="on_thing", delay_ms=600_000))
                await setup.emit("on_thing", "things/late")
                assert (await call("POST", "/events/drain?timeout=0.05"))[0] == 504

                assert (await call("DELETE", "/events/faults?trigger=on_thing"))[0] == 204
                assert [item["trigger"] for item in (await call("GET", "/events/faults"))[1]["items"]] == ["on_user"]
                assert (await call("DELETE", "/events/faults"))[0] == 204
                await setup.emit("on_thing", "things/2")
                await eventually(lambda: setup.delivered == ["things/1", "things/1", "things/2"])

        asyncio.run(scenario())
