"""/api/admin/bookings."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing

from . import endpoints, repository
from .schemas import AdminBooking, AdminBookingsQuery

router = Router("Admin: bookings")


@router.get("/api/admin/bookings", response=Listing[AdminBooking], auth="admin")
def list_bookings(call: Call, query: AdminBookingsQuery) -> dict[str, Any]:
    """All bookings, by the time that they are for, the latest first."""
    found = repository.searched(
        call.ctx.db,
        status=query.status,
        mentor_id=query.mentor_id,
        student_id=query.student_id,
        since=query.from_,
        until=query.to,
        limit=query.limit,
        cursor=query.cursor,
    )
    paths = [("bookings", booking["id"], "private", "terms") for booking in found.items]
    terms = call.ctx.db.get_many(paths) if paths else {}
    items = [
        {**booking, "earnings": endpoints.earnings(terms[path] or {})}
        for booking, path in zip(found.items, paths, strict=True)
    ]
    return {"items": items, "nextCursor": found.next_cursor}
