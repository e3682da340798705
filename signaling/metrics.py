"""What an instance counts, in Prometheus's text format at GET /metrics. Each instance has its own, and shows its own.

What happens is counted when it happens; what is (connections, lanes, queues) is looked at when somebody asks. No label
has a user, a chat or anything else that a client names: each has few values.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# Half of all series otherwise, and of use to nobody.
disable_created_metrics()  # type: ignore[no-untyped-call]

CONTENT_TYPE = CONTENT_TYPE_LATEST
PREFIX = "konnect_signaling_"
EVENT_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
UNKNOWN = "unknown"
"""An event that is none of ours: its name is the client's."""


class Seen(Protocol):
    """What is, when somebody asks."""

    def gauges(self) -> dict[str, tuple[str, float]]:
        """Name → what it says, and its value now."""


class Metrics:
    """One an instance."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        # Looked up by us: the library's own look-up of labels costs as much as the counting.
        self._events: dict[tuple[str, str], Callable[[float], None]] = {}
        self._event_s = Histogram(
            f"{PREFIX}event_duration_seconds",
            "Events of clients, from their arrival to the acknowledgement; outcome: ok, refused (4xx), failed (5xx).",
            ("event", "outcome"),
            registry=self._registry,
            buckets=EVENT_BUCKETS_S,
        )
        self._errors = Counter(
            f"{PREFIX}event_errors",
            "Events of clients that were answered with an error, by its code (RATE_LIMITED: too fast).",
            ("event", "code"),
            registry=self._registry,
        )
        self._connects = Counter(
            f"{PREFIX}connects",
            "Sockets that asked to be admitted; outcome: ok or the code of the refusal.",
            ("namespace", "outcome"),
            registry=self._registry,
        )
        self._lag_s = Histogram(
            f"{PREFIX}relay_lag_seconds",
            "From an event's publication, by a function or another instance, until it is here.",
            registry=self._registry,
            buckets=LAG_BUCKETS_S,
        )
        self._delivered = Counter(
            f"{PREFIX}deliveries", "Events put on the queue of a socket here.", registry=self._registry
        )
        self._published = Counter(
            f"{PREFIX}events_published", "Events published for the other instances.", registry=self._registry
        )
        self._dropped = Counter(
            f"{PREFIX}events_dropped",
            "Events that were not passed on; reason: old (over 30 s on their way), backlog (too many wait to be "
            "published), unpublished (Pub/Sub refused).",
            ("reason",),
            registry=self._registry,
        )
        self._slow = Counter(
            f"{PREFIX}slow_sockets", "Sockets disconnected since they did not read.", registry=self._registry
        )
        self._lost = Counter(
            f"{PREFIX}leases_lost", "Times this instance's presence lease had run out.", registry=self._registry
        )
        self._reaped = Counter(
            f"{PREFIX}connections_reaped",
            "Connections of instances that are gone, removed by this one.",
            registry=self._registry,
        )
        for reason in ("old", "backlog", "unpublished"):
            self._dropped.labels(reason)
        self.observe_lag = self._lag_s.observe
        self.delivered = self._delivered.inc
        self.published = self._published.inc

    def event(self, name: str, code: str | None, failed: bool, took_s: float) -> None:
        """An event was answered: `code` None, or that of the error, of which 5xx are `failed`."""
        outcome = "ok" if code is None else "failed" if failed else "refused"
        observe = self._events.get((name, outcome))
        if observe is None:
            observe = self._events[name, outcome] = self._event_s.labels(name, outcome).observe
        observe(took_s)
        if code is not None:
            self._errors.labels(name, code).inc()

    def connect(self, namespace: str, outcome: str) -> None:
        self._connects.labels(namespace, outcome).inc()

    def dropped(self, reason: str, count: int = 1) -> None:
        self._dropped.labels(reason).inc(count)

    def slow_socket(self) -> None:
        self._slow.inc()

    def lease_lost(self) -> None:
        self._lost.inc()

    def reaped(self, count: int) -> None:
        self._reaped.inc(count)

    def watch(self, seen: Seen) -> None:
        """Show its gauges too."""
        self._registry.register(_Gauges(seen))

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self._registry)


class _Gauges(Collector):
    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        for name, (says, value) in self._seen.gauges().items():
            yield GaugeMetricFamily(f"{PREFIX}{name}", says, value)
