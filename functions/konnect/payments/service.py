"""What payments do to orders. Everything is credited by `capture`, whoever brings the news: the browser's verify call,
a webhook, a task or the sweep; in any order, at once, repeated or late. State moves forward only."""

import logging
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from konnect import ids
from konnect.context import Context
from konnect.errors import BadGateway
from konnect.integrations.gateway import Gateway, Payment, Refund
from konnect.integrations.razorpay import client as razorpay
from konnect.money import rupees
from konnect.store import Doc, Tx

from . import policy, purposes, repository, turns
from .errors import InvalidSignature, OrderNotFound, PaymentFailed, PaymentMismatch
from .repository import Reader

log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of a piece of news."""

    CREDITED = "credited"
    REPEAT = "repeat"
    PENDING = "pending"
    FAILED = "failed"
    MISMATCH = "mismatch"
    REFUNDED = "refunded"
    EXPIRED = "expired"
    UNKNOWN_ORDER = "unknown_order"
    IGNORED = "ignored"


def verify(
    ctx: Context, gateway: razorpay.Gateway, uid: str, *, order_id: str, payment_id: str, signature: str, now: datetime
) -> dict[str, Any]:
    """Credit what the browser's checkout says was paid, once the provider confirms it.

    Returns {status: "completed" | "pending", orderId, paymentId, amount, amountPaise, currency} and what the purpose
    adds. Raises InvalidSignature, OrderNotFound, PaymentMismatch, PaymentFailed; Unavailable or BadGateway when the
    provider can't be asked (the webhook or the sweep will credit it then).
    """
    if not gateway.checkout_matches(order_id, payment_id, signature):
        raise InvalidSignature("the signature is not the payment provider's")
    order = repository.order(ctx.db, order_id)
    if order is None or order["purpose"]["uid"] != uid:
        raise OrderNotFound("there is no such order")
    recorded = repository.payment(ctx.db, payment_id)
    if recorded is None:
        # The signature proves who pays, not that the money has come: only the provider knows.
        outcome = collect(ctx, gateway, order, gateway.fetch_payment(payment_id), now=now)
        if outcome is Outcome.MISMATCH:
            raise PaymentMismatch("the payment is not one of this order")
        if outcome is Outcome.FAILED:
            raise PaymentFailed("the payment failed; please try again")
        recorded = repository.payment(ctx.db, payment_id)
    return _answer(ctx.db, order, payment_id, recorded)


def _answer(reader: Reader, order: Doc, payment_id: str, recorded: Doc | None) -> dict[str, Any]:
    return {
        "status": "pending" if recorded is None else "completed",
        "orderId": order["id"],
        "paymentId": payment_id,
        "amount": rupees(order["amountPaise"]),
        "amountPaise": order["amountPaise"],
        "currency": order["currency"],
        **purposes.of(order).answer(reader, order, recorded["result"] if recorded else None),
    }


def collect(ctx: Context, gateway: Gateway, order: Doc, payment: Payment, *, now: datetime) -> Outcome:
    """Credit a payment just fetched from the provider; one that is only authorized is captured first.

    Returns CREDITED, REPEAT, PENDING, FAILED or MISMATCH.
    """
    if not _belongs(order, payment):
        log.error("payment differs from its order", extra={"payment": payment.id, "order": order["id"]})
        return Outcome.MISMATCH
    # Of a paid order nothing more is captured: the provider gives an authorization back by itself. Looked at anew,
    # since the payment before this one may have paid it.
    if payment.status == "authorized" and (repository.order(ctx.db, order["id"]) or order)["status"] != "paid":
        try:
            payment = gateway.capture(payment)
        except BadGateway:
            # Captured meanwhile, by the account's own settings or by a request beside this one; or lapsed.
            payment = gateway.fetch_payment(payment.id)
    if payment.status == "failed":
        return Outcome.FAILED
    if not payment.captured:
        return Outcome.PENDING
    # Refunded there before it was known here: the news of that may be lost as that of the payment was.
    refunds = gateway.refunds_of(payment.id) if payment.refunded_paise else ()
    returned = [refund for refund in refunds if refund.status == "processed"]
    return turns.run(ctx, order["id"], lambda tx: _credit(tx, payment, returned, now))


def _credit(tx: Tx, payment: Payment, returned: Sequence[Refund], now: datetime) -> Outcome:
    outcome = capture(tx, payment, now=now)
    if outcome is Outcome.CREDITED:
        for refund in returned:
            note_refund(tx, refund, now=now)
    return outcome


def capture(tx: Tx, payment: Payment, *, now: datetime) -> Outcome:
    """Credit a captured payment, once: payments/{id} is created with the effect. The order's purpose says which.

    An order that had been given up becomes paid all the same: the money is there. Returns CREDITED, REPEAT,
    UNKNOWN_ORDER (of another system on the same account) or MISMATCH.
    """
    assert payment.captured, f"{payment.id} is {payment.status}"
    if not ids.valid(payment.order_id) or not ids.valid(payment.id):
        return Outcome.UNKNOWN_ORDER
    tx.prefetch(("orders", payment.order_id), ("payments", payment.id))
    order = repository.order(tx, payment.order_id)
    if order is None:
        return Outcome.UNKNOWN_ORDER
    if repository.payment(tx, payment.id) is not None:
        return Outcome.REPEAT
    if not _belongs(order, payment):
        return Outcome.MISMATCH
    first = order["status"] != "paid"
    result = purposes.of(order).paid(tx, order, payment, first=first, now=now)
    repository.create_payment(tx, payment, order, result=result, now=now)
    if first:
        repository.update_order(tx, order["id"], status="paid", paidAt=now, nextCheckAt=None, now=now)
    return Outcome.CREDITED


def note_failure(tx: Tx, payment: Payment, order_id: str | None = None, *, now: datetime) -> Outcome:
    """An attempt failed. The order stays open, since the customer may try again; it keeps the last failure. `order_id`:
    where the payment does not say it."""
    order = repository.order(tx, order_id or payment.order_id)
    if order is None:
        return Outcome.UNKNOWN_ORDER
    if order["status"] != "created":
        return Outcome.IGNORED
    failure = {
        "paymentId": payment.id,
        "code": payment.error_code,
        "description": payment.error_description,
        "at": now,
    }
    repository.update_order(tx, order["id"], lastFailure=failure, now=now)
    return Outcome.FAILED


def refund(tx: Tx, payment: Payment, of: Refund, *, now: datetime) -> Outcome:
    """Money went back to its source. A payment whose capture we have not heard of is credited first, so that its late
    news changes nothing; the refund's movement takes the money back."""
    credited = capture(tx, payment, now=now)
    if credited not in {Outcome.CREDITED, Outcome.REPEAT}:
        return credited
    return note_refund(tx, of, now=now) if of.payment_id == payment.id else Outcome.MISMATCH


def note_refund(tx: Tx, of: Refund, *, now: datetime) -> Outcome:
    """The same of a payment that has been credited."""
    recorded = repository.payment(tx, of.payment_id)
    assert recorded is not None
    order = repository.order(tx, recorded["orderId"])
    assert order is not None
    if of.id in recorded["refunds"]:
        return Outcome.REPEAT
    purposes.of(order).refunded(tx, order, of, recorded["result"], now=now)
    tx.update(("payments", of.payment_id), {"refunds": {**recorded["refunds"], of.id: of.amount_paise}})
    return Outcome.REFUNDED


def forget_refund(tx: Tx, of: Refund) -> None:
    """One that was noted has not reached the payer after all."""
    recorded = repository.payment(tx, of.payment_id)
    assert recorded is not None
    left = {refund_id: paise for refund_id, paise in recorded["refunds"].items() if refund_id != of.id}
    tx.update(("payments", of.payment_id), {"refunds": left})


def postpone(tx: Tx, order_id: str, *, now: datetime) -> Outcome:
    """Nobody has paid yet: look again later, or give the order up. Returns PENDING, EXPIRED or, if it was paid or given
    up meanwhile, REPEAT."""
    order = repository.order(tx, order_id)
    assert order is not None
    if order["status"] == "paid":
        # Put off beside the payment: there is nothing to ask any more.
        repository.update_order(tx, order_id, nextCheckAt=None, now=now)
        return Outcome.REPEAT
    next_check_at = policy.next_check(order["createdAt"], now)
    if order["status"] != "created" or not policy.expired(order["createdAt"], now):
        repository.update_order(tx, order_id, nextCheckAt=next_check_at, now=now)
        return Outcome.PENDING
    return _give_up(tx, order, now)


def close(tx: Tx, order_id: str, *, now: datetime) -> Outcome:
    """The provider says that this order can't be paid any more. Returns EXPIRED, REPEAT or UNKNOWN_ORDER."""
    order = repository.order(tx, order_id)
    if order is None:
        return Outcome.UNKNOWN_ORDER
    return _give_up(tx, order, now) if order["status"] == "created" else Outcome.REPEAT


def _give_up(tx: Tx, order: Doc, now: datetime) -> Outcome:
    failure = order["lastFailure"]
    reason = (failure["description"] if failure else "") or "not paid in time"
    purposes.of(order).unpaid(tx, order, reason=reason, now=now)
    next_check_at = policy.next_check(order["createdAt"], now)
    status = "failed" if failure else "expired"
    repository.update_order(tx, order["id"], status=status, nextCheckAt=next_check_at, now=now)
    return Outcome.EXPIRED


def _belongs(order: Doc, payment: Payment) -> bool:
    return (payment.order_id, payment.amount_paise, payment.currency) == (
        order["id"],
        order["amountPaise"],
        order["currency"],
    )
