"""A deposit told by its receipt (specs of kundlinow): no signature comes with it, so only the provider is believed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from konnect import ids
from konnect.context import Context
from konnect.errors import Conflict
from konnect.integrations.gateway import Payment
from konnect.integrations.razorpay.client import Gateway
from konnect.integrations.razorpay.errors import Refused
from konnect.store import Doc

from . import deposits, repository, service
from .errors import OrderNotFound, PaymentFailed, PaymentMismatch
from .service import Outcome

RECEIPT_PREFIX = "dep_"
PAYMENT_PREFIX = "pay_"


class AmountMismatch(Conflict):
    """Another amount than the order's. Nothing was credited."""

    code = "AMOUNT_MISMATCH"


def recharge(
    ctx: Context, gateway: Gateway, uid: str, *, amount_paise: int, receipt_id: str, now: datetime
) -> dict[str, Any]:
    """Credit what was paid of a deposit of `uid`'s, once the provider confirms it.

    `receipt_id`: the receipt, the order id or a payment id of an order opened by `deposits.start`. Returns
    {transactionId, status: "success" | "pending", balance, balancePaise}; pending: not captured yet, and credited when
    it is. Raises OrderNotFound (no deposit of this user), AmountMismatch, PaymentMismatch, PaymentFailed, BadGateway,
    Unavailable.
    """
    order, payment, recorded = _find(ctx, gateway, receipt_id)
    if order is None or order["purpose"]["kind"] != "deposit" or order["purpose"]["uid"] != uid:
        raise OrderNotFound("there is no such deposit")
    if order["amountPaise"] != amount_paise:
        raise AmountMismatch("the amount is not the order's")
    is_paid = recorded is not None or (payment is None and order["status"] == "paid")
    if not is_paid:
        _collect(ctx, gateway, order, [payment] if payment else gateway.payments_of_order(order["id"]), now)
        order = repository.order(ctx.db, order["id"]) or order
        recorded = repository.payment(ctx.db, payment.id) if payment is not None else None
        is_paid = recorded is not None or (payment is None and order["status"] == "paid")
    answer = deposits.answer(ctx.db, order, recorded["result"] if recorded else None)
    return {**answer, "status": "success" if is_paid else "pending"}


def _find(ctx: Context, gateway: Gateway, receipt_id: str) -> tuple[Doc | None, Payment | None, Doc | None]:
    """The order; the payment, if one was named that is not credited yet; what is recorded of one that is."""
    if not ids.valid(receipt_id):
        return None, None, None
    if receipt_id.startswith(PAYMENT_PREFIX):
        recorded = repository.payment(ctx.db, receipt_id)
        if recorded is not None:
            return repository.order(ctx.db, recorded["orderId"]), None, recorded
        try:
            payment = gateway.fetch_payment(receipt_id)
        except Refused as error:
            if not error.definite:
                raise
            return None, None, None
        return repository.order(ctx.db, payment.order_id), payment, None
    if receipt_id.startswith(RECEIPT_PREFIX):
        transaction_id = receipt_id.removeprefix(RECEIPT_PREFIX)
        transaction = (ctx.db.get("transactions", transaction_id) if ids.valid(transaction_id) else None) or {}
        order = repository.order(ctx.db, str(transaction.get("referenceId") or ""))
        return (order if order is not None and order["receipt"] == receipt_id else None), None, None
    return repository.order(ctx.db, receipt_id), None, None


def _collect(ctx: Context, gateway: Gateway, order: Doc, payments: Sequence[Payment], now: datetime) -> None:
    """Raises PaymentMismatch, PaymentFailed (each attempt has failed)."""
    outcomes = [service.collect(ctx, gateway, order, payment, now=now) for payment in payments]
    if {Outcome.CREDITED, Outcome.REPEAT} & set(outcomes):
        return
    if Outcome.MISMATCH in outcomes:
        raise PaymentMismatch("the payment is not one of this order")
    if outcomes and set(outcomes) == {Outcome.FAILED}:
        raise PaymentFailed("the payment failed; please try again")
