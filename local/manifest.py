"""What is deployed, read from the two files that deployment reads: functions/functions.yaml and firebase.json.

The local stack starts nothing that these files don't name, so what runs here is what firebase-tools would deploy. Keys
and defaults are firebase-tools' own (lib/deploy/functions/runtimes/discovery/v1alpha1.js, lib/gcp/cloudtasks.js).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from cronsim import CronSim, CronSimError

from local.globs import Glob, GlobError

ROOT = Path(__file__).resolve().parent.parent
SPEC_VERSION = "v1alpha1"
FIRESTORE_EVENT_PREFIX = "google.cloud.firestore.document.v1."
FIRESTORE_EVENTS = frozenset(FIRESTORE_EVENT_PREFIX + kind for kind in ("created", "updated", "deleted", "written"))
# Cloud Scheduler's least and greatest deadline of one attempt (firebase-tools: deploy/functions/validate.js).
MIN_ATTEMPT_DEADLINE_S = 180
MAX_ATTEMPT_DEADLINE_S = 1800

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BACKOFF_FIELDS = {
    "minBackoffSeconds": "min_backoff_s",
    "maxBackoffSeconds": "max_backoff_s",
    "maxDoublings": "max_doublings",
    "maxRetrySeconds": "max_retry_s",
}
_QUEUE_RETRY_FIELDS = {"maxAttempts": "max_attempts", **_BACKOFF_FIELDS}
_SCHEDULE_RETRY_FIELDS = {"retryCount": "retry_count", **_BACKOFF_FIELDS}
_PATTERN_SEGMENT = re.compile(r"[^{}/]+|\{[A-Za-z_]\w*(=\*\*?)?\}")


class ManifestError(ValueError):
    """A manifest that can't be run; the message names file, entry and field."""


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """How long to wait between attempts, as Cloud Tasks and Cloud Scheduler do it. Durations are in seconds."""

    min_backoff_s: float
    max_backoff_s: float
    max_doublings: int
    max_retry_s: float | None = None
    """Retry at least so long after the first attempt; None: no limit by time."""

    def delay_s(self, failures: int) -> float:
        """The wait after the given number of failures (1 or more): doubling, then linear, then constant."""
        doublings = min(failures - 1, self.max_doublings)
        steps = max(1, failures - self.max_doublings)
        return min(self.max_backoff_s, self.min_backoff_s * 2.0**doublings * steps)


@dataclass(frozen=True, kw_only=True)
class QueueRetry(Backoff):
    min_backoff_s: float = 0.1
    max_backoff_s: float = 3600.0
    max_doublings: int = 16
    max_attempts: int = 3


@dataclass(frozen=True, kw_only=True)
class ScheduleRetry(Backoff):
    min_backoff_s: float = 5.0
    max_backoff_s: float = 3600.0
    max_doublings: int = 5
    retry_count: int = 0


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One deployed function. `entry_point` is its name in functions/main.py and in local URLs."""

    name: str
    entry_point: str
    region: str
    memory_mb: int
    timeout_s: float
    concurrency: int


@dataclass(frozen=True, kw_only=True)
class HttpEndpoint(Endpoint):
    invokers: tuple[str, ...]

    @property
    def public(self) -> bool:
        return "private" not in self.invokers


@dataclass(frozen=True, kw_only=True)
class QueueEndpoint(Endpoint):
    """A Cloud Tasks handler; its queue has the function's name."""

    max_dispatches_per_s: float
    max_concurrent_dispatches: int
    retry: QueueRetry

    @property
    def rate_limits(self) -> dict[str, float]:
        """In the manifest's form, defaults included."""
        return {
            "maxDispatchesPerSecond": self.max_dispatches_per_s,
            "maxConcurrentDispatches": self.max_concurrent_dispatches,
        }

    @property
    def retry_config(self) -> dict[str, float]:
        """In the manifest's form, defaults included; without maxRetrySeconds if there is no limit by time."""
        values = {key: getattr(self.retry, name) for key, name in _QUEUE_RETRY_FIELDS.items()}
        return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class EventEndpoint(Endpoint):
    """A Firestore trigger. `document` is a path or, if `is_pattern`, a path pattern like `transactions/{id}`."""

    event_type: str
    database: str
    namespace: str
    document: str
    is_pattern: bool
    retry: bool


@dataclass(frozen=True, kw_only=True)
class ScheduleEndpoint(Endpoint):
    """A Cloud Scheduler job: a cron expression of five fields in its zone."""

    cron: str
    zone: ZoneInfo
    retry: ScheduleRetry

    @property
    def job_id(self) -> str:
        """The job's id as firebase-tools deploys it."""
        return f"firebase-schedule-{self.name}-{self.region}"

    @property
    def attempt_deadline_s(self) -> float:
        return max(MIN_ATTEMPT_DEADLINE_S, min(self.timeout_s, MAX_ATTEMPT_DEADLINE_S))


@dataclass(frozen=True)
class Rewrite:
    """A rewrite of Hosting, to a function, to a Cloud Run service or (with neither id) to a static file."""

    glob: Glob
    function_id: str | None = None
    service_id: str | None = None


EndpointT = TypeVar("EndpointT", bound=Endpoint)


@dataclass(frozen=True)
class Manifest:
    """All functions by name, in the file's order, and Hosting's rewrites in theirs."""

    endpoints: Mapping[str, Endpoint]
    rewrites: tuple[Rewrite, ...] = field(default=())

    def _of(self, kind: type[EndpointT]) -> dict[str, EndpointT]:
        return {name: endpoint for name, endpoint in self.endpoints.items() if isinstance(endpoint, kind)}

    @property
    def http(self) -> dict[str, HttpEndpoint]:
        return self._of(HttpEndpoint)

    @property
    def queues(self) -> dict[str, QueueEndpoint]:
        return self._of(QueueEndpoint)

    @property
    def triggers(self) -> dict[str, EventEndpoint]:
        return self._of(EventEndpoint)

    @property
    def schedules(self) -> dict[str, ScheduleEndpoint]:
        return self._of(ScheduleEndpoint)

    def rewrite(self, path: str) -> Rewrite | None:
        """The first rewrite that matches the URL path, as Hosting chooses it."""
        return next((rewrite for rewrite in self.rewrites if rewrite.glob.match(path)), None)

    def match(self, path: str) -> str | None:
        """The id of the function that serves the URL path; None if nothing does or a Cloud Run service does."""
        rewrite = self.rewrite(path)
        return rewrite.function_id if rewrite else None


def load(root: Path = ROOT) -> Manifest:
    """Read the manifest of the project at `root`. Raises ManifestError; firebase.json may be absent (no rewrites)."""
    source = root / "functions" / "functions.yaml"
    endpoints = parse_functions(source.read_text(encoding="utf-8"), str(source.relative_to(root)))
    firebase = root / "firebase.json"
    rewrites = parse_rewrites(firebase.read_text(encoding="utf-8"), endpoints) if firebase.exists() else ()
    return Manifest(endpoints, rewrites)


def parse_functions(text: str, name: str = "functions.yaml") -> dict[str, Endpoint]:
    """The endpoints of a v1alpha1 manifest. Raises ManifestError."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ManifestError(f"{name}: {error}") from error
    if not isinstance(document, dict) or document.get("specVersion") != SPEC_VERSION:
        raise ManifestError(f"{name}: specVersion must be {SPEC_VERSION}")
    endpoints = document.get("endpoints") or {}
    return {key: _endpoint(key, value, f"{name}: {key}") for key, value in endpoints.items()}


def parse_rewrites(text: str, endpoints: Mapping[str, Endpoint]) -> tuple[Rewrite, ...]:
    """The rewrites of a firebase.json, in its order. Raises ManifestError if one names no HTTP function."""
    try:
        hosting = json.loads(text).get("hosting") or {}
    except ValueError as error:
        raise ManifestError(f"firebase.json: {error}") from error
    rewrites = []
    for entry in hosting.get("rewrites", []):
        source = entry.get("source") or entry.get("glob") or ""
        try:
            glob = Glob(source)
        except GlobError as error:
            raise ManifestError(f"firebase.json: {error}") from error
        target = entry.get("function")
        # firebase-tools takes the function as an object or, as it did before, as a bare name.
        function_id = target.get("functionId") if isinstance(target, dict) else target
        service_id = (entry.get("run") or {}).get("serviceId")
        if function_id is not None:
            endpoint = endpoints.get(function_id)
            if not isinstance(endpoint, HttpEndpoint):
                raise ManifestError(f"firebase.json: {source} rewrites to {function_id}, which is no HTTP function")
        rewrites.append(Rewrite(glob, function_id, service_id))
    return tuple(rewrites)


def _endpoint(name: str, entry: Any, where: str) -> Endpoint:
    if not isinstance(entry, dict):
        raise ManifestError(f"{where}: must be a mapping")
    kinds = [kind for kind in _READERS if kind in entry]
    if len(kinds) != 1:
        raise ManifestError(f"{where}: exactly one of {', '.join(_READERS)} is needed")
    regions = entry.get("region") or ["us-central1"]
    common = {
        "name": name,
        "entry_point": str(entry.get("entryPoint") or name),
        "region": regions[0] if isinstance(regions, list) else str(regions),
        "memory_mb": int(entry.get("availableMemoryMb") or 256),
        "timeout_s": float(entry.get("timeoutSeconds") or 60),
        "concurrency": int(entry.get("concurrency") or 80),
    }
    return _READERS[kinds[0]](entry[kinds[0]] or {}, common, where)


def _http(trigger: dict[str, Any], common: dict[str, Any], where: str) -> Endpoint:
    return HttpEndpoint(**common, invokers=tuple(trigger.get("invoker") or ("public",)))


def _queue(trigger: dict[str, Any], common: dict[str, Any], where: str) -> Endpoint:
    limits = trigger.get("rateLimits") or {}
    return QueueEndpoint(
        **common,
        max_dispatches_per_s=float(limits.get("maxDispatchesPerSecond") or 500),
        max_concurrent_dispatches=int(limits.get("maxConcurrentDispatches") or 1000),
        retry=QueueRetry(**_numbers(trigger.get("retryConfig") or {}, _QUEUE_RETRY_FIELDS, where)),
    )


def _event(trigger: dict[str, Any], common: dict[str, Any], where: str) -> Endpoint:
    event_type = trigger.get("eventType")
    if event_type not in FIRESTORE_EVENTS:
        raise ManifestError(f"{where}: eventType {event_type} has no local source; known: {sorted(FIRESTORE_EVENTS)}")
    filters = trigger.get("eventFilters") or {}
    pattern = (trigger.get("eventFilterPathPatterns") or {}).get("document")
    document = pattern or filters.get("document")
    if not document or "database" not in filters:
        raise ManifestError(f"{where}: filters database and document are needed")
    # The emulator takes a malformed pattern and then fails every commit with a 500.
    if pattern and not all(_PATTERN_SEGMENT.fullmatch(segment) for segment in pattern.split("/")):
        raise ManifestError(f"{where}: malformed path pattern {pattern!r}")
    return EventEndpoint(
        **common,
        event_type=event_type,
        database=filters["database"],
        namespace=filters.get("namespace", "(default)"),
        document=document,
        is_pattern=bool(pattern),
        retry=trigger.get("retry") is True,
    )


def _schedule(trigger: dict[str, Any], common: dict[str, Any], where: str) -> Endpoint:
    cron, zone_name = str(trigger.get("schedule") or ""), trigger.get("timeZone") or "UTC"
    try:
        zone = ZoneInfo(zone_name)
        if len(cron.split()) != 5:
            raise CronSimError("five fields are needed")
        CronSim(cron, _EPOCH)
    except CronSimError as error:
        raise ManifestError(f"{where}: schedule {cron!r}: {error}") from error
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ManifestError(f"{where}: unknown timeZone {zone_name!r}") from error
    retry = ScheduleRetry(**_numbers(trigger.get("retryConfig") or {}, _SCHEDULE_RETRY_FIELDS, where))
    return ScheduleEndpoint(**common, cron=cron, zone=zone, retry=retry)


def _numbers(config: dict[str, Any], fields: Mapping[str, str], where: str) -> dict[str, Any]:
    """The retry configuration under our names. An unknown key is an error: ignored, it would differ from deployment."""
    unknown = sorted(set(config) - set(fields))
    if unknown:
        raise ManifestError(f"{where}: unknown in retryConfig: {', '.join(unknown)}")
    values = {fields[key]: value for key, value in config.items() if value is not None}
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ManifestError(f"{where}: retryConfig {key} must be a number, 0 or more")
    return values


_Reader = Callable[[dict[str, Any], dict[str, Any], str], Endpoint]
_READERS: dict[str, _Reader] = {
    "httpsTrigger": _http,
    "taskQueueTrigger": _queue,
    "eventTrigger": _event,
    "scheduleTrigger": _schedule,
}
