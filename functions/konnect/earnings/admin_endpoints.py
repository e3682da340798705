"""/api/admin/payouts."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing

from . import history, repository
from .schemas import AdminPayout, AdminPayoutsQuery

router = Router("Admin: money")


@router.get("/api/admin/payouts", response=Listing[AdminPayout], auth="admin")
def list_payouts(call: Call, query: AdminPayoutsQuery) -> dict[str, Any]:
    """Everybody's payouts, the newest first. One that waits for `hand` is settled by the function settle_withdrawal."""
    found = repository.payouts_of(
        call.ctx.db,
        uid=query.user_id,
        kind=query.kind,
        statuses=history.STORED[query.status] if query.status else (),
        limit=query.limit,
        cursor=query.cursor,
    )
    return {"items": [history.view(payout) for payout in found.items], "nextCursor": found.next_cursor}
