"""Payouts as their owners and admins see them."""

from typing import Any

from konnect.errors import NotFound
from konnect.money import CURRENCY, rupees
from konnect.payouts import repository as payouts
from konnect.store import Database, Doc

STATUSES = {"pending": "pending", "processing": "processing", "paid": "completed"}
"""On the wire; all others are failed."""
STORED = {
    "pending": ("pending",),
    "processing": ("processing",),
    "completed": ("paid",),
    "failed": ("failed", "reversed"),
}


def own(db: Database, payout_id: str, uid: str) -> Doc:
    """Raises NotFound also for another's: whether it exists is nobody else's business."""
    found = payouts.find(db, payout_id)
    if found is None or found["userId"] != uid:
        raise NotFound("there is no such payout", code="PAYOUT_NOT_FOUND")
    return found


def view(payout: Doc) -> dict[str, Any]:
    """A payout, with its id, on the wire. Pure."""
    about, whole_paise = payout.get("about") or {}, payouts.returned(payout)
    destination = payout["destination"] or {}
    return {
        "id": payout["id"],
        "userId": payout["userId"],
        "kind": payout["kind"],
        "amount": rupees(about.get("grossPaise", whole_paise)),
        "platformFee": rupees(about.get("commissionPaise", 0)),
        "gst": rupees(about.get("gstPaise", 0)),
        "gatewayFee": rupees(about.get("gatewayFeePaise", 0)),
        "adjustments": rupees(adjustments(about)),
        "tds": rupees(whole_paise - payout["amountPaise"]),
        "netAmount": rupees(payout["amountPaise"]),
        "netAmountPaise": payout["amountPaise"],
        "currency": CURRENCY,
        "status": STATUSES.get(payout["status"], "failed"),
        "method": destination.get("method"),
        "destination": destination.get("shown"),
        "waitingFor": payout["waitingFor"],
        "transactionId": payout["utr"] or payout["reference"],
        "processedAt": payout["settledAt"],
        "failureReason": payout["reason"] if payout["status"] in STORED["failed"] else None,
        "period": about.get("period"),
        "bookingsCount": about.get("bookings", 0),
        "createdAt": payout["createdAt"],
        "updatedAt": payout["updatedAt"],
    }


def adjustments(about: Doc) -> int:
    """What was taken from the sessions' sum, in paise: zero or less."""
    return -int(about.get("takenPaise", 0)) - int(about.get("debtPaise", 0))
