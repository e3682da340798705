"""The manifest as local runs read it, beside what firebase-tools and Hosting's own matcher make of the same."""

import json
import subprocess
from pathlib import Path

import pytest

from local import manifest
from local.globs import Glob, GlobError
from local.manifest import Manifest, ManifestError, QueueRetry, parse_functions, parse_rewrites

HEAD = "specVersion: v1alpha1\nendpoints:\n"
FUNCTIONS = """
specVersion: v1alpha1
endpoints:
  api: {entryPoint: api, region: [asia-south1], httpsTrigger: {invoker: [public]}, timeoutSeconds: 30}
  webhooks: {entryPoint: webhooks, httpsTrigger: {}}
  reconcile: {entryPoint: run_reconcile, httpsTrigger: {invoker: [private]}}
  tasks:
    entryPoint: tasks
    taskQueueTrigger:
      rateLimits: {maxDispatchesPerSecond: 5, maxConcurrentDispatches: 7}
      retryConfig:
        {maxAttempts: 9, maxRetrySeconds: 100, minBackoffSeconds: 10, maxBackoffSeconds: 300, maxDoublings: 3}
  plain: {entryPoint: plain, taskQueueTrigger: {}}
  on_thing:
    entryPoint: on_thing
    eventTrigger:
      eventType: google.cloud.firestore.document.v1.created
      eventFilters: {database: (default), namespace: (default)}
      eventFilterPathPatterns: {document: "users/{uid}/things/{id}"}
      retry: true
  on_one:
    entryPoint: on_one
    eventTrigger:
      eventType: google.cloud.firestore.document.v1.written
      eventFilters: {database: (default), document: config/prices}
  sweep:
    entryPoint: sweep
    region: [asia-south1]
    timeoutSeconds: 20
    scheduleTrigger: {schedule: "*/10 * * * *", timeZone: Asia/Kolkata, retryConfig: {retryCount: 3}}
"""
REWRITES = {
    "hosting": {
        "rewrites": [
            {"source": "/api/payments/webhook", "function": {"functionId": "webhooks", "region": "asia-south1"}},
            {"source": "/api/**", "function": {"functionId": "api", "region": "asia-south1"}},
            {"source": "/health", "function": "api"},
            {"source": "/socket.io/**", "run": {"serviceId": "signaling", "region": "asia-south1"}},
            {"source": "/static/**", "destination": "/index.html"},
            {"source": "/static/api", "function": {"functionId": "api"}},
        ]
    }
}


@pytest.fixture
def sample() -> Manifest:
    endpoints = parse_functions(FUNCTIONS)
    return Manifest(endpoints, parse_rewrites(json.dumps(REWRITES), endpoints))


def entry(trigger: str) -> str:
    return f"{HEAD}  it: {{entryPoint: it, {trigger}}}"


class TestFunctions:
    def test_kinds(self, sample: Manifest) -> None:
        assert list(sample.http) == ["api", "webhooks", "reconcile"]
        assert list(sample.queues) == ["tasks", "plain"]
        assert list(sample.triggers) == ["on_thing", "on_one"]
        assert list(sample.schedules) == ["sweep"]

    def test_http(self, sample: Manifest) -> None:
        assert sample.http["api"].public
        assert sample.http["webhooks"].public
        assert not sample.http["reconcile"].public
        assert sample.http["reconcile"].entry_point == "run_reconcile"
        assert sample.http["api"].timeout_s == 30

    def test_queue(self, sample: Manifest) -> None:
        queue = sample.queues["tasks"]
        assert queue.rate_limits == {"maxDispatchesPerSecond": 5, "maxConcurrentDispatches": 7}
        assert queue.retry_config == {
            "maxAttempts": 9,
            "maxRetrySeconds": 100,
            "minBackoffSeconds": 10,
            "maxBackoffSeconds": 300,
            "maxDoublings": 3,
        }

    def test_queue_defaults_are_firebase_tools(self, sample: Manifest) -> None:
        assert sample.queues["plain"].retry == QueueRetry(
            min_backoff_s=0.1, max_backoff_s=3600, max_doublings=16, max_retry_s=None, max_attempts=3
        )
        assert "maxRetrySeconds" not in sample.queues["plain"].retry_config

    def test_backoff_doubles_then_grows_linearly_to_its_maximum(self, sample: Manifest) -> None:
        retry = sample.queues["tasks"].retry
        assert [retry.delay_s(failures) for failures in range(1, 9)] == [10, 20, 40, 80, 160, 240, 300, 300]

    def test_trigger(self, sample: Manifest) -> None:
        trigger = sample.triggers["on_thing"]
        assert trigger.event_type == "google.cloud.firestore.document.v1.created"
        assert (trigger.database, trigger.namespace) == ("(default)", "(default)")
        assert (trigger.document, trigger.is_pattern, trigger.retry) == ("users/{uid}/things/{id}", True, True)

    def test_trigger_of_one_document(self, sample: Manifest) -> None:
        trigger = sample.triggers["on_one"]
        assert (trigger.document, trigger.is_pattern, trigger.retry) == ("config/prices", False, False)

    def test_schedule(self, sample: Manifest) -> None:
        job = sample.schedules["sweep"]
        assert (job.cron, job.zone.key, job.retry.retry_count) == ("*/10 * * * *", "Asia/Kolkata", 3)
        assert job.job_id == "firebase-schedule-sweep-asia-south1"
        assert job.attempt_deadline_s == manifest.MIN_ATTEMPT_DEADLINE_S

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("specVersion: v2", "specVersion"),
            ("{", "while parsing"),
            (HEAD + "  it: {entryPoint: it}", "exactly one of"),
            (entry("httpsTrigger: {}, scheduleTrigger: {}"), "exactly one of"),
            (entry("eventTrigger: {eventType: google.cloud.storage.object.v1.finalized}"), "no local source"),
            (entry("scheduleTrigger: {schedule: 'every 5 minutes'}"), "schedule"),
            (entry("scheduleTrigger: {schedule: '* * * * * *'}"), "five fields"),
            (entry("scheduleTrigger: {schedule: '61 * * * *'}"), "schedule"),
            (entry("scheduleTrigger: {schedule: '* * * * *', timeZone: Asia/Nowhere}"), "timeZone"),
            (entry("taskQueueTrigger: {retryConfig: {maxAttemps: 3}}"), "maxAttemps"),
            (entry("taskQueueTrigger: {retryConfig: {maxAttempts: many}}"), "a number"),
            (
                entry(
                    "eventTrigger: {eventType: google.cloud.firestore.document.v1.written, "
                    "eventFilters: {database: x}, eventFilterPathPatterns: {document: 'things/{id'}}"
                ),
                "malformed path pattern",
            ),
        ],
    )
    def test_refused(self, text: str, message: str) -> None:
        with pytest.raises(ManifestError, match=message):
            parse_functions(text)


class TestRewrites:
    @pytest.mark.parametrize(
        ("path", "function_id"),
        [
            ("/api/payments/webhook", "webhooks"),
            ("/api/payments/verify", "api"),
            ("/api/", "api"),
            ("/api", None),
            ("/apiary", None),
            ("/health", "api"),
            ("/health/", "api"),
            ("/health/x", None),
            ("/socket.io/", None),
            ("/static/api", None),
            ("/", None),
        ],
    )
    def test_first_match_wins(self, sample: Manifest, path: str, function_id: str | None) -> None:
        assert sample.match(path) == function_id

    def test_service(self, sample: Manifest) -> None:
        rewrite = sample.rewrite("/socket.io/?EIO=4".partition("?")[0])
        assert rewrite is not None
        assert rewrite.service_id == "signaling"

    @pytest.mark.parametrize("function_id", ["nobody", "tasks", "sweep"])
    def test_only_http_functions(self, sample: Manifest, function_id: str) -> None:
        text = json.dumps({"hosting": {"rewrites": [{"source": "/x", "function": {"functionId": function_id}}]}})
        with pytest.raises(ManifestError, match=function_id):
            parse_rewrites(text, sample.endpoints)


class TestGlob:
    SOURCES = (
        "/api/**",
        "/health",
        "**",
        "/a/*",
        "/**/x",
        "/{a,b}/c",
        "/a{,/**}",
        "/a/**/b",
        "/a?c",
        "/x**",
        "/*",
        "/a.c",
    )
    PATHS = (
        "/",
        "/a",
        "/a/",
        "/a/b",
        "/a/b/",
        "/a/b/c",
        "/a/x/b",
        "/a/.x/b",
        "/abc",
        "/a.c",
        "/a/c",
        "/b/c",
        "/api",
        "/api/",
        "/api/x",
        "/api/x/y/",
        "/api//x",
        "/api/.x",
        "/API/x",
        "/apix",
        "/health",
        "/health/",
        "/healthz",
        "/x",
        "/xa",
        "/xa/b",
        "/.a",
    )

    def test_agrees_with_firebase_tools(self) -> None:
        matcher = manifest.ROOT / "node_modules" / "superstatic" / "lib" / "utils" / "patterns.js"
        script = (
            "const {configMatcher} = require(process.argv[1]); const [sources, paths] = JSON.parse(process.argv[2]);"
            "console.log(JSON.stringify(sources.map(source => paths.filter(path => configMatcher(path, {source})))))"
        )
        answer = subprocess.run(
            ["node", "-e", script, str(matcher), json.dumps([self.SOURCES, self.PATHS])],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        ours = [[path for path in self.PATHS if Glob(source).match(path)] for source in self.SOURCES]
        assert dict(zip(self.SOURCES, ours, strict=True)) == dict(
            zip(self.SOURCES, json.loads(answer.stdout), strict=True)
        )

    @pytest.mark.parametrize("source", ["", "/[ab]", "/@(a|b)", "!/a", "/a\\b", "/{a,b"])
    def test_unsupported(self, source: str) -> None:
        with pytest.raises(GlobError):
            Glob(source).match("/a")


class TestLoad:
    def test_the_project(self) -> None:
        loaded = manifest.load()
        assert loaded.http["api"].public
        assert loaded.queues
        assert loaded.triggers
        assert loaded.schedules

    def test_without_firebase_json(self, tmp_path: Path) -> None:
        (tmp_path / "functions").mkdir()
        (tmp_path / "functions" / "functions.yaml").write_text(FUNCTIONS)
        assert manifest.load(tmp_path).rewrites == ()
