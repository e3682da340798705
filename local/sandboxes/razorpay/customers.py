"""Customers: who pays. With `fail_existing` 0 the same address and number again are the same customer."""

import time
from typing import Any

from aiohttp import web

from local.sandboxes.razorpay.core import Core
from local.sandboxes.razorpay.errors import RazorpayError
from local.sandboxes.razorpay.http import notes_of, page_of, read_fields
from local.sandboxes.razorpay.state import Entity, State, new_id

FIELDS = ("name", "email", "contact", "fail_existing", "gstin", "notes")
EDIT_FIELDS = ("name", "email", "contact", "gstin")
LIMITS = {"name": (3, 50), "email": (3, 64), "contact": (8, 15), "gstin": (15, 15)}
PUNCTUATION = " .'/@()"


def customer_of(state: State, body: dict[str, Any]) -> dict[str, str]:
    """The field of an order that names a customer. Raises RazorpayError for one that does not exist."""
    customer_id = body.get("customer_id")
    if customer_id is None:
        return {}
    return {"customer_id": state.get("customers", "cust_", str(customer_id))["id"]}


class Customers:
    def __init__(self, core: Core) -> None:
        self._state = core.state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/customers", self.create),
            web.get("/v1/customers", self.list_all),
            web.get("/v1/customers/{customer_id}", self.fetch),
            web.put("/v1/customers/{customer_id}", self.edit),
        ]

    async def create(self, request: web.Request) -> web.Response:
        body = await read_fields(request, FIELDS)
        details = _details(body)
        existing = self._same(details)
        if existing is not None:
            if str(body.get("fail_existing", "1")) != "0":
                raise RazorpayError("Customer already exists for the merchant")
            return web.json_response(existing)
        customer = {
            "id": new_id("cust_"),
            "entity": "customer",
            **details,
            "notes": notes_of(body),
            "created_at": int(time.time()),
        }
        return web.json_response(self._state.add("customers", customer))

    async def list_all(self, request: web.Request) -> web.Response:
        return page_of(request, self._state.all("customers"))

    async def fetch(self, request: web.Request) -> web.Response:
        return web.json_response(self._customer(request))

    async def edit(self, request: web.Request) -> web.Response:
        customer = self._customer(request)
        body = await read_fields(request, EDIT_FIELDS)
        details = _details({**customer, **body})
        if self._same(details) not in (None, customer):
            raise RazorpayError("Customer already exists for the merchant")
        customer.update(details)
        return web.json_response(customer)

    def _customer(self, request: web.Request) -> Entity:
        return self._state.get("customers", "cust_", request.match_info["customer_id"])

    def _same(self, details: dict[str, Any]) -> Entity | None:
        who = (details["email"], details["contact"])
        return next((one for one in self._state.all("customers") if (one["email"], one["contact"]) == who), None)


def _details(body: dict[str, Any]) -> dict[str, Any]:
    for name, (least, most) in LIMITS.items():
        value = body.get(name)
        if value is not None and (not isinstance(value, str) or not least <= len(value) <= most):
            raise RazorpayError(f"The {name} must be between {least} and {most} characters.", field=name)
    named = body.get("name") or ""
    if not all(character.isascii() and (character.isalnum() or character in PUNCTUATION) for character in named):
        raise RazorpayError("The name format is invalid.", field="name")
    if "@" not in (body.get("email") or "@"):
        raise RazorpayError("The email must be a valid email address.", field="email")
    return {name: body.get(name) for name in LIMITS}
