"""/api/admin/reviews: what is not to be shown."""

from typing import Any

from konnect.http.routing import Call, Router

from . import service
from .schemas import ModeratedReview, Moderation

router = Router("Admin")


@router.put("/api/admin/reviews/<review_id>", response=ModeratedReview, auth="admin", errors=(404,))
def moderate_review(call: Call, review_id: str, body: Moderation) -> dict[str, Any]:
    """Hide a review, or show it again. The expert's rating follows."""
    by = call.user.uid
    return call.ctx.run(
        lambda tx: service.moderate(tx, review_id, body.hidden, by=by, reason=body.reason, now=call.now)
    )
