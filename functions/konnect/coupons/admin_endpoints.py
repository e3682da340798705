"""/api/admin/coupons."""

from typing import Any

from konnect import ids
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing

from . import repository, service
from .schemas import Coupon, CouponChange, CouponsQuery, NewCoupon

router = Router("Admin: coupons")


@router.get("/api/admin/coupons", response=Listing[Coupon], auth="admin")
def list_coupons(call: Call, query: CouponsQuery) -> dict[str, Any]:
    """All coupons, the newest first."""
    found = repository.listed(call.ctx.db, active=query.active, limit=query.limit, cursor=query.cursor)
    return {"items": [service.view(call.ctx.db, one) for one in found.items], "nextCursor": found.next_cursor}


@router.post("/api/admin/coupons", response=Coupon, auth="admin", status=201, errors=(409,))
def create_coupon(call: Call, body: NewCoupon) -> dict[str, Any]:
    """Create a coupon. The platform pays what it takes off; the mentor gets their share of the whole price."""
    by, key = call.user.uid, ids.new()
    made = call.ctx.run(lambda tx: service.create(tx, body.code, body.rules, key=key, by=by, now=call.now))
    return service.view(call.ctx.db, made)


@router.put("/api/admin/coupons/<code>", response=Coupon, auth="admin", errors=(404,))
def change_coupon(call: Call, code: str, body: CouponChange) -> dict[str, Any]:
    """Switch a coupon on or off, or change its end and limits. Bookings that have it keep it."""
    fields = body.model_dump(exclude_none=True, by_alias=True)
    by = call.user.uid
    changed = call.ctx.run(lambda tx: service.change(tx, code.upper(), fields, by=by, now=call.now))
    return service.view(call.ctx.db, changed)
