"""Coupons as a benefit of bookings (konnect.benefits.Source)."""

from datetime import datetime

from konnect.benefits import Ask, Benefit
from konnect.errors import Conflict
from konnect.money import inr, percent_of, rupees
from konnect.store import Doc, Tx

from . import repository


def offer(tx: Tx, ask: Ask, *, now: datetime) -> list[Benefit]:
    """Raises NotFound (COUPON_NOT_FOUND), Conflict (COUPON_NOT_ACTIVE, COUPON_EXPIRED, COUPON_USED_UP,
    COUPON_NOT_APPLICABLE)."""
    if ask.code is None:
        return []
    coupon = repository.get(tx, ask.code, ask.uid)
    _check(coupon, ask, repository.uses_of(tx, ask.code, ask.uid), now)
    if coupon["firstBookingOnly"] and repository.uses_of(tx, repository.FIRST, ask.uid):
        raise Conflict("another booking of yours is to be the first", code="COUPON_NOT_APPLICABLE")
    return [Benefit("coupon", repository.key_of(coupon), amount(coupon, ask.left_paise), label(coupon))]


def label(coupon: Doc) -> str:
    """As both sides of a booking read it: without the code, which is not the mentor's to know. Pure."""
    if coupon["percent"] is None:
        return f"Coupon of {inr(coupon['amountPaise'])}"
    return f"Coupon of {coupon['percent']:g} %"


def amount(coupon: Doc, left_paise: int) -> int:
    """What it takes off, in paise. Pure."""
    if coupon["percent"] is None:
        return min(int(coupon["amountPaise"]), left_paise)
    # Of what is left; a tiny percentage of little is still something.
    paise = max(1, percent_of(left_paise, coupon["percent"]))
    return min(paise, left_paise, coupon["maxDiscountPaise"] or left_paise)


def code_of(tx: Tx, benefit_id: str) -> str:
    """The code of a coupon that a booking has."""
    return repository.code_of(tx, benefit_id)


def use(tx: Tx, booking_id: str, benefit: Benefit, *, uid: str, now: datetime) -> None:
    repository.use(tx, repository.code_of(tx, benefit.id), booking_id, uid, now=now)


def give_back(
    tx: Tx, booking_id: str, benefit: Benefit, portion_paise: int, *, uid: str, whole: bool, now: datetime
) -> None:
    """The money is the platform's, so there is nothing to do for a part."""
    if whole:
        repository.forget(tx, repository.code_of(tx, benefit.id), booking_id, uid, now=now)


def _check(coupon: Doc, ask: Ask, own_uses: int, now: datetime) -> None:
    if not coupon["isActive"] or (coupon["startsAt"] is not None and now < coupon["startsAt"]):
        raise Conflict("the coupon can't be used now", code="COUPON_NOT_ACTIVE")
    if coupon["endsAt"] is not None and now >= coupon["endsAt"]:
        raise Conflict("the coupon has expired", code="COUPON_EXPIRED")
    if own_uses >= coupon["maxUsesPerUser"]:
        raise Conflict("you have used the coupon already", code="COUPON_USED_UP")
    if coupon["maxUses"] is not None and coupon["uses"] >= coupon["maxUses"]:
        raise Conflict("the coupon is used up", code="COUPON_USED_UP")
    if coupon["mentorIds"] is not None and ask.mentor_id not in coupon["mentorIds"]:
        raise Conflict("the coupon is not for this mentor", code="COUPON_NOT_APPLICABLE")
    if ask.price_paise < coupon["minPricePaise"]:
        least_paise = coupon["minPricePaise"]
        details = [{"minPrice": rupees(least_paise)}]
        text = f"the coupon is for sessions from {inr(least_paise)}"
        raise Conflict(text, code="COUPON_NOT_APPLICABLE", details=details)
    if coupon["firstBookingOnly"] and not ask.is_first:
        raise Conflict("the coupon is for a first booking", code="COUPON_NOT_APPLICABLE")
