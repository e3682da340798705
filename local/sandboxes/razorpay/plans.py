"""Plans: what subscriptions charge, and how often. Never changed or deleted."""

import time
from typing import Any

from aiohttp import web

from local.sandboxes.razorpay.core import Core
from local.sandboxes.razorpay.errors import RazorpayError
from local.sandboxes.razorpay.http import CURRENCY, amount_of, check_currency, notes_of, page_of, read_fields
from local.sandboxes.razorpay.state import Entity, State, new_id

PERIODS = ("daily", "weekly", "monthly", "quarterly", "yearly")


def plan_of(state: State, plan_id: Any) -> Entity:
    """Raises RazorpayError for a malformed or unknown id."""
    return state.get("plans", "plan_", str(plan_id))


class Plans:
    def __init__(self, core: Core) -> None:
        self._state = core.state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/plans", self.create),
            web.get("/v1/plans", self.list_all),
            web.get("/v1/plans/{plan_id}", self.fetch),
        ]

    async def create(self, request: web.Request) -> web.Response:
        body = await read_fields(request, ("period", "interval", "item", "notes"))
        item, interval = body.get("item"), body.get("interval")
        if body.get("period") not in PERIODS:
            raise RazorpayError(f"The period must be one of {', '.join(PERIODS)}.", field="period")
        if not isinstance(interval, int) or isinstance(interval, bool) or interval < 1:
            raise RazorpayError("The interval must be at least 1.", field="interval")
        if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item["name"]:
            raise RazorpayError("The item name field is required.", field="item")
        amount = amount_of(item)
        check_currency(item, required=True)
        now = int(time.time())
        plan = {
            "id": new_id("plan_"),
            "entity": "plan",
            "interval": interval,
            "period": body["period"],
            "item": {
                "id": new_id("item_"),
                "active": True,
                "name": item["name"],
                "description": item.get("description"),
                "amount": amount,
                "unit_amount": amount,
                "currency": CURRENCY,
                "type": "plan",
                "unit": None,
                "tax_inclusive": False,
                "hsn_code": None,
                "sac_code": None,
                "tax_rate": None,
                "tax_id": None,
                "tax_group_id": None,
                "created_at": now,
                "updated_at": now,
            },
            "notes": notes_of(body),
            "created_at": now,
        }
        return web.json_response(self._state.add("plans", plan))

    async def list_all(self, request: web.Request) -> web.Response:
        return page_of(request, self._state.all("plans"))

    async def fetch(self, request: web.Request) -> web.Response:
        return web.json_response(plan_of(self._state, request.match_info["plan_id"]))
