"""One trace as a collector gets it, through processes that export: request, transaction, task, socket event."""

import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from local import functions_server
from local.environment import child_environ
from local.manifest import ROOT
from local.person import wait_until
from local.ports import AUTO, reserve
from tests import people
from tests.collector import Collector, Span, collecting
from tests.signaling.conftest import Instance, Seat, clients, instance, seat, urls

__all__ = ["clients", "instance", "seat", "urls"]
CALLER = "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def functions_url(stack_env: dict[str, str], collector: Collector, tmp_path: Path) -> Iterator[str]:
    """Functions of the test's own on the stack's emulators, which export; their tasks come back to them."""
    reserved = reserve(AUTO)
    port = reserved.ports.functions
    url = f"http://127.0.0.1:{port}/functions"
    own = {"TASKS_URL": f"{url}/tasks", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    env = child_environ({**stack_env, **own})
    with (tmp_path / "functions.log").open("wb") as log:
        process = subprocess.Popen(functions_server.command(port), cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        wait_until("the functions answer", lambda: process.poll() is None and _answers(f"{url}/api/health"), 120)
        yield url
    finally:
        process.terminate()
        process.wait(60)
        reserved.release()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except (requests.ConnectionError, requests.Timeout):
        return False


def test_from_a_request_to_its_task_and_its_event(
    stack_env: dict[str, str],
    functions_url: str,
    collector: Collector,
    instance: Callable[..., Instance],
    seat: Callable[..., Seat],
) -> None:
    """A user takes back what was asked of a consultant: the consultant is told, and whoever waits comes next."""
    meera, asha = people.user(stack_env, "Meera", rupees=1000), people.expert(stack_env, "Asha")
    relay = instance(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="100")
    told = seat(asha, relay.url).connect()
    wanted = {"userId": meera.uid, "consultantId": asha.uid, "durationMinutes": 30}
    consult_id = meera.post("/consult/start", wanted)["consultId"]

    trace_id = secrets.token_hex(16)
    answer = requests.post(
        f"{functions_url}/api/consult/{consult_id}/end",
        json={},
        headers={"Authorization": f"Bearer {meera.token}", "traceparent": f"00-{trace_id}-{CALLER}-01"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    # Sent before the answer was: a function is frozen after it.
    request = collector.one(trace_id, "POST /consult/{consultId}/end")
    assert request is not None
    told.wait("session_end", lambda data: data["consultId"] == consult_id)

    def found(name: str) -> Span:
        span: Span = wait_until(f"the span {name}", lambda: collector.one(trace_id, name))
        return span

    created, task = found("create /sessions/advance"), found("task /sessions/advance")
    published, delivered = found("publish events"), found("deliver session_end")
    assert request.parent == CALLER
    assert {created.parent, published.parent} == {request.id}
    assert task.parent == created.id
    assert delivered.parent == published.id
    below = {span.parent for span in collector.of(trace_id) if span.name == "firestore transaction"}
    assert {request.id, task.id} <= below
    assert [span.service for span in (request, task, delivered)] == ["functions", "functions", "signaling"]
    assert [span.kind for span in (request, created, task, published, delivered)] == [
        "server",
        "producer",
        "consumer",
        "producer",
        "consumer",
    ]
    assert not [span for span in collector.of(trace_id) if span.failed]


def test_from_a_socket_s_event_on(
    stack_env: dict[str, str], collector: Collector, instance: Callable[..., Instance], seat: Callable[..., Seat]
) -> None:
    """Each event is the root of a trace; what comes many times a second has none."""
    relay = instance(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="100")
    asha = seat(people.expert(stack_env, "Asha"), relay.url).connect()
    asha.call("typing-start", {"chatId": "none"})
    assert "error" not in asha.call("register", {"userType": "expert"})

    def registered() -> Span | None:
        return next((span for span in collector.spans if span.name == "event register"), None)

    root: Span = wait_until("the span of register", registered)
    wait_until("its transaction", lambda: [one for one in collector.of(root.trace) if one.parent == root.id])
    assert (root.parent, root.kind, root.service) == ("", "server", "signaling")
    assert {span.name for span in collector.spans} >= {"connect", "event register"}
    assert not [span for span in collector.spans if "typing" in span.name]
