"""Making invoices: whatever brings the news, and however often, each payment gets one, and each refund of it one credit
note. What is written is what payments/{id} says by then, so the order of the news does not matter."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from konnect.course_sales import purchase as purchases
from konnect.payments import repository as payments
from konnect.platform import PlatformConfig
from konnect.store import Doc, Tx

from . import numbers, repository, sale
from .sale import Sale


def issue(tx: Tx, payment_id: str, config: PlatformConfig, *, now: datetime) -> None:
    """The invoice (or receipt) of a payment, and a credit note for each refund that has none."""
    payment = payments.payment(tx, payment_id)
    if payment is None:
        return
    order = payments.order(tx, payment["orderId"])
    assert order is not None, f"{payment_id} has no order"
    _issue(tx, payment, order, config, now)


def issue_of_wallet(tx: Tx, purchase_id: str, config: PlatformConfig, *, now: datetime) -> None:
    """The same of a course that was paid from the wallet: its purchase says what a payment would."""
    purchase = purchases.find(tx, purchase_id)
    if purchase is None or purchase["source"] != "wallet":
        return
    payment: Doc = {
        "id": purchase_id,
        "orderId": purchase_id,
        "uid": purchase["userId"],
        "amountPaise": purchase["pricePaise"],
        "currency": purchase["currency"],
        "method": "balance",
        "result": {"outcome": "sold"},
        "refunds": purchase["refunds"],
        "createdAt": purchase["paidAt"],
    }
    order: Doc = {"id": purchase_id, "purpose": {"kind": purchases.KIND, "purchaseId": purchase_id}}
    _issue(tx, payment, order, config, now)


def _issue(tx: Tx, payment: Doc, order: Doc, config: PlatformConfig, now: datetime) -> None:
    payment_id = payment["id"]
    invoice = repository.find(tx, payment_id)
    if invoice is None:
        invoice = _invoice(tx, payment, order, config, now)
        tx.create((repository.COLLECTION, payment_id), {name: invoice[name] for name in invoice if name != "id"})
    known = {one["id"] for one in invoice["refunds"]}
    new = {refund_id: paise for refund_id, paise in sorted(payment["refunds"].items()) if refund_id not in known}
    if not new:
        return
    refunds = list(invoice["refunds"])
    came_back = [one["amountPaise"] for one in refunds if one["id"] not in payment["refunds"]]
    for refund_id, amount_paise in new.items():
        if amount_paise in came_back:
            # Paid once more: the paper of it is made.
            came_back.remove(amount_paise)
            continue
        before_paise = sum(one["amountPaise"] for one in refunds)
        # What came back may also be paid as a part of a larger one.
        amount_paise = min(amount_paise, invoice["amountPaise"] - before_paise)
        if not amount_paise:
            continue
        number = None
        if invoice["type"] == "invoice":
            note = _credit_note(tx, invoice, refund_id, before_paise, amount_paise, now)
            tx.create((repository.COLLECTION, refund_id), note)
            number = note["number"]
        refunds.append({"id": refund_id, "amountPaise": amount_paise, "refundedAt": now, "number": number})
    whole = sum(one["amountPaise"] for one in refunds) >= invoice["amountPaise"]
    status = "refunded" if whole else "partially_refunded"
    tx.update((repository.COLLECTION, payment_id), {"refunds": refunds, "status": status})


def _invoice(tx: Tx, payment: Doc, order: Doc, config: PlatformConfig, now: datetime) -> Doc:
    sold = sale.of(tx, order, payment)
    type = "invoice" if sold.is_taxed else "receipt"
    return {
        "id": payment["id"],
        "userId": payment["uid"],
        "type": type,
        "number": numbers.take(tx, type, payment["id"], now=now) if sold.is_taxed else None,
        "kind": order["purpose"]["kind"],
        **_contents(sold),
        "tax": config.invoiceTax,
        "amountPaise": payment["amountPaise"],
        "currency": payment["currency"],
        "seller": {
            "name": config.invoiceSellerName,
            "address": config.invoiceSellerAddress,
            "gstin": config.invoiceSellerGstin,
            "state": config.invoiceSellerState,
        },
        "buyer": {"name": (tx.get("users", payment["uid"]) or {}).get("name") or "Customer"},
        "orderId": order["id"],
        "paymentId": payment["id"],
        "method": payment["method"],
        "paidAt": payment["createdAt"],
        "issuedAt": now,
        "status": "paid",
        "refunds": [],
    }


def _contents(sold: Sale) -> dict[str, Any]:
    return {
        "description": sold.description,
        "lines": [line.fields for line in sold.lines],
        "gstPaise": sold.gst_paise,
        "credits": sold.credits,
        "bookingId": sold.booking_id,
        "mentorName": sold.mentor_name,
        "courseId": sold.course_id,
    }


_COPIED = (
    "userId",
    "kind",
    "description",
    "tax",
    "currency",
    "seller",
    "buyer",
    "bookingId",
    "mentorName",
    "courseId",
    "orderId",
    "paymentId",
    "method",
    "paidAt",
)


def _credit_note(tx: Tx, invoice: Doc, refund_id: str, before_paise: int, amount_paise: int, now: datetime) -> Doc:
    """For the same share of each line, of the GST and of each credit as goes back of what was paid."""
    amounts = [line["amountPaise"] for line in invoice["lines"]]
    amounts += [invoice["gstPaise"], *(-credit["amountPaise"] for credit in invoice["credits"])]
    earlier, later = portions(amounts, before_paise), portions(amounts, before_paise + amount_paise)
    back = [after - before for before, after in zip(earlier, later, strict=True)]
    many = len(invoice["lines"])
    return {
        **{name: invoice.get(name) for name in _COPIED},
        "type": "credit_note",
        "number": numbers.take(tx, "credit_note", invoice["id"], now=now),
        "lines": [{**line, "amountPaise": paise} for line, paise in zip(invoice["lines"], back, strict=False)],
        "gstPaise": back[many],
        "credits": [
            {**credit, "amountPaise": -paise}
            for credit, paise in zip(invoice["credits"], back[many + 1 :], strict=True)
        ],
        "amountPaise": amount_paise,
        "refundId": refund_id,
        "invoiceId": invoice["id"],
        "invoiceNumber": invoice["number"],
        "invoicedAt": invoice["issuedAt"],
        "issuedAt": now,
    }


def portions(amounts_paise: list[int], refunded_paise: int) -> list[int]:
    """`refunded_paise` in proportion to amounts, which may be negative; rounded half up, the first has the rest. Of
    cumulative totals, so that in the end each has gone back whole. Pure."""
    total_paise = sum(amounts_paise)
    exact = (Decimal(amount * refunded_paise) / total_paise for amount in amounts_paise[1:])
    others = [int(one.quantize(Decimal(1), rounding=ROUND_HALF_UP)) for one in exact]
    return [refunded_paise - sum(others), *others]
