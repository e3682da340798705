"""Courses as a purpose of payments (payments/purposes.Purpose): what a captured checkout does, in time, late, twice."""

import logging
from datetime import datetime
from typing import Any

from konnect.courses import repository
from konnect.identity import service as identity
from konnect.integrations.gateway import Payment, Refund
from konnect.learning import enrollments
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.payments import gateways, refunds
from konnect.payments.repository import Reader
from konnect.store import Doc, Tx

from . import messages, purchase, refund

log = logging.getLogger(__name__)

SOLD = ("published", "archived")
"""Of a course: an archived one is no longer offered, and stays its students'."""


def paid(tx: Tx, order: Doc, payment: Payment, *, first: bool, now: datetime) -> dict[str, Any]:
    """Sell the course, also if it is paid late; what is paid for a course that its payer has already, or that is gone,
    goes back by itself. Returns {coursePurchaseId, outcome: "sold" | "returned"}."""
    purchase_id = order["purpose"]["purchaseId"]
    tx.peek((purchase.COLLECTION, purchase_id))
    bought = purchase.get(tx, purchase_id)
    # Without locks what is written below: with them, those who come at once would wait for each other.
    uid = bought["educatorUid"]
    enrollment_id = enrollments.id_of(bought["courseId"], bought["userId"])
    tx.peek(("enrollments", enrollment_id), ("wallets", uid), ("receivables", uid))
    messages.peek(tx, bought, types=("course_purchased", "course_sold"))
    course = repository.find(tx, bought["courseId"])
    if first and course is not None and _can_be_sold(tx, bought, course):
        received = Leg(gateways.account_of(order), -payment.amount_paise)
        about = {"payment": payment.id, "order": order["id"]}
        purchase.sell(tx, bought, received, f"payment:{payment.id}", about, now=now)
        sold: Doc = {"status": "completed", "paymentId": payment.id, "paidAt": now}
        purchase.update(tx, bought["id"], now=now, **sold)
        enrollments.grant(
            tx,
            course,
            bought["userId"],
            source="checkout",
            purchase_id=bought["id"],
            price_paise=bought["pricePaise"],
            now=now,
        )
        messages.sold(tx, {**bought, **sold}, now=now)
        return {"coursePurchaseId": bought["id"], "outcome": "sold"}
    refund_id = f"{bought['id']}-{payment.id}"
    refunds.open_new(
        tx,
        refund_id,
        payment_id=payment.id,
        order_id=order["id"],
        uid=bought["userId"],
        amount_paise=payment.amount_paise,
        reason="not-usable",
        gateway=gateways.name_of(order),
        now=now,
    )
    legs = (Leg(gateways.account_of(order), -payment.amount_paise), refunds.leg(refund_id, payment.amount_paise))
    subject = {**purchase.subject_of(bought), "payment": payment.id, "order": order["id"]}
    ledger.post_new(tx, Movement(f"payment:{payment.id}", "course.unused", legs, subject), now=now)
    if first:
        purchase.update(tx, bought["id"], now=now, status="returned", paymentId=payment.id, paidAt=now)
    messages.paid_back(tx, bought, payment.id, payment.amount_paise, now=now)
    return {"coursePurchaseId": bought["id"], "outcome": "returned"}


def unpaid(tx: Tx, order: Doc, *, reason: str, now: datetime) -> None:
    bought = purchase.get(tx, order["purpose"]["purchaseId"])
    if bought["status"] == "pending":
        purchase.update(tx, bought["id"], now=now, status="expired")


def refunded(tx: Tx, order: Doc, news: Refund, result: dict[str, Any], *, now: datetime) -> None:
    """Money has gone back: by a refund of ours, or by one that was made at the provider, or by a dispute that was lost.
    The latter two take a sale back as a refund of ours does; what nothing was left of is the platform's expense, for a
    person to look at."""
    bought = purchase.get(tx, result["coursePurchaseId"])
    rest_paise = news.amount_paise - refunds.covered(tx, news, now=now)
    left_paise = bought["pricePaise"] - bought["refundedPaise"] if result["outcome"] == "sold" else 0
    amount_paise = min(rest_paise, left_paise)
    account = gateways.account_of(order)
    if amount_paise:
        reason = "dispute-lost" if news.id.startswith(("dp_", "du_")) else "refunded-at-provider"
        given = refund.Request(bought["id"], news.id, reason, by="provider")
        about = {"payment": news.payment_id, "order": order["id"]}
        refund.give_back(tx, bought, given, amount_paise, Leg(account, amount_paise), about, now=now)
    excess_paise = rest_paise - amount_paise
    if excess_paise:
        log.error("a refund that was not asked for", extra={"refund": news.id, "purchase": bought["id"]})
        legs = (Leg(accounts.PLATFORM_ADJUSTMENTS, -excess_paise), Leg(account, excess_paise))
        subject = {**purchase.subject_of(bought), "refund": news.id, "payment": news.payment_id}
        ledger.post_new(tx, Movement(f"refund:{news.id}:excess", "course.refund.foreign", legs, subject), now=now)


def disputed(tx: Tx, order: Doc, dispute_id: str | None, result: dict[str, Any], *, now: datetime) -> None:
    """Noted, so that nobody refunds it beside the bank; the course stays open until the bank has decided."""
    purchase.update(tx, result["coursePurchaseId"], now=now, disputeId=dispute_id)


def answer(reader: Reader, order: Doc, result: dict[str, Any] | None) -> dict[str, Any]:
    """{coursePurchaseId, courseId, purchaseStatus}."""
    purchase_id = order["purpose"]["purchaseId"]
    found = reader.get(purchase.COLLECTION, purchase_id) or {}
    return {
        "coursePurchaseId": purchase_id,
        "courseId": found.get("courseId"),
        "purchaseStatus": found.get("status"),
    }


def _can_be_sold(tx: Tx, bought: Doc, course: Doc) -> bool:
    """Not to who has it by now, nor to or by somebody whose account is closed."""
    is_gone = any(identity.is_closed(tx, bought[side]) for side in ("userId", "educatorUid"))
    has_it = enrollments.standing(tx, course["id"], bought["userId"]) is not None
    return course["status"] in SOLD and not is_gone and not has_it
