"""/api/admin/disputes."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.money import to_paise

from . import service
from .schemas import AdminDispute, DisputesQuery, RulingRequest

router = Router("Admin: bookings")


@router.get("/api/admin/disputes", response=Listing[AdminDispute], auth="admin")
def list_disputes(call: Call, query: DisputesQuery) -> dict[str, Any]:
    """Disputes, the newest first, with the booking and who was seen in its call."""
    found = service.listed(call.ctx.db, status=query.status, limit=query.limit, cursor=query.cursor)
    return {"items": service.views(call.ctx.db, found.items), "nextCursor": found.next_cursor}


@router.put("/api/admin/disputes/<booking_id>", response=AdminDispute, auth="admin", errors=(404, 409, 503))
def decide(call: Call, booking_id: str, body: RulingRequest) -> dict[str, Any]:
    """Decide a dispute, by its booking's id, for good; the student gets all, a part, or nothing of what was paid. The
    mentor's share, the commission and its GST are given back in proportion. All of it, for a student who says that the
    mentor did not come, counts as the mentor's no-show. The same decision again answers the same.
    """
    amount_paise = None if body.amount is None else to_paise(body.amount)
    ruling = service.Ruling(body.decision, amount_paise, body.note, call.user.uid)
    decided = call.ctx.run(lambda tx: service.decide(tx, booking_id, ruling, now=call.now))
    return service.views(call.ctx.db, [decided])[0]
