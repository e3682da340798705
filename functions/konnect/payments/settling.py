"""Closing a refund that is stuck: a person has paid its payer in another way than through the gateway."""

from datetime import datetime
from typing import Any, Literal

from konnect import audit, ids
from konnect.errors import Conflict, NotFound
from konnect.integrations.gateway import Refund
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import CURRENCY, rupees
from konnect.store import Doc, Tx
from konnect.wallet import transactions

from . import gateways, refunds, service

Way = Literal["bank", "wallet"]


def settle(tx: Tx, refund_id: str, way: Way, *, by: str, reference: str, now: datetime) -> dict[str, Any]:
    """The money leaves the refund's account as if the gateway had paid it, and goes from there to the platform's bank,
    which has paid it (`reference`: of the transfer), or to the payer's wallet. A repeat answers what was done.

    Raises NotFound (REFUND_NOT_FOUND), Conflict (REFUND_NOT_STUCK; REFUND_PAID: at the provider, at least a part;
    REFUND_DIFFERS for a repeat by another way; ACCOUNT_DELETED for a wallet that nobody has).
    """
    refund = tx.get(refunds.COLLECTION, refund_id)
    if refund is None:
        raise NotFound("there is no such refund", code="REFUND_NOT_FOUND")
    done: Doc = {"settledTo": way, "settledReference": reference}
    if refund.get("settledTo") is not None:
        if {name: refund[name] for name in done} != done:
            raise Conflict("this refund was settled in another way", code="REFUND_DIFFERS")
        return _result(refund_id, refund)
    if refund["status"] != "stuck":
        raise Conflict(f"the refund is {refund['status']}; only a stuck one is settled", code="REFUND_NOT_STUCK")
    if refunds.paid_by_hand(tx, refund):
        raise Conflict("somebody has paid of it back at the provider meanwhile; look at it again", code="REFUND_PAID")
    uid, amount_paise = refund["uid"], refund["amountPaise"]
    if way == "wallet" and (tx.get("users", uid) or {}).get("deletedAt") is not None:
        raise Conflict("the user's account is deleted: nobody could spend the money", code="ACCOUNT_DELETED")
    # To what was paid for, and to its papers, it is a refund as any.
    paid = Refund(f"{refund_id}-settled", refund["paymentId"], amount_paise, "processed", reference=refund_id)
    service.note_refund(tx, paid, now=now)
    to = Leg(accounts.GATEWAY_BANK, amount_paise)
    if way == "wallet":
        to = Leg(accounts.wallet(uid), amount_paise, part="deposited")
        transactions.write(
            tx,
            paid.id,
            uid=uid,
            type="refund",
            status="completed",
            amount_paise=amount_paise,
            description="Refund to your wallet",
            reference_id=refund["paymentId"],
            now=now,
        )
    legs = (Leg(gateways.account_of(refund), -amount_paise), to)
    subject = {"refund": refund_id, "payment": refund["paymentId"], "user": uid}
    ledger.post_new(tx, Movement(f"refund:{refund_id}:settled", "refund.settled", legs, subject), now=now)
    tx.update((refunds.COLLECTION, refund_id), {**done, "updatedAt": now})
    audit.write(
        tx,
        actor=by,
        action="refund.settle",
        target=f"{refunds.COLLECTION}/{refund_id}",
        before={"status": "stuck", "amountPaise": amount_paise, "lastError": refund["lastError"]},
        after=done,
        now=now,
        entry_id=ids.digest("refund-settle", refund_id),
    )
    return _result(refund_id, {**refund, **done})


def _result(refund_id: str, refund: Doc) -> dict[str, Any]:
    return {
        "refundId": refund_id,
        "paymentId": refund["paymentId"],
        "userId": refund["uid"],
        "way": refund["settledTo"],
        "reference": refund["settledReference"],
        "amount": rupees(refund["amountPaise"]),
        "amountPaise": refund["amountPaise"],
        "currency": CURRENCY,
    }
