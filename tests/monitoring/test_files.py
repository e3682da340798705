"""deploy/monitoring: the files have the API's own fields, and each filter finds a line that the code really writes."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Request
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import EnvironBuilder

from konnect.admin import days
from konnect.context import Context
from konnect.errors import PaymentRequired
from konnect.http import app
from konnect.http.routing import Call, Router
from konnect.http.tasks import serve_task
from konnect.integrations.razorpay.entities import Payout, Refund
from konnect.log import JsonFormatter
from konnect.notifications import mail
from konnect.payments import refunds
from konnect.payouts import sending
from konnect.reconciliation import service as reconciliation
from local.manifest import ROOT
from signaling.metrics import PREFIX, Metrics
from tests.monitoring.filters import Entry, entry, extract, matches
from tests.sessions.conftest import Stage, stage
from tests.support import START, give

__all__ = ["stage"]
FOLDER = ROOT / "deploy" / "monitoring"
METRICS = sorted((FOLDER / "metrics").glob("*.yaml"))
POLICIES = sorted((FOLDER / "policies").glob("*.yaml"))
USER_METRIC = "logging.googleapis.com/user/"
FOREIGN_METRICS = {"cloudtasks.googleapis.com/queue/depth", "cloudtasks.googleapis.com/queue/task_attempt_delays"}

# google.monitoring.v3.AlertPolicy and google.logging.v2.LogMetric, in their JSON form: what may be sent of them.
AGGREGATION = {"alignmentPeriod", "perSeriesAligner", "crossSeriesReducer", "groupByFields"}
FIELDS: dict[str, set[str]] = {
    "policy": {
        *("displayName", "documentation", "userLabels", "conditions", "combiner", "enabled"),
        *("notificationChannels", "alertStrategy", "severity"),
    },
    "documentation": {"content", "mimeType", "subject", "links"},
    "condition": {
        *("displayName", "conditionThreshold", "conditionAbsent", "conditionMatchedLog"),
        *("conditionMonitoringQueryLanguage", "conditionPrometheusQueryLanguage", "conditionSql"),
    },
    "conditionThreshold": {
        *("filter", "aggregations", "denominatorFilter", "denominatorAggregations", "forecastOptions"),
        *("comparison", "thresholdValue", "duration", "trigger", "evaluationMissingData"),
    },
    "conditionMatchedLog": {"filter", "labelExtractors"},
    "conditionPrometheusQueryLanguage": {
        *("query", "duration", "evaluationInterval", "labels", "ruleGroup", "alertRule", "disableMetricValidation"),
    },
    "alertStrategy": {"notificationRateLimit", "notificationPrompts", "autoClose", "notificationChannelStrategy"},
    "metric": {
        *("name", "description", "filter", "bucketName", "disabled", "metricDescriptor", "valueExtractor"),
        *("labelExtractors", "bucketOptions"),
    },
    "metricDescriptor": {
        *("name", "type", "labels", "metricKind", "valueType", "unit", "description", "displayName", "metadata"),
    },
    "label": {"key", "valueType", "description"},
}
ALIGNERS = {"ALIGN_DELTA", "ALIGN_RATE", "ALIGN_MAX", "ALIGN_MEAN", "ALIGN_PERCENTILE_99", "ALIGN_PERCENTILE_50"}
REDUCERS = {"REDUCE_SUM", "REDUCE_MAX", "REDUCE_MEAN", "REDUCE_NONE"}
COMPARISONS = {"COMPARISON_GT", "COMPARISON_LT"}
SEVERITIES = {"CRITICAL", "ERROR", "WARNING"}
DURATION = re.compile(r"\d+s")

router = Router("Test")


@router.get("/things/<thing_id>", auth="public", limit=None)
def one_thing(call: Call, thing_id: str) -> dict[str, Any]:
    """A thing."""
    if thing_id == "dear":
        raise PaymentRequired("too little money")
    if thing_id == "broken":
        raise ZeroDivisionError
    return {"id": thing_id}


def load(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return found


def known(kind: str, given: dict[str, Any]) -> None:
    assert set(given) <= FIELDS[kind], f"{kind}: {set(given) - FIELDS[kind]}"


def minutes(duration: str) -> None:
    assert DURATION.fullmatch(duration)
    assert int(duration[:-1]) % 60 == 0


@pytest.mark.parametrize("file", METRICS, ids=lambda file: file.stem)
def test_a_log_based_metric(file: Path) -> None:
    metric = load(file)
    known("metric", metric)
    # What `gcloud logging metrics create NAME --config-from-file` is called with.
    assert file.stem == metric["name"].replace("/", "_")
    descriptor = metric["metricDescriptor"]
    known("metricDescriptor", descriptor)
    assert descriptor["metricKind"] == "DELTA"
    assert descriptor["valueType"] == ("DISTRIBUTION" if "valueExtractor" in metric else "INT64")
    assert ("bucketOptions" in metric) == ("valueExtractor" in metric)
    for label in descriptor.get("labels", []):
        known("label", label)
    assert {label["key"] for label in descriptor.get("labels", [])} == set(metric.get("labelExtractors", {}))


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.stem)
def test_a_policy(file: Path) -> None:
    policy = load(file)
    known("policy", policy)
    known("documentation", policy["documentation"])
    known("alertStrategy", policy["alertStrategy"])
    assert DURATION.fullmatch(policy["alertStrategy"]["autoClose"])
    assert policy["severity"] in SEVERITIES
    assert policy["combiner"] in {"OR", "AND"}
    for condition in policy["conditions"]:
        known("condition", condition)
        ((kind, inner),) = ((name, value) for name, value in condition.items() if name != "displayName")
        known(kind, inner)
        if kind == "conditionThreshold":
            check_threshold(inner)
        elif kind == "conditionMatchedLog":
            # The API takes one only alone, and with a rate limit.
            assert len(policy["conditions"]) == 1
            assert DURATION.fullmatch(policy["alertStrategy"]["notificationRateLimit"]["period"])
        else:
            minutes(inner["duration"])
            check_query(inner["query"])


def check_threshold(threshold: dict[str, Any]) -> None:
    minutes(threshold["duration"])
    assert threshold["comparison"] in COMPARISONS
    labels = {load(file)["name"]: load(file).get("labelExtractors", {}) for file in METRICS}
    for filter_, aggregations in (
        (threshold["filter"], threshold["aggregations"]),
        (threshold.get("denominatorFilter"), threshold.get("denominatorAggregations", [])),
    ):
        if filter_ is None:
            continue
        assert len(filter_) <= 2048
        assert 'resource.type="' in filter_
        (name,) = re.findall(r'metric\.type="([^"]+)"', filter_)
        assert name in FOREIGN_METRICS or name.removeprefix(USER_METRIC) in labels
        own = labels.get(name.removeprefix(USER_METRIC), {})
        named = {*re.findall(r"metric\.labels\.(\w+)", filter_)}
        for aggregation in aggregations:
            assert set(aggregation) <= AGGREGATION
            minutes(aggregation["alignmentPeriod"])
            assert aggregation["perSeriesAligner"] in ALIGNERS
            assert aggregation["crossSeriesReducer"] in REDUCERS
            named |= {one.removeprefix("metric.labels.") for one in aggregation.get("groupByFields", [])}
        assert named <= set(own)


def check_query(query: str) -> None:
    """Metrics of signaling that there are."""
    metrics = Metrics()
    metrics.event("register", "RATE_LIMITED", False, 0.1)
    text = metrics.text().decode()
    there = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    # Gauges are of a running instance: declared in signaling/app.py.
    there |= {PREFIX + name for name in re.findall(r'"(\w+)": \(', (ROOT / "signaling" / "app.py").read_text("utf-8"))}
    assert set(re.findall(rf"{PREFIX}\w+", query)) <= there


class Lines(logging.Handler):
    """What the process writes, as it writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.setFormatter(JsonFormatter("demo"))

    def emit(self, record: logging.LogRecord) -> None:
        self.entries.append(entry(json.loads(self.format(record))))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, logger = Lines(), logging.getLogger("konnect")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def metric_filter(name: str) -> str:
    return str(load(FOLDER / "metrics" / f"{name}.yaml")["filter"])


def log_filter(name: str) -> str:
    (condition,) = load(FOLDER / "policies" / f"{name}.yaml")["conditions"]
    return str(condition["conditionMatchedLog"]["filter"])


def found(lines: Lines, query: str) -> list[Entry]:
    return [one for one in lines.entries if matches(one, query)]


def labels(name: str, of: Entry) -> dict[str, str | None]:
    extractors = load(FOLDER / "metrics" / f"{name}.yaml")["labelExtractors"]
    return {label: extract(of, extractor) for label, extractor in extractors.items()}


def get(ctx: Context, path: str) -> None:
    app.serve(Request(EnvironBuilder(path=path).get_environ()), {"/things": __name__}, ctx)


class TestLines:
    def test_requests_and_their_failures(self, ctx: Context, lines: Lines) -> None:
        get(ctx, "/things/fine")
        get(ctx, "/things/broken")
        fine, broken = found(lines, metric_filter("konnect_requests"))
        assert labels("konnect_requests", fine) == {"status_class": "2", "function": "api"}
        assert labels("konnect_requests", broken) == {"status_class": "5", "function": "api"}

    def test_wallets_that_cover_too_little(self, ctx: Context, lines: Lines) -> None:
        get(ctx, "/things/fine")
        get(ctx, "/things/dear")
        (one,) = found(lines, metric_filter("konnect_insufficient_balance"))
        assert one["jsonPayload"]["status"] == 402

    def test_sessions_that_run_out_of_money(self, stage: Stage, lines: Lines) -> None:
        session_id = stage.started("meera", 30)
        stage.run_until(session_id, stage.at(2))
        assert found(lines, metric_filter("konnect_zero_balance")) == []
        stage.run_until(session_id, stage.at(3))
        assert [one["jsonPayload"]["session"] for one in found(lines, metric_filter("konnect_zero_balance"))] == [
            session_id
        ]

    def test_people_who_wait(self, ctx: Context, lines: Lines) -> None:
        days.sample(ctx, {}, START)
        (one,) = found(lines, metric_filter("konnect_waiting"))
        assert extract(one, load(FOLDER / "metrics" / "konnect_waiting.yaml")["valueExtractor"]) == "0"

    def test_tasks_that_fail_again_and_again(self, ctx: Context, lines: Lines) -> None:
        for retry in ("0", "12"):
            headers = {"X-CloudTasks-TaskRetryCount": retry}
            request = Request(EnvironBuilder(method="POST", path="/sessions/progress", headers=headers).get_environ())
            serve_task(request, {}, ctx)
        first, later = found(lines, metric_filter("konnect_task_failures"))
        assert labels("konnect_task_failures", first) == {"path": "/sessions/progress"}
        assert found(lines, log_filter("tasks-given-up")) == [later]

    def test_a_delivery_that_is_given_up(self, ctx: Context, lines: Lines) -> None:
        ctx.db.set(("notifications", "n1"), {"userId": "u", "type": "review_received"})
        ctx.db.set(
            ("mails", "n1"),
            {"status": "pending", "createdAt": START, "nextAttemptAt": START, "lastError": "no mail server"},
        )
        mail.sweep(ctx, START + timedelta(days=4))
        assert len(found(lines, log_filter("tasks-given-up"))) == 1

    def test_a_ledger_that_differs(self, ctx: Context, lines: Lines) -> None:
        assert reconciliation.run(ctx, {}, START)["ok"] is True
        assert found(lines, log_filter("ledger")) == []
        give(ctx, "meera", 500)
        ctx.db.ref("wallets", "meera").update({"balancePaise": 600})
        assert reconciliation.run(ctx, {}, START)["ok"] is False
        (one,) = found(lines, log_filter("ledger"))
        assert one["jsonPayload"]["first"]

    def test_a_refund_that_is_stuck(self, ctx: Context, lines: Lines) -> None:
        ctx.run(
            lambda tx: refunds.open_new(
                tx, "r1", payment_id="pay_1", order_id="o1", uid="u", amount_paise=500, reason="x", now=START
            )
        )
        for number in range(refunds.MAX_FAILED):
            assert found(lines, log_filter("money-needs-a-person")) == []
            news = Refund(f"rfnd_{number}", "pay_1", 500, "failed", "r1")
            ctx.run(lambda tx, news=news: refunds.hear(tx, "r1", news, START))
        assert len(found(lines, log_filter("money-needs-a-person"))) == 1

    def test_a_payout_that_the_provider_contradicts(self, ctx: Context, lines: Lines) -> None:
        ctx.db.set(("payouts", "p1"), {"request": None, "providerId": None, "status": "processing"})
        sending.hear(ctx, Payout("pout_1", "fa_1", 500, "INR", "processed", "p1"), START)
        assert len(found(lines, log_filter("money-needs-a-person"))) == 1

    def test_every_message_that_a_filter_names_is_one_of_ours(self) -> None:
        source = "\n".join(file.read_text("utf-8") for file in (ROOT / "functions" / "konnect").rglob("*.py"))
        source += (ROOT / "signaling" / "namespaces" / "base.py").read_text("utf-8")
        queries = [load(file)["filter"] for file in METRICS]
        queries += [
            condition["conditionMatchedLog"]["filter"]
            for file in POLICIES
            for condition in load(file)["conditions"]
            if "conditionMatchedLog" in condition
        ]
        named = {message for query in queries for message in re.findall(r'jsonPayload\.message="([^"]+)"', query)}
        assert len(named) > 15
        for message in named:
            call = r"(log\.(info|warning|error|exception|log)|_log|overdue\.tell)"
            call += rf'\(\s*([\w.]+( if \w+ else [\w.]+)?,\s*)?"{message}"'
            assert re.search(call, source), message
