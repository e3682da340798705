"""/api/admin/metrics."""

from typing import Any

from konnect.http.routing import Call, Router

from . import metrics
from .metrics_schemas import DaysQuery, Metrics, MetricsHistory, Peaks, Realtime, Success

router = Router("Admin: metrics")


@router.get("/api/admin/metrics", response=Metrics, auth="admin")
def metrics_now(call: Call) -> dict[str, Any]:
    """The platform now, and its business day so far."""
    return metrics.now_(call.ctx, now=call.now)


@router.get("/api/admin/metrics/history", response=MetricsHistory, auth="admin")
def metrics_history(call: Call, query: DaysQuery) -> dict[str, Any]:
    """The last days, oldest first."""
    return {"items": metrics.history(call.ctx, query.days, now=call.now)}


@router.get("/api/admin/metrics/peak", response=Peaks, auth="admin")
def metrics_peak(call: Call, query: DaysQuery) -> dict[str, Any]:
    """The highest usage of the last days, sampled each minute, and the usual course of a day."""
    return metrics.peak(call.ctx, query.days, now=call.now)


@router.get("/api/admin/metrics/realtime", response=Realtime, auth="admin")
def metrics_realtime(call: Call) -> dict[str, Any]:
    """Experts online, sessions in progress and queues, up to 100 of each."""
    return metrics.realtime(call.ctx, now=call.now)


@router.get("/api/admin/metrics/success", response=Success, auth="admin")
def metrics_success(call: Call) -> dict[str, Any]:
    """The product's success metrics beside their targets: over the last 30 days, sessions over the last 7."""
    from . import success

    return success.metrics(call.ctx, now=call.now)
