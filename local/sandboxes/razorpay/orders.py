"""Orders: created → attempted → paid, and paid for good."""

import time

from aiohttp import web

from local.sandboxes.razorpay.core import Core
from local.sandboxes.razorpay.customers import customer_of
from local.sandboxes.razorpay.errors import RazorpayError
from local.sandboxes.razorpay.http import (
    CURRENCY,
    amount_of,
    check_currency,
    notes_of,
    page_of,
    read_fields,
    receipt_of,
)
from local.sandboxes.razorpay.state import Entity, new_id

CREATE_FIELDS = ("amount", "currency", "receipt", "notes", "payment_capture", "customer_id")


def record_attempt(order: Entity) -> None:
    """Count a payment attempt. Raises RazorpayError once the order is paid."""
    if order["status"] == "paid":
        raise already_paid(order)
    order["status"] = "attempted"
    order["attempts"] += 1


def mark_paid(order: Entity) -> None:
    if order["status"] == "paid":
        raise already_paid(order)
    order.update(status="paid", amount_paid=order["amount"], amount_due=0)


def already_paid(order: Entity) -> RazorpayError:
    return RazorpayError(
        "Your payment has been declined as the order is already paid",
        reason="order_already_paid",
        metadata={"order_id": order["id"]},
    )


class Orders:
    def __init__(self, core: Core) -> None:
        self._state = core.state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/orders", self.create),
            web.get("/v1/orders", self.list_all),
            web.get("/v1/orders/{order_id}", self.fetch),
            web.patch("/v1/orders/{order_id}", self.edit),
            web.get("/v1/orders/{order_id}/payments", self.payments),
        ]

    async def create(self, request: web.Request) -> web.Response:
        body = await read_fields(request, CREATE_FIELDS)
        amount = amount_of(body)
        check_currency(body, required=True)
        order = {
            "id": new_id("order_"),
            "entity": "order",
            "amount": amount,
            "amount_paid": 0,
            "amount_due": amount,
            "currency": CURRENCY,
            "receipt": receipt_of(body),
            "offer_id": None,
            "status": "created",
            "attempts": 0,
            "notes": notes_of(body),
            **customer_of(self._state, body),
            "created_at": int(time.time()),
        }
        return web.json_response(self._state.add("orders", order))

    async def list_all(self, request: web.Request) -> web.Response:
        receipt = request.query.get("receipt")
        orders = self._state.all("orders")
        return page_of(request, [order for order in orders if receipt is None or order["receipt"] == receipt])

    async def fetch(self, request: web.Request) -> web.Response:
        return web.json_response(self._state.order(request.match_info["order_id"]))

    async def edit(self, request: web.Request) -> web.Response:
        order = self._state.order(request.match_info["order_id"])
        order["notes"] = notes_of(await read_fields(request, ("notes",)))
        return web.json_response(order)

    async def payments(self, request: web.Request) -> web.Response:
        order = self._state.order(request.match_info["order_id"])
        items = [payment for payment in self._state.all("payments") if payment["order_id"] == order["id"]]
        return web.json_response({"entity": "collection", "count": len(items), "items": items})
