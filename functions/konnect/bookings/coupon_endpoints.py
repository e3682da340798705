"""POST /api/coupons/validate: here, since what a coupon gives depends on what the booking costs without it."""

from typing import Any

from konnect.benefits import Ask, Benefit
from konnect.errors import BadRequest
from konnect.experts import prices
from konnect.experts import service as experts
from konnect.http.routing import Call, Router
from konnect.money import CURRENCY, rupees
from konnect.rates import service as rates
from konnect.store import Tx

from . import benefits, pricing, repository
from .schemas import CouponRequest, CouponValue

router = Router("Bookings")


@router.post("/api/coupons/validate", response=CouponValue, limit="coupons", errors=(404, 409))
def validate_coupon(call: Call, body: CouponRequest) -> dict[str, Any]:
    """What a coupon takes off a booking that the caller makes now. 404: there is no such coupon; 409, with the reason
    as its code: it can't be used (COUPON_NOT_ACTIVE, COUPON_EXPIRED, COUPON_USED_UP, COUPON_NOT_APPLICABLE).
    """
    frozen = rates.at(call.ctx.db, call.now)

    def find(tx: Tx) -> tuple[pricing.Bill, list[Benefit]]:
        expert = experts.get(tx, body.mentor_id)
        price_paise = prices.of(expert).get(body.duration)
        if price_paise is None:
            raise BadRequest.field("duration", "the mentor has no sessions of that length")
        bill = pricing.bill(price_paise, rates.of_mentor(frozen, expert, call.now))
        ask = Ask(
            uid=call.user.uid,
            mentor_id=expert["id"],
            minutes=body.duration,
            price_paise=bill.price_paise,
            left_paise=bill.total_paise,
            scheduled_at=call.now,
            code=body.code,
            is_first=repository.is_first(tx, call.user.uid),
        )
        return bill, benefits.offers(tx, ask, now=call.now)

    bill, given = call.ctx.run(find)
    discount_paise = sum(one.amount_paise for one in given if one.kind == "coupon")
    payable_paise = bill.total_paise - benefits.total(given)
    return {
        "code": body.code,
        "price": rupees(bill.price_paise),
        "total": rupees(bill.total_paise),
        "discount": rupees(discount_paise),
        "benefits": [one.fields for one in given],
        "payable": rupees(payable_paise),
        "payablePaise": payable_paise,
        "currency": CURRENCY,
    }
