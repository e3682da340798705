"""Spans as a collector gets them: from a request to its task and its socket event; and none without an endpoint."""

import json
import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, Request
from werkzeug.test import EnvironBuilder

from konnect import spans, trace
from konnect.config import ConfigError, load
from konnect.context import Context
from konnect.errors import Conflict, Unavailable
from konnect.http import app, internal
from konnect.http.routing import Call, Router
from konnect.log import JsonFormatter
from konnect.store import Tx, transaction
from konnect.tasks import CloudTasks, Task
from local.environment import child_environ
from local.manifest import ROOT
from tests.collector import Collector, collecting
from tests.http.test_triggers import NAME, Message, event, stamp

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{ID}-{SPAN}-01"

router = Router("Test")


@router.get("/things/<thing_id>", auth="public", limit=None)
def one_thing(call: Call, thing_id: str) -> dict[str, Any]:
    """A thing."""
    if thing_id == "gone":
        raise Conflict("it is gone", code="THING_GONE")
    if thing_id == "broken":
        raise ZeroDivisionError
    call.ctx.run(lambda tx: tx.set(("things", thing_id), {"seen": True}))
    return {"id": thing_id}


ROUTES = {"/things": __name__}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@contextmanager
def recording(collector: Collector, **settings: str) -> Iterator[None]:
    """As a function records; it waits longer for the collector, which may be slow on a machine that is busy."""
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "60", **settings}
    spans.configure(load(given), "functions")
    try:
        yield
    finally:
        spans.close()


def get(ctx: Context, path: str, traceparent: str | None = None) -> int:
    headers = {} if traceparent is None else {"traceparent": traceparent}
    return app.serve(Request(EnvironBuilder(path=path, headers=headers).get_environ()), ROUTES, ctx).status_code


class TestRequests:
    def test_a_span_under_the_caller_s_with_the_transaction_below(self, ctx: Context, collector: Collector) -> None:
        with recording(collector):
            assert get(ctx, "/things/t1", GIVEN) == 200
            # Sent before the answer: a function is frozen after it.
            request, transaction = sorted(collector.of(ID), key=lambda span: span.kind, reverse=True)
        assert (request.name, request.kind, request.parent) == ("GET /things/{thingId}", "server", SPAN)
        assert request.attributes["http.route"] == "/things/{thingId}"
        assert request.attributes["http.response.status_code"] == 200
        assert request.attributes["konnect.writes"] == 1
        assert (transaction.name, transaction.kind, transaction.parent) == (
            "firestore transaction",
            "client",
            request.id,
        )
        assert transaction.attributes["konnect.attempts"] == 1
        assert request.service == "functions"

    def test_refusals_are_answers_and_only_5xx_fail(self, ctx: Context, collector: Collector) -> None:
        with recording(collector):
            assert get(ctx, "/things/gone") == 409
            assert get(ctx, "/things/broken") == 500
            assert get(ctx, "/nowhere/at-all") == 404
        gone, broken, nowhere = collector.spans
        assert (gone.attributes["error.type"], gone.failed) == ("THING_GONE", False)
        assert (broken.attributes["error.type"], broken.failed) == ("ZeroDivisionError", True)
        # A path that nobody serves is no name: anybody could make up as many as they like.
        assert (nowhere.name, nowhere.failed) == ("GET", False)

    def test_a_trace_that_begins_here_has_a_root_which_the_log_names(
        self, ctx: Context, collector: Collector, caplog: pytest.LogCaptureFixture
    ) -> None:
        lines: list[dict[str, Any]] = []

        class Kept(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                lines.append(json.loads(JsonFormatter("demo").format(record)))

        logger, kept = logging.getLogger("konnect.http.app"), Kept()
        logger.addHandler(kept)
        caplog.set_level("INFO", "konnect.http.app")
        try:
            with recording(collector):
                get(ctx, "/things/gone")
        finally:
            logger.removeHandler(kept)
        (span,) = collector.spans
        assert span.parent == ""
        assert lines[-1]["logging.googleapis.com/trace"] == f"projects/demo/traces/{span.trace}"
        assert lines[-1]["logging.googleapis.com/spanId"] == span.id

    def test_what_the_caller_does_not_record_is_not_recorded(self, ctx: Context, collector: Collector) -> None:
        with recording(collector):
            get(ctx, "/things/t1", f"00-{ID}-{SPAN}-00")
        assert collector.requests == []
        with recording(collector, OTEL_TRACES_SAMPLER="always_on"):
            get(ctx, "/things/t1", f"00-{ID}-{SPAN}-00")
        assert len(collector.of(ID)) == 2
        with recording(collector, OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="0"):
            get(ctx, "/things/t1", GIVEN)
        assert len(collector.of(ID)) == 2


class TestExport:
    def test_headers(self, ctx: Context, collector: Collector) -> None:
        with recording(collector, OTEL_EXPORTER_OTLP_HEADERS="Api-Key=a%20b, x-team = konnect"):
            get(ctx, "/things/gone")
        assert collector.requests[0]["api-key"] == "a b"
        assert collector.requests[0]["x-team"] == "konnect"
        assert collector.requests[0]["content-type"] == "application/x-protobuf"

    def test_a_collector_that_refuses_is_left_alone(self, ctx: Context, collector: Collector) -> None:
        collector.status = 400
        with recording(collector):
            assert [get(ctx, "/things/gone") for _ in range(3)] == [409, 409, 409]
        assert len(collector.requests) == 1

    def test_a_collector_that_is_not_there_costs_no_answer(self, ctx: Context) -> None:
        with recording(Collector("http://127.0.0.1:1"), OTEL_EXPORTER_OTLP_TIMEOUT="0.2"):
            assert get(ctx, "/things/gone") == 409

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
            ("METRICS_NETWORKS", "everybody"),
        ],
    )
    def test_settings_that_are_refused(self, name: str, value: str) -> None:
        with pytest.raises(ConfigError, match=name.lower() if name != "METRICS_NETWORKS" else name):
            load({name: value})

    def test_switched_off(self, ctx: Context, collector: Collector) -> None:
        with recording(collector, OTEL_SDK_DISABLED="true"):
            get(ctx, "/things/gone")
        assert collector.requests == []


class TestParts:
    def test_attempts_of_a_contended_transaction(
        self, ctx: Context, collector: Collector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from google.api_core import exceptions

        real, tried = transaction._attempt, []

        def contended(*args: Any) -> Any:
            tried.append(1)
            if len(tried) < 3:
                raise exceptions.Aborted("contended")
            return real(*args)

        monkeypatch.setattr(transaction, "_attempt", contended)
        with recording(collector), trace.within(trace.parse(GIVEN)):
            ctx.run(lambda tx: tx.set(("things", "t"), {"n": 1}))
        assert collector.one(ID, "firestore transaction").attributes["konnect.attempts"] == 3  # type: ignore[union-attr]

    def test_a_transaction_that_is_refused(self, ctx: Context, collector: Collector) -> None:
        def refuse(tx: Tx) -> None:
            raise Conflict("no", code="BUSY")

        with recording(collector), trace.within(trace.parse(GIVEN)), pytest.raises(Conflict):
            ctx.run(refuse)
        (span,) = collector.spans
        assert (span.attributes["error.type"], span.failed) == ("BUSY", False)

    def test_a_task_belongs_to_the_span_that_made_it(self, collector: Collector) -> None:
        tasks = CloudTasks(load({**os.environ, "CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:1"}))
        tasks.TIMEOUT_S = 0.5  # type: ignore[misc]
        with recording(collector), trace.within(trace.parse(GIVEN)), pytest.raises(Unavailable):
            tasks.create(Task("/sessions/progress", ("t",)))
        (span,) = collector.spans
        assert (span.name, span.kind, span.parent) == ("create /sessions/progress", "producer", SPAN)
        assert (span.attributes["error.type"], span.failed) == ("UNAVAILABLE", True)

    def test_calls_of_a_provider(self, collector: Collector) -> None:
        from konnect.integrations.razorpay.transport import Session

        with recording(collector), trace.within(trace.parse(GIVEN)), pytest.raises(Unavailable):
            Session(0.5).get("http://127.0.0.1:1/v1/orders/order_1")
        (span,) = collector.spans
        assert (span.name, span.kind, span.failed) == ("razorpay GET", "client", True)
        assert span.attributes["url.path"] == "/v1/orders/order_1"

    def test_nothing_outside_of_a_span(self, ctx: Context, collector: Collector) -> None:
        with recording(collector):
            ctx.run(lambda tx: tx.set(("things", "t"), {"n": 1}))
            with trace.within(trace.new()):
                ctx.run(lambda tx: tx.set(("things", "t"), {"n": 1}))
        assert collector.spans == []

    def test_jobs_and_what_follows_a_write(self, ctx: Context, collector: Collector) -> None:
        request = Request(EnvironBuilder(method="POST", headers={"traceparent": GIVEN}).get_environ())
        with recording(collector):
            internal.serve_job(request, "tests.test_spans:job", ctx)
        job = collector.one(ID, "job tests.test_spans:job")
        assert job is not None
        assert (job.kind, job.parent) == ("server", SPAN)
        below = collector.one(ID, "firestore transaction")
        assert below is not None
        assert below.parent == job.id

    def test_a_trigger_follows_the_write_and_links_to_its_delivery(self, ctx: Context, collector: Collector) -> None:
        message = Message()
        message.value.name = NAME
        message.value.update_time.CopyFrom(stamp())
        message.value.fields["trace"].string_value = GIVEN
        delivery = secrets.token_hex(16)
        headers = {"traceparent": f"00-{delivery}-{SPAN}-01"}
        with recording(collector), Flask("test").test_request_context(headers=headers):
            internal.serve_trigger(event(message), "transactions/{transactionId}", "tests.test_spans:trigger", ctx)
        span = collector.one(ID, "trigger tests.test_spans:trigger")
        assert span is not None
        assert (span.kind, span.parent, span.links) == ("consumer", SPAN, (delivery,))
        assert span.attributes["messaging.message.id"] == "e1"


def trigger(ctx: Context, change: Any, now: Any) -> None:
    """Has nothing to do."""


def job(ctx: Context, payload: dict[str, Any], now: Any) -> dict[str, Any]:
    ctx.run(lambda tx: tx.set(("things", "t"), {"n": 1}))
    return {"ok": True}


CLEAN = """
import json, sys
sys.path.insert(0, "functions")
import main
from flask import Request
from werkzeug.test import EnvironBuilder
def ours():
    # google.api_core looks for instrumentation, and so imports the empty package; google.cloud.storage the API.
    return sorted(m for m in sys.modules if m.startswith("opentelemetry.") and m != "opentelemetry.instrumentation")
status = main.api(Request(EnvironBuilder(path="/health").get_environ())).status_code
imported = sorted(m for m in sys.modules if m.partition(".")[0] == "opentelemetry")
import konnect.context
print(json.dumps([status, imported, ours(), "prometheus_client" in sys.modules]))
"""


def test_without_an_endpoint_nothing_of_it_is_imported(stack_env: dict[str, str]) -> None:
    """By us: what Google's own clients import of its API is theirs, and no part of the SDK or of an exporter."""
    env = child_environ({**stack_env, "OTEL_EXPORTER_OTLP_ENDPOINT": ""})
    done = subprocess.run([sys.executable, "-c", CLEAN], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    status, at_health, with_the_store, metrics = json.loads(done.stdout.splitlines()[-1])
    assert (status, at_health, with_the_store, metrics) == (200, [], [], False)
