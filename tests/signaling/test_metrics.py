"""GET /metrics of an instance: what it counts, for whom, and that no user is in it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from konnect.config import load
from local.person import Person
from signaling.app import Instance as App
from signaling.metrics import CONTENT_TYPE, Metrics
from tests.signaling.conftest import Instance, Pair, Seat, wait_until

P = "konnect_signaling_"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(url: str) -> Samples:
    answer = requests.get(f"{url}/metrics", timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == CONTENT_TYPE
    return parsed(answer.text)


def parsed(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((P + name, frozenset(labels.items())), 0.0)


def test_what_an_instance_does(instance: Callable[..., Instance], seat: Callable[..., Seat], pair: Pair) -> None:
    own = instance(MESSAGES_PER_MINUTE="2", RATE_LIMIT_FACTOR="1", MINUTE_S="60")
    user = seat(pair.user.person, own.url).connect()
    chat_id = pair.start()
    user.wait("chat-started")
    asked = {"chatId": chat_id, "message": "hello"}
    acks = [user.call("chat-message", asked) for _ in range(6)]
    assert [ack["error"]["code"] for ack in acks if "error" in ack][-1:] == ["RATE_LIMITED"]
    user.call("no-such-event-" + user.uid, {})
    # What goes out over the topic is counted once it has gone.
    on_the_way = ("relay_lag_seconds_count", "events_published_total", "deliveries_total")
    found = wait_until(lambda: (now := samples(own.url)) and all(value(now, name) > 0 for name in on_the_way) and now)

    def events(outcome: str, name: str = "chat-message") -> float:
        return value(found, "event_duration_seconds_count", event=name, outcome=outcome)

    sent = sum("error" not in ack for ack in acks)
    assert (events("ok"), events("refused")) == (sent, len(acks) - sent)
    assert value(found, "event_errors_total", event="chat-message", code="RATE_LIMITED") == len(acks) - sent
    assert value(found, "event_errors_total", event="unknown", code="UNKNOWN_EVENT") == 1
    assert value(found, "connects_total", namespace="/", outcome="ok") == 1
    assert value(found, "connections") == 1
    assert value(found, "transports") >= 1
    assert 0 <= value(found, "lease_age_seconds") < 30
    for name in ("executor_queue_length", "lanes", "lanes_waiting", "publish_backlog", "draining"):
        assert value(found, name) >= 0
        assert (P + name, frozenset()) in found
    text = requests.get(f"{own.url}/metrics", timeout=60).text
    for private in (user.uid, chat_id, pair.expert.uid):
        assert private not in text
    # Each instance shows its own.
    other = samples(pair.expert.url)
    assert value(other, "event_errors_total", event="chat-message", code="RATE_LIMITED") == 0


def test_a_refused_connection(urls: tuple[str, str], seat: Callable[..., Seat], user: Person) -> None:
    def refused() -> float:
        return value(samples(urls[0]), "connects_total", namespace="/", outcome="UNAUTHENTICATED")

    before = refused()
    stranger = seat(user)
    with pytest.raises(Exception):  # noqa: B017 - the client's own
        stranger.clients.connect(stranger.name, urls[0], auth={"token": "nonsense"}, options={"reconnection": False})
    assert wait_until(lambda: refused() > before)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
def test_not_through_a_proxy(urls: tuple[str, str], header: str) -> None:
    answer = requests.get(f"{urls[0]}/metrics", headers={header: "127.0.0.1"}, timeout=60)
    assert answer.status_code == 404


def test_not_through_the_gateway(stack_env: dict[str, str]) -> None:
    """As the load balancer: only /socket.io/ goes to signaling."""
    assert requests.get(f"{stack_env['API_URL']}/metrics", timeout=60).status_code == 404


@pytest.mark.parametrize(
    ("peer", "networks", "may"),
    [
        ("127.0.0.1", "127.0.0.0/8,::1/128", True),
        ("::1", "127.0.0.0/8,::1/128", True),
        ("169.254.8.1", "127.0.0.0/8,::1/128", False),
        ("10.2.3.4", "127.0.0.0/8,10.0.0.0/8", True),
        (None, "127.0.0.0/8", False),
    ],
)
def test_who_may_read(peer: str | None, networks: str, may: bool) -> None:
    app = App(load({"METRICS_NETWORKS": networks}))
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        raise AssertionError

    async def nowhere(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})

    app._asgi = nowhere  # type: ignore[assignment]
    client = None if peer is None else (peer, 5000)
    scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": [], "client": client}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == (200 if may else 404)


def test_counting_is_cheap() -> None:
    """Far below what an event costs by itself (some 100 µs of a core): the bound leaves room for a busy machine."""
    metrics = Metrics()
    rounds = []
    for _ in range(5):
        began = time.thread_time()
        for _ in range(2000):
            metrics.event("chat-message", None, False, 0.01)
            metrics.observe_lag(0.01)
            metrics.delivered(2)
        rounds.append((time.thread_time() - began) / 2000)
    assert min(rounds) < 100e-6
