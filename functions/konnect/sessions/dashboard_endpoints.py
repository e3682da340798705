"""GET /api/experts/me/dashboard."""

from typing import Any

from konnect.experts import service as experts
from konnect.http.routing import Call, Router

from . import dashboard
from .dashboard_schemas import Dashboard

router = Router("Experts")


@router.get("/api/experts/me/dashboard", response=Dashboard, auth="expert", errors=(404,))
def own_dashboard(call: Call) -> dict[str, Any]:
    """The caller's dashboard as an expert: earnings, sessions past and to come, pending requests, quick stats."""
    expert = call.ctx.run(lambda tx: experts.own(tx, call.user.uid))
    return dashboard.of(call.ctx.db, expert, now=call.now)
