"""packages/{mentor}-{sessions}x{duration}: what a mentor offers, for everybody to see. One of each size a mentor.

{mentorId, sessions, duration, discountPercent, validDays, isActive, createdAt, updatedAt}. Its price follows the
mentor's own: what it comes to is worked out when it is listed, and fixed when it is bought.

packagePurchases/{id}: one that somebody buys, read by its owner. {packageId, userId, mentorId, mentorName, sessions,
sessionsLeft, duration, discountPercent, validDays, sessionPrice, sessionTotal, price, currency, status, statusReason,
payment: {orderId, paymentId, paidAt}, validUntil, heldPaise, refunded, refunds, usedBy, nextActionAt, createdAt,
updatedAt, closedAt}, amounts with their twins in paise. `sessionPrice` is the list price of a session booked with it,
`sessionTotal` what one costs (with GST, where that is added to the bill), `price` what all of them cost; `usedBy` the
bookings that have taken one. Status: pending (unpaid) → active → closed; or cancelled, when it was not paid, until a
late payment. While active it holds `sessionsLeft` times `sessionTotal`; closed, nothing.

packagePurchases/{id}/private/terms: the rates that its bookings go by. Nobody's to read.
"""

from datetime import datetime
from typing import Any

from konnect.errors import NotFound
from konnect.store import Database, Doc, Page, Query, Tx, page

PACKAGES, PURCHASES = "packages", "packagePurchases"
SWEEP_LIMIT = 200


def package_id(mentor_id: str, sessions: int, duration: int) -> str:
    return f"{mentor_id}-{sessions}x{duration}"


def find_package(tx: Tx, package_id: str) -> Doc | None:
    found = tx.get(PACKAGES, package_id)
    return {**found, "id": package_id} if found is not None else None


def of_mentor(mentor_id: str) -> Query:
    return Query((PACKAGES,)).filter("mentorId", "==", mentor_id)


def active(db: Database, mentor_id: str, *, limit: int, cursor: str | None) -> Page:
    """A mentor's packages on offer, the shorter sessions and the smaller packages first."""
    query = Query((PACKAGES,), order=(("duration", "asc"), ("sessions", "asc")))
    return page(
        db, query.filter("mentorId", "==", mentor_id).filter("isActive", "==", True), limit=limit, cursor=cursor
    )


def find(tx: Tx, purchase_id: str) -> Doc | None:
    found = tx.get(PURCHASES, purchase_id)
    return {**found, "id": purchase_id} if found is not None else None


def get(tx: Tx, purchase_id: str) -> Doc:
    """Raises NotFound (PACKAGE_NOT_FOUND)."""
    found = find(tx, purchase_id)
    if found is None:
        raise not_found()
    return found


def not_found() -> NotFound:
    return NotFound("there is no such package", code="PACKAGE_NOT_FOUND")


def terms(tx: Tx, purchase_id: str) -> Doc:
    found = tx.get(PURCHASES, purchase_id, "private", "terms")
    assert found is not None, f"{purchase_id} has no terms"
    return found


def update(tx: Tx, purchase_id: str, *, now: datetime, **fields: Any) -> None:
    tx.update((PURCHASES, purchase_id), {**fields, "updatedAt": now})


def owned(db: Database, uid: str, *, mentor_id: str | None, limit: int, cursor: str | None) -> Page:
    """Somebody's purchases, the latest first."""
    query = Query((PURCHASES,), order=(("createdAt", "desc"),)).filter("userId", "==", uid)
    return page(
        db, query if mentor_id is None else query.filter("mentorId", "==", mentor_id), limit=limit, cursor=cursor
    )


def active_of(field: str, value: str, *, limit: int) -> Query:
    """Active purchases of a student ("userId") or with a mentor ("mentorId")."""
    return Query((PURCHASES,), limit=limit).filter(field, "==", value).filter("status", "==", "active")


def sold(db: Database, mentor_id: str, *, limit: int, cursor: str | None) -> Page:
    """All purchases of a mentor's packages."""
    query = Query((PURCHASES,), order=(("createdAt", "desc"),)).filter("mentorId", "==", mentor_id)
    return page(db, query, limit=limit, cursor=cursor)


def overdue(db: Database, before: datetime, cursor: str | None = None) -> Page:
    """Purchases whose time should have been up, the longest due first."""
    query = Query((PURCHASES,), (("nextActionAt", "<=", before),), (("nextActionAt", "asc"),))
    return page(db, query, limit=SWEEP_LIMIT, cursor=cursor)
