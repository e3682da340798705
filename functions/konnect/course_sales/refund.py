"""Taking a sale back: an admin's refund, one made in Stripe's dashboard, a dispute that was lost.

The learner's money goes back to where it came from: the parts of the wallet, or the payment at Stripe. The educator's
share comes out of what they have earned, and what they have spent is owed (`receivable`): later earnings pay it first,
the learner never waits. The platform gives its fee back, and the tax the GST. A part (which only the dashboard and
disputes can give back) leaves the books as if so much less had been paid; the enrolment ends with the last of it.

courseRefunds/{id}: {purchaseId, courseId, userId, educatorUid, amountPaise, educatorPaise, platformFeePaise, gstPaise,
owedPaise, refundedPaise, pricePaise, source, reason, by, createdAt}.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from konnect import audit, ids
from konnect.errors import Conflict
from konnect.learning import enrollments
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import CURRENCY, rupees
from konnect.payments import gateways, refunds
from konnect.store import Doc, Tx
from konnect.wallet import transactions

from . import messages, purchase
from .shares import divide, terms_of

COLLECTION = "courseRefunds"


@dataclass(frozen=True)
class Request:
    """`refund_id` makes a repeat harmless."""

    purchase_id: str
    refund_id: str
    reason: str
    by: str


def refund(tx: Tx, given: Request, *, now: datetime) -> dict[str, Any]:
    """Refund all that is left of a sale, by an admin. A repeat of a refund's id answers what was done.

    Returns the refund. Raises NotFound (PAYMENT_NOT_FOUND), Conflict (NOTHING_TO_REFUND, ALREADY_REFUNDED,
    PAYMENT_DISPUTED, ACCOUNT_DELETED, REFUND_DIFFERS).
    """
    tx.peek((purchase.COLLECTION, given.purchase_id), (COLLECTION, given.refund_id))
    recorded = tx.get(COLLECTION, given.refund_id)
    if recorded is not None:
        if recorded["purchaseId"] != given.purchase_id:
            raise Conflict("this refund id was used for another refund", code="REFUND_DIFFERS")
        return _result(given.refund_id, recorded)
    sold = purchase.get(tx, given.purchase_id)
    if sold["status"] == "refunded":
        raise Conflict("the payment is refunded already", code="ALREADY_REFUNDED")
    if sold["status"] != "completed":
        raise Conflict("nothing was sold for this payment", code="NOTHING_TO_REFUND")
    if sold.get("disputeId") is not None:
        # The bank decides by then; Stripe refuses a refund meanwhile.
        raise Conflict("the payer disputes this payment with their bank; answer there", code="PAYMENT_DISPUTED")
    if sold["source"] == "wallet" and (tx.get("users", sold["userId"]) or {}).get("deletedAt") is not None:
        raise Conflict("the user's account is deleted: nobody could spend the money", code="ACCOUNT_DELETED")
    left_paise = sold["pricePaise"] - sold["refundedPaise"]
    about: dict[str, Any] = {}
    if sold["source"] == "wallet":
        to = _to_wallet(tx, sold, left_paise)
    else:
        gateway_id = f"{sold['id']}-{ids.digest('course-refund', given.refund_id)[:16]}"
        refunds.open_new(
            tx,
            gateway_id,
            payment_id=sold["paymentId"],
            order_id=sold["orderId"],
            uid=sold["userId"],
            amount_paise=left_paise,
            reason=given.reason,
            gateway=gateways.STRIPE,
            now=now,
        )
        to, about = refunds.leg(gateway_id, left_paise), {"payment": sold["paymentId"]}
    made = give_back(tx, sold, given, left_paise, to, about, now=now)
    audit.write(
        tx,
        actor=given.by,
        action="course.refund",
        target=f"{purchase.COLLECTION}/{sold['id']}",
        before={"refundedPaise": sold["refundedPaise"]},
        after={"refundedPaise": made["refundedPaise"], "refundId": given.refund_id, "amountPaise": left_paise},
        reason=given.reason,
        now=now,
        entry_id=ids.digest("course-refund", given.refund_id),
    )
    return _result(given.refund_id, made)


def give_back(
    tx: Tx, sold: Doc, given: Request, amount_paise: int, to: Leg, about: dict[str, Any], *, now: datetime
) -> Doc:
    """Take so much of a sale back; `to` is where it goes. The caller has proved it new. Returns the record."""
    left_paise = sold["pricePaise"] - sold["refundedPaise"]
    assert 0 < amount_paise <= left_paise, f"{amount_paise} of {left_paise}"
    terms, uid = terms_of(sold), sold["educatorUid"]
    after = divide(left_paise - amount_paise, terms)
    back = divide(left_paise, terms) - after
    # Without locks what is written below: with them, those who come at once would wait for each other.
    enrollment_id = enrollments.id_of(sold["courseId"], sold["userId"])
    tx.peek(("enrollments", enrollment_id), *(("wallets", one) for one in (uid, sold["userId"])), ("receivables", uid))
    messages.peek(tx, sold, given.refund_id, types=("course_refunded", "course_refunded"))
    owed_paise = max(0, back.educator_paise - ledger.available(tx, uid, part="earned"))
    legs = (
        to,
        Leg(accounts.wallet(uid), owed_paise - back.educator_paise, part="earned"),
        Leg(accounts.receivable(uid), -owed_paise),
        Leg(accounts.PLATFORM_FEES, -back.fee_paise),
        Leg(accounts.TAX_GST, -back.gst_paise),
    )
    movement = Movement(
        f"course:{sold['id']}:refund:{given.refund_id}",
        "course.refund",
        tuple(leg for leg in legs if leg.amount_paise),
        {**purchase.subject_of(sold), "refund": given.refund_id, **about},
    )
    ledger.post_new(tx, movement, now=now)
    closed, refunded_paise = amount_paise == left_paise, sold["refundedPaise"] + amount_paise
    changed: Doc = {
        "refundedPaise": refunded_paise,
        "refunds": {**sold["refunds"], given.refund_id: amount_paise},
        **after.fields,
    }
    if closed:
        changed |= {"status": "refunded", "refundedAt": now}
        enrollments.revoke(tx, sold["courseId"], sold["userId"], reason=given.reason, purchase_id=sold["id"], now=now)
    purchase.update(tx, sold["id"], now=now, **changed)
    made: Doc = {
        "purchaseId": sold["id"],
        "courseId": sold["courseId"],
        "userId": sold["userId"],
        "educatorUid": uid,
        "amountPaise": amount_paise,
        **back.fields,
        "owedPaise": owed_paise,
        "refundedPaise": refunded_paise,
        "pricePaise": sold["pricePaise"],
        "source": sold["source"],
        "reason": given.reason,
        "by": given.by,
        "createdAt": now,
    }
    tx.create((COLLECTION, given.refund_id), made)
    _write_transactions(tx, sold, given, amount_paise, back.educator_paise, now)
    messages.refunded(tx, sold, given.refund_id, amount_paise, back.educator_paise, closed=closed, now=now)
    return made


def _to_wallet(tx: Tx, sold: Doc, amount_paise: int) -> Leg:
    """To the parts that it was taken from."""
    wallet = accounts.wallet(sold["userId"])
    parts = ledger.recorded_parts(tx, f"course:{sold['id']}:pay", wallet)
    return Leg(wallet, amount_paise, parts={part: -paise for part, paise in parts.items()})


def _write_transactions(
    tx: Tx, sold: Doc, given: Request, amount_paise: int, educator_paise: int, now: datetime
) -> None:
    text = f"Refund of the course “{sold['courseTitle']}”"
    if sold["source"] == "wallet":
        transactions.write(
            tx,
            f"{sold['id']}-{given.refund_id}",
            uid=sold["userId"],
            type="refund",
            status="completed",
            amount_paise=amount_paise,
            description=text,
            reference_id=sold["id"],
            now=now,
        )
    if educator_paise:
        # The whole share, as the earning shows it whole even if a debt took some of it.
        transactions.write(
            tx,
            f"{sold['id']}-{given.refund_id}-share",
            uid=sold["educatorUid"],
            type="payment",
            status="completed",
            amount_paise=educator_paise,
            description=text,
            reference_id=sold["id"],
            now=now,
            taken_back=True,
        )


def _result(refund_id: str, made: Doc) -> dict[str, Any]:
    return {
        "refundId": refund_id,
        "paymentId": made["purchaseId"],
        "courseId": made["courseId"],
        "userId": made["userId"],
        "source": made["source"],
        "amount": rupees(made["amountPaise"]),
        "amountPaise": made["amountPaise"],
        "educatorShare": rupees(made["educatorPaise"]),
        "platformFee": rupees(made["platformFeePaise"]),
        "gst": rupees(made["gstPaise"]),
        "owedByEducator": rupees(made["owedPaise"]),
        "refundedAmount": rupees(made["refundedPaise"]),
        "currency": CURRENCY,
    }
