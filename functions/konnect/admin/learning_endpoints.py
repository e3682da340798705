"""/api/v1/admin/dashboard and /api/v1/admin/analytics."""

from typing import Any

from konnect.http.routing import Call, Router

from . import days, learning
from .learning_schemas import Analytics, AnalyticsQuery, LearningDashboard

router = Router("Admin: SkillVerse")
DEFAULT_DAYS = 30
MAX_DAYS = 366


@router.get("/api/v1/admin/dashboard", response=LearningDashboard, auth="admin")
def learning_dashboard(call: Call) -> dict[str, Any]:
    """SkillVerse now: users, courses, enrolments, live classes, exchanges, and what its courses bring."""
    return learning.dashboard(call.ctx, now=call.now)


@router.get("/api/v1/admin/analytics", response=Analytics, auth="admin")
def learning_analytics(call: Call, query: AnalyticsQuery) -> dict[str, Any]:
    """SkillVerse by day, in all, and by course. A day is counted while it runs, and written down the night after."""
    first, last = days.span(query.from_, query.to, default=DEFAULT_DAYS, most=MAX_DAYS, now=call.now)
    return learning.analytics(call.ctx, first, last, now=call.now)
