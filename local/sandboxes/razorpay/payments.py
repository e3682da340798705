"""Payments: what the customer does at the checkout, and what the merchant does with the payment by the API."""

import hashlib
import hmac
import secrets
import time
from typing import Any

from aiohttp import web

from local.sandboxes.razorpay.core import Core
from local.sandboxes.razorpay.errors import RazorpayError
from local.sandboxes.razorpay.http import CURRENCY, amount_of, check_currency, notes_of, page_of, read_fields
from local.sandboxes.razorpay.orders import already_paid, mark_paid, record_attempt
from local.sandboxes.razorpay.state import Entity, new_id
from local.sandboxes.razorpay.webhooks import event_of

OUTCOMES = ("captured", "authorized", "failed")
METHODS = ("upi", "card", "netbanking", "wallet")
PAY_FIELDS = ("outcome", "method", "email", "contact", "notes", "payment_id")
FEE_BASIS_POINTS = 200
TAX_ON_FEE_PERCENT = 18

NO_ERROR: dict[str, Any] = dict.fromkeys(
    ("error_code", "error_description", "error_source", "error_step", "error_reason"),
)
DECLINED: dict[str, Any] = {
    "error_code": "BAD_REQUEST_ERROR",
    "error_description": "Your payment was declined by the bank. Try another payment method.",
    "error_source": "bank",
    "error_step": "payment_authorization",
    "error_reason": "payment_failed",
}


def checkout_signature(order_id: str, payment_id: str, key_secret: str) -> str:
    """Hex HMAC-SHA256 of `order_id|payment_id`, which the browser's handler passes on."""
    return hmac.new(key_secret.encode(), f"{order_id}|{payment_id}".encode(), hashlib.sha256).hexdigest()


def _method_details(method: str) -> dict[str, Any]:
    """The fields that say what was paid with; all are there for every method, most of them null."""
    reference = str(secrets.randbelow(10**12)).zfill(12)
    details: dict[str, Any] = {"card_id": None, "bank": None, "wallet": None, "vpa": None}
    if method == "upi":
        vpa = "customer@upi"
        return {**details, "vpa": vpa, "acquirer_data": {"rrn": reference}, "upi": {"vpa": vpa}}
    if method == "netbanking":
        return {**details, "bank": "HDFC", "acquirer_data": {"bank_transaction_id": reference}}
    if method == "wallet":
        return {**details, "wallet": "payzapp", "acquirer_data": {"transaction_id": None}}
    card = {
        "id": new_id("card_"),
        "entity": "card",
        "name": "",
        "last4": "1111",
        "network": "Visa",
        "type": "debit",
        "issuer": None,
        "international": False,
        "emi": False,
        "sub_type": "consumer",
    }
    return {**details, "card_id": card["id"], "card": card, "acquirer_data": {"auth_code": reference[:6]}}


def _text(body: dict[str, Any], name: str, default: str) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise RazorpayError(f"The {name} must be a string.", field=name)
    return value


class Payments:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._state = core.state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/payments", self.list_all),
            web.get("/v1/payments/{payment_id}", self.fetch),
            web.patch("/v1/payments/{payment_id}", self.edit),
            web.post("/v1/payments/{payment_id}/capture", self.capture),
            web.post("/sandbox/orders/{order_id}/pay", self.pay),
        ]

    async def list_all(self, request: web.Request) -> web.Response:
        return page_of(request, self._state.all("payments"))

    async def fetch(self, request: web.Request) -> web.Response:
        return web.json_response(self._state.payment(request.match_info["payment_id"]))

    async def edit(self, request: web.Request) -> web.Response:
        payment = self._state.payment(request.match_info["payment_id"])
        payment["notes"] = notes_of(await read_fields(request, ("notes",)))
        return web.json_response(payment)

    async def capture(self, request: web.Request) -> web.Response:
        payment = self._state.payment(request.match_info["payment_id"])
        body = await read_fields(request, ("amount", "currency"))
        amount = amount_of(body)
        check_currency(body, required=False)
        if payment["captured"]:
            raise RazorpayError("This payment has already been captured")
        if payment["status"] != "authorized":
            raise RazorpayError("Only payments which have been authorized and not yet captured can be captured")
        if amount != payment["amount"]:
            raise RazorpayError("Capture amount must be equal to the amount authorized", field="amount")
        order = self._state.order(payment["order_id"])
        self._core.webhooks.emit(*self._capture(order, payment))
        return web.json_response(payment)

    async def pay(self, request: web.Request) -> web.Response:
        """The customer at the checkout: {"outcome", "method"?, "email"?, "contact"?, "notes"?, "payment_id"?}.

        Answers what the browser's handler gets: the three `razorpay_*` values, or, for a failed payment, {"error"}
        with its ids in `metadata`. `payment_id` lets a failed payment of the order succeed late, as UPI retries do.
        """
        order = self._state.order(request.match_info["order_id"])
        body = await read_fields(request, PAY_FIELDS)
        outcome = body.get("outcome")
        if outcome not in OUTCOMES:
            raise RazorpayError(f"The outcome must be one of {', '.join(OUTCOMES)}.", field="outcome")
        payment = self._late(order, body["payment_id"]) if body.get("payment_id") else self._attempt(order, body)
        if outcome == "failed":
            self._core.webhooks.emit(self._decline(order, payment))
            return web.json_response(declined(payment))
        payment.update(status="authorized", **NO_ERROR)
        events = [event_of("payment.authorized", order["id"], payment=payment)]
        if outcome == "captured":
            events += self._capture(order, payment)
        self._core.webhooks.emit(*events)
        return web.json_response(
            {
                "razorpay_order_id": order["id"],
                "razorpay_payment_id": payment["id"],
                "razorpay_signature": checkout_signature(order["id"], payment["id"], self._core.key_secret),
            },
        )

    def charge(self, order: Entity, method: str, about: Entity, *, failed: bool = False) -> tuple[Entity, list[Entity]]:
        """Pay an order by a mandate: the payment, with the fields of `about`, and the events that tell of it."""
        payment = self._attempt(order, {"method": method})
        payment.update(about)
        if failed:
            return payment, [self._decline(order, payment)]
        payment.update(status="authorized", **NO_ERROR)
        return payment, [event_of("payment.authorized", order["id"], payment=payment), *self._capture(order, payment)]

    def _decline(self, order: Entity, payment: Entity) -> Entity:
        payment.update(status="failed", **DECLINED)
        return event_of("payment.failed", order["id"], payment=payment)

    def _attempt(self, order: Entity, body: dict[str, Any]) -> Entity:
        method = body.get("method", "upi")
        if method not in METHODS:
            raise RazorpayError(f"The method must be one of {', '.join(METHODS)}.", field="method")
        payment = {
            "id": new_id("pay_"),
            "entity": "payment",
            "amount": order["amount"],
            "currency": CURRENCY,
            "status": "created",
            "order_id": order["id"],
            "invoice_id": None,
            "international": False,
            "method": method,
            "amount_refunded": 0,
            "amount_transferred": 0,
            "refund_status": None,
            "captured": False,
            "description": None,
            **_method_details(method),
            "email": _text(body, "email", "customer@example.com"),
            "contact": _text(body, "contact", "+919000090000"),
            # As in production: the checkout's own notes, never a copy of the order's.
            "notes": notes_of(body),
            "fee": None,
            "tax": None,
            **NO_ERROR,
            "created_at": int(time.time()),
        }
        record_attempt(order)
        return self._state.add("payments", payment)

    def _late(self, order: Entity, payment_id: Any) -> Entity:
        payment = self._state.payment(str(payment_id))
        if order["status"] == "paid":
            raise already_paid(order)
        if payment["order_id"] != order["id"] or payment["status"] != "failed":
            raise RazorpayError("Only a failed payment of this order can succeed late", field="payment_id")
        return payment

    def _capture(self, order: Entity, payment: Entity) -> list[Entity]:
        mark_paid(order)
        fee = (payment["amount"] * FEE_BASIS_POINTS + 5_000) // 10_000
        tax = (fee * TAX_ON_FEE_PERCENT + 50) // 100
        payment.update(status="captured", captured=True, base_amount=payment["amount"], fee=fee + tax, tax=tax)
        return [
            event_of("payment.captured", order["id"], payment=payment),
            event_of("order.paid", order["id"], payment=payment, order=order),
        ]


def declined(payment: Entity) -> dict[str, Any]:
    """What the browser's handler gets of a failed payment."""
    error = {name.removeprefix("error_"): payment[name] for name in NO_ERROR}
    return {"error": {**error, "metadata": {"order_id": payment["order_id"], "payment_id": payment["id"]}}}
