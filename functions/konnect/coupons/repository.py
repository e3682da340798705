"""coupons/{CODE}: {code, percent | amountPaise, maxDiscountPaise, minPricePaise, startsAt, endsAt, maxUses,
maxUsesPerUser, mentorIds, firstBookingOnly, isActive, uses, createdBy, createdAt, updatedAt}.

couponUses/{CODE}:{booking}: {code, uid, bookingId, createdAt}, while a booking uses it. couponUsers/{CODE}:{uid}:
{code, uid, uses}. A coupon with `maxUses` counts its `uses`; one without has no counter, which all bookings with it
would wait for. No client reads any of them: who reads codes can use them. All are read without locks, since many may
want the last use at once: of those that meet, the second to commit is run again, and finds it gone.
"""

from datetime import datetime

from konnect.errors import NotFound
from konnect.store import Database, Doc, Page, Query, Tx, page

COLLECTION = "coupons"


def find(tx: Tx, code: str) -> Doc | None:
    tx.peek((COLLECTION, code))
    return tx.get(COLLECTION, code)


def get(tx: Tx, code: str, uid: str | None = None) -> Doc:
    """Raises NotFound (COUPON_NOT_FOUND). `uid`: whose uses are read with it."""
    tx.peek((COLLECTION, code), *([_user(code, uid)] if uid else []))
    found = tx.get(COLLECTION, code)
    if found is None:
        raise NotFound("there is no such coupon", code="COUPON_NOT_FOUND")
    return found


def uses_of(tx: Tx, code: str, uid: str) -> int:
    return int((tx.get(*_user(code, uid)) or {"uses": 0})["uses"])


def use(tx: Tx, code: str, booking_id: str, uid: str, *, now: datetime) -> None:
    """Count a use. The caller has found one left in this transaction."""
    tx.peek((COLLECTION, code), _user(code, uid), _use(code, booking_id))
    if tx.get(*_use(code, booking_id)) is not None:
        return
    tx.create(_use(code, booking_id), {"code": code, "uid": uid, "bookingId": booking_id, "createdAt": now})
    _count(tx, code, uid, 1, now)


def forget(tx: Tx, code: str, booking_id: str, uid: str, *, now: datetime) -> None:
    tx.peek((COLLECTION, code), _user(code, uid), _use(code, booking_id))
    if tx.get(*_use(code, booking_id)) is None:
        return
    tx.delete(_use(code, booking_id))
    _count(tx, code, uid, -1, now)


def listed(db: Database, *, active: bool | None, limit: int, cursor: str | None) -> Page:
    """The newest first."""
    query = Query((COLLECTION,), order=(("createdAt", "desc"),))
    return page(db, query if active is None else query.filter("isActive", "==", active), limit=limit, cursor=cursor)


def uses(db: Database, coupon: Doc) -> int:
    """How many bookings use it."""
    if coupon["maxUses"] is not None:
        return int(coupon["uses"])
    return Query(("couponUses",)).filter("code", "==", coupon["code"]).count(db)


def _count(tx: Tx, code: str, uid: str, by: int, now: datetime) -> None:
    coupon = get(tx, code)
    if coupon["maxUses"] is not None:
        tx.update((COLLECTION, code), {"uses": coupon["uses"] + by, "updatedAt": now})
    tx.set(_user(code, uid), {"code": code, "uid": uid, "uses": uses_of(tx, code, uid) + by})


def _use(code: str, booking_id: str) -> tuple[str, str]:
    return "couponUses", f"{code}:{booking_id}"


def _user(code: str, uid: str) -> tuple[str, str]:
    return "couponUsers", f"{code}:{uid}"
