"""/api/admin/reviews, /api/admin/reported-reviews: what is not to be shown."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing

from . import service
from .schemas import ModeratedReview, Moderation, ReportedQuery, ReportedReview

router = Router("Admin")


@router.get("/api/admin/reported-reviews", response=Listing[ReportedReview], auth="admin")
def list_reported(call: Call, query: ReportedQuery) -> dict[str, Any]:
    """List reviews that were reported, the most reports first, with their last reports: those that are still shown, or
    those that were hidden. `PUT /api/admin/reviews/{id}` keeps or hides one.
    """
    found = service.reported(
        call.ctx.db, hidden=query.hidden, limit=query.limit, cursor=query.cursor, number=query.page
    )
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.put("/api/admin/reviews/<review_id>", response=ModeratedReview, auth="admin", errors=(404,))
def moderate_review(call: Call, review_id: str, body: Moderation) -> dict[str, Any]:
    """Hide a review, or show it again. The expert's rating follows."""
    by = call.user.uid
    return call.ctx.run(
        lambda tx: service.moderate(tx, review_id, body.hidden, by=by, reason=body.reason, now=call.now)
    )
