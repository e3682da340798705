"""Deposits: a purpose of payments. The order is opened here, the wallet credited when the payment is captured."""

from datetime import datetime
from typing import Any

from konnect import idempotency, ids
from konnect.context import Context
from konnect.errors import KonnectError
from konnect.integrations.gateway import Payment, Refund
from konnect.integrations.razorpay.client import Gateway
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import CURRENCY, rupees
from konnect.store import Doc, Tx
from konnect.wallet import transactions

from . import customers, repository
from .repository import Reader

MIN_AMOUNT_RUPEES = 1
MAX_AMOUNT_RUPEES = 10_000
DESCRIPTION = "Wallet recharge"


def start(
    ctx: Context, gateway: Gateway, uid: str, amount_paise: int, *, key: idempotency.Key | None, now: datetime
) -> dict[str, Any]:
    """Open an order at the provider and a pending transaction for it.

    Returns {transactionId, status: "pending", orderId, receipt, amount, amountPaise, currency, keyId, customerId}. A
    failure of the provider leaves nothing behind, and the key free: Unavailable (503) or BadGateway (502).
    """
    by = ids.new()
    answered = ctx.run(lambda tx: idempotency.reserve(tx, key, by=by, now=now)) if key else None
    if answered is not None:
        return answered
    transaction_id = ids.new()
    receipt = f"dep_{transaction_id}"
    try:
        # Should we stop right after this call: an order that no browser knows can't be paid, and is forgotten.
        order_id = customers.open_order(
            ctx,
            gateway,
            uid,
            amount_paise=amount_paise,
            receipt=receipt,
            notes={"kind": "deposit", "uid": uid, "transactionId": transaction_id},
            now=now,
        )
        result = {
            "transactionId": transaction_id,
            "status": "pending",
            "orderId": order_id,
            "receipt": receipt,
            "amount": rupees(amount_paise),
            "amountPaise": amount_paise,
            "currency": CURRENCY,
            "keyId": gateway.key_id,
            "customerId": customers.linked(ctx.db, uid),
        }
        ctx.run(lambda tx: _open(tx, uid, result, key=key, now=now))
    except KonnectError:
        idempotency.let_go(ctx, key, by=by)
        raise
    return result


def _open(tx: Tx, uid: str, result: dict[str, Any], *, key: idempotency.Key | None, now: datetime) -> None:
    if repository.order(tx, result["orderId"]) is not None:
        # Ours: an earlier attempt was committed, although its answer was lost.
        return
    repository.create_order(
        tx,
        result["orderId"],
        purpose={"kind": "deposit", "uid": uid, "transactionId": result["transactionId"]},
        amount_paise=result["amountPaise"],
        receipt=result["receipt"],
        now=now,
    )
    transactions.write(
        tx,
        result["transactionId"],
        uid=uid,
        type="deposit",
        status="pending",
        amount_paise=result["amountPaise"],
        description=DESCRIPTION,
        reference_id=result["orderId"],
        now=now,
    )
    idempotency.record(tx, key, result, now=now)


# The purpose's interface (purposes.Purpose)


def paid(tx: Tx, order: Doc, payment: Payment, *, first: bool, now: datetime) -> dict[str, Any]:
    """Credit the wallet by the movement `payment:{id}`, and complete the order's transaction.

    A second payment of one order, which two browsers can bring about, is the payer's money too: it gets a
    transaction of its own.
    """
    uid, amount_paise = order["purpose"]["uid"], payment.amount_paise
    ledger.post_new(
        tx,
        Movement(
            f"payment:{payment.id}",
            "deposit",
            (
                Leg(accounts.GATEWAY_RAZORPAY, -amount_paise),
                Leg(accounts.wallet(uid), amount_paise, part="deposited"),
            ),
            {"payment": payment.id, "order": order["id"], "user": uid},
        ),
        now=now,
    )
    if first:
        transaction_id = order["purpose"]["transactionId"]
        transactions.settle(tx, transaction_id, "completed", now=now)
        return {"transactionId": transaction_id}
    transaction_id = ids.digest("payment", payment.id)
    transactions.write(
        tx,
        transaction_id,
        uid=uid,
        type="deposit",
        status="completed",
        amount_paise=amount_paise,
        description=f"{DESCRIPTION} (paid twice)",
        reference_id=order["id"],
        now=now,
    )
    return {"transactionId": transaction_id}


def unpaid(tx: Tx, order: Doc, *, reason: str, now: datetime) -> None:
    """The pending transaction fails; a late payment completes it after all."""
    transactions.settle(tx, order["purpose"]["transactionId"], "failed", now=now, reason=reason)


def refunded(tx: Tx, order: Doc, refund: Refund, result: dict[str, Any], *, now: datetime) -> None:
    """Take a refunded deposit out of the wallet; what has been spent meanwhile becomes the user's debt."""
    uid, amount_paise = order["purpose"]["uid"], refund.amount_paise
    taken = min(amount_paise, ledger.available(tx, uid, part="deposited"))
    owed = amount_paise - taken
    legs = [Leg(accounts.GATEWAY_RAZORPAY, amount_paise)]
    if taken:
        legs.append(Leg(accounts.wallet(uid), -taken, part="deposited"))
        transactions.write(
            tx,
            ids.digest("refund", refund.id),
            uid=uid,
            type="withdraw",
            status="completed",
            amount_paise=taken,
            description="Deposit returned to its source",
            reference_id=result["transactionId"],
            now=now,
        )
    if owed:
        legs.append(Leg(accounts.receivable(uid), -owed))
    ledger.post_new(
        tx,
        Movement(
            f"refund:{refund.id}",
            "deposit.refund",
            tuple(legs),
            {"refund": refund.id, "payment": refund.payment_id, "user": uid},
        ),
        now=now,
    )


def answer(reader: Reader, order: Doc, result: dict[str, Any] | None) -> dict[str, Any]:
    """{transactionId, balance, balancePaise}: the wallet as it is now."""
    wallet = reader.get("wallets", order["purpose"]["uid"])
    balance_paise = int(wallet["balancePaise"]) if wallet else 0
    return {
        "transactionId": (result or order["purpose"])["transactionId"],
        "balance": rupees(balance_paise),
        "balancePaise": balance_paise,
    }
