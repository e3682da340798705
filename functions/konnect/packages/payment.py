"""Packages as a purpose of payments (payments/purposes.Purpose)."""

import logging
from datetime import datetime
from typing import Any

from konnect.integrations.gateway import Payment, Refund
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.payments import refunds
from konnect.payments.repository import Reader
from konnect.store import Doc, Tx

from . import repository, service

log = logging.getLogger(__name__)


def paid(tx: Tx, order: Doc, payment: Payment, *, first: bool, now: datetime) -> dict[str, Any]:
    """The package counts from now on, also if it is paid late; what is paid a second time, or when the mentor has gone,
    goes back by itself. Returns {packagePurchaseId, outcome: "active" | "returned"}."""
    purchase = repository.get(tx, order["purpose"]["purchaseId"])
    if first and service.can_be_used(tx, purchase):
        held = Leg(accounts.hold(service.KIND, purchase["id"]), payment.amount_paise)
        _capture(tx, purchase, payment, "package.pay", held, now)
        service.activate(tx, purchase, payment.id, now=now)
        return {"packagePurchaseId": purchase["id"], "outcome": "active"}
    refund_id = f"{purchase['id']}-{payment.id}"
    service.open_refund(tx, purchase, refund_id, payment.id, payment.amount_paise, "not-usable", now)
    _capture(tx, purchase, payment, "package.unused", refunds.leg(refund_id, payment.amount_paise), now)
    if first:
        repository.update(tx, purchase["id"], now=now, status="cancelled", statusReason="mentor-gone")
    return {"packagePurchaseId": purchase["id"], "outcome": "returned"}


def unpaid(tx: Tx, order: Doc, *, reason: str, now: datetime) -> None:
    purchase = repository.get(tx, order["purpose"]["purchaseId"])
    if purchase["status"] == "pending":
        repository.update(tx, purchase["id"], now=now, status="cancelled", statusReason="not-paid")


def refunded(tx: Tx, order: Doc, refund: Refund, result: dict[str, Any], *, now: datetime) -> None:
    """Money has gone back. What nobody has asked for here (a refund made at the provider, by hand) is the platform's
    expense, for a person to look at: the package goes on."""
    if refunds.processed(tx, refund, now=now) is not None:
        return
    log.error("a refund that was not asked for", extra={"refund": refund.id, "package": result["packagePurchaseId"]})
    legs = (
        Leg(accounts.PLATFORM_ADJUSTMENTS, -refund.amount_paise),
        Leg(accounts.GATEWAY_RAZORPAY, refund.amount_paise),
    )
    subject = {"refund": refund.id, "payment": refund.payment_id, "package": result["packagePurchaseId"]}
    ledger.post_new(tx, Movement(f"refund:{refund.id}", "package.refund.foreign", legs, subject), now=now)


def answer(reader: Reader, order: Doc, result: dict[str, Any] | None) -> dict[str, Any]:
    """{packagePurchaseId, packageStatus}."""
    purchase_id = order["purpose"]["purchaseId"]
    found = reader.get(repository.PURCHASES, purchase_id) or {}
    return {"packagePurchaseId": purchase_id, "packageStatus": found.get("status")}


def _capture(tx: Tx, purchase: Doc, payment: Payment, kind: str, to: Leg, now: datetime) -> None:
    subject = {"payment": payment.id, "order": payment.order_id, "user": purchase["userId"], "package": purchase["id"]}
    legs = (Leg(accounts.GATEWAY_RAZORPAY, -payment.amount_paise), to)
    ledger.post_new(tx, Movement(f"payment:{payment.id}", kind, legs, subject), now=now)
