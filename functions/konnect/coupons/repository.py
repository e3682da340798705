"""coupons/{CODE}: {code, key, percent | amountPaise, maxDiscountPaise, minPricePaise, startsAt, endsAt, maxUses,
maxUsesPerUser, mentorIds, firstBookingOnly, isActive, uses, createdBy, createdAt, updatedAt}.

couponKeys/{key}: {code}: what a booking names its coupon by, whose mentor is not to know the code. A coupon without a
`key`, of before there were any, is named by its code.
couponUses/{CODE}:{booking}: {code, uid, bookingId, isFirst, createdAt}, while a booking uses it.
couponUsers/{CODE}:{uid}: {code, uid, uses}; couponUsers/first:{uid}: the same of all coupons for a first booking.
A coupon with `maxUses` counts its `uses`; one without has no counter, which all bookings with it would wait for. No
client reads any of them: who reads codes can use them. All are read without locks, since many may want the last use at
once: of those that meet, the second to commit is run again, and finds it gone.
"""

from datetime import datetime

from konnect.errors import NotFound
from konnect.store import Database, Doc, Page, Query, Tx, page

COLLECTION = "coupons"
FIRST = "first"
"""No code: those are in capitals."""


def find(tx: Tx, code: str) -> Doc | None:
    tx.peek((COLLECTION, code))
    return tx.get(COLLECTION, code)


def get(tx: Tx, code: str, uid: str | None = None) -> Doc:
    """Raises NotFound (COUPON_NOT_FOUND). `uid`: whose uses are read with it."""
    tx.peek((COLLECTION, code), *([_user(code, uid), _user(FIRST, uid)] if uid else []))
    found = tx.get(COLLECTION, code)
    if found is None:
        raise NotFound("there is no such coupon", code="COUPON_NOT_FOUND")
    return found


def key_of(coupon: Doc) -> str:
    """What a booking names it by."""
    return str(coupon.get("key") or coupon["code"])


def code_of(tx: Tx, key: str) -> str:
    """The code of the coupon that a booking names so."""
    tx.peek(("couponKeys", key))
    return str((tx.get("couponKeys", key) or {"code": key})["code"])


def create(tx: Tx, coupon: Doc) -> None:
    tx.create((COLLECTION, coupon["code"]), coupon)
    tx.create(("couponKeys", coupon["key"]), {"code": coupon["code"]})


def uses_of(tx: Tx, code: str, uid: str) -> int:
    """How often a user uses a coupon; FIRST: any for a first booking."""
    return int((tx.get(*_user(code, uid)) or {"uses": 0})["uses"])


def use(tx: Tx, code: str, booking_id: str, uid: str, *, now: datetime) -> None:
    """Count a use. The caller has found one left in this transaction."""
    tx.peek((COLLECTION, code), _user(code, uid), _user(FIRST, uid), _use(code, booking_id))
    if tx.get(*_use(code, booking_id)) is not None:
        return
    is_first = get(tx, code)["firstBookingOnly"]
    use: Doc = {"code": code, "uid": uid, "bookingId": booking_id, "isFirst": is_first, "createdAt": now}
    tx.create(_use(code, booking_id), use)
    _count(tx, use, 1, now)


def forget(tx: Tx, code: str, booking_id: str, uid: str, *, now: datetime) -> None:
    tx.peek((COLLECTION, code), _user(code, uid), _user(FIRST, uid), _use(code, booking_id))
    use = tx.get(*_use(code, booking_id))
    if use is None:
        return
    tx.delete(_use(code, booking_id))
    _count(tx, use, -1, now)


def listed(db: Database, *, active: bool | None, limit: int, cursor: str | None) -> Page:
    """The newest first."""
    query = Query((COLLECTION,), order=(("createdAt", "desc"),))
    return page(db, query if active is None else query.filter("isActive", "==", active), limit=limit, cursor=cursor)


def uses(db: Database, coupon: Doc) -> int:
    """How many bookings use it."""
    if coupon["maxUses"] is not None:
        return int(coupon["uses"])
    return Query(("couponUses",)).filter("code", "==", coupon["code"]).count(db)


def _count(tx: Tx, use: Doc, by: int, now: datetime) -> None:
    code, uid = use["code"], use["uid"]
    coupon = get(tx, code)
    if coupon["maxUses"] is not None:
        tx.update((COLLECTION, code), {"uses": coupon["uses"] + by, "updatedAt": now})
    # As it was when it was used: the coupon's rules may have changed since.
    for counted in (code, FIRST) if use["isFirst"] else (code,):
        tx.set(_user(counted, uid), {"code": counted, "uid": uid, "uses": uses_of(tx, counted, uid) + by})


def _use(code: str, booking_id: str) -> tuple[str, str]:
    return "couponUses", f"{code}:{booking_id}"


def _user(code: str, uid: str) -> tuple[str, str]:
    return "couponUsers", f"{code}:{uid}"
