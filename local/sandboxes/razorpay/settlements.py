"""Settlements: what the account is paid of its captured payments, less fees and refunds; and the recon report."""

import time
from datetime import datetime, timedelta, timezone
from typing import Any

from aiohttp import web

from local.sandboxes.razorpay.core import Core
from local.sandboxes.razorpay.errors import RazorpayError
from local.sandboxes.razorpay.http import CURRENCY, number_of, page_of, read_fields
from local.sandboxes.razorpay.state import Entity, new_id

RECON_MAX_COUNT = 1000
# The report's days are India's.
IST = timezone(timedelta(hours=5, minutes=30))


class Settlements:
    """In production the account is settled two days after capture; here when POST /sandbox/settlements says so."""

    def __init__(self, core: Core) -> None:
        self._state = core.state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/settlements", self.list_all),
            web.get("/v1/settlements/recon/combined", self.recon),
            web.get("/v1/settlements/{settlement_id}", self.fetch),
            web.post("/sandbox/settlements", self.settle),
        ]

    async def list_all(self, request: web.Request) -> web.Response:
        return page_of(request, self._state.all("settlements"))

    async def fetch(self, request: web.Request) -> web.Response:
        return web.json_response(self._state.get("settlements", "setl_", request.match_info["settlement_id"]))

    async def recon(self, request: web.Request) -> web.Response:
        """What was settled in a month, or on a day of it."""
        wanted: list[int] = []
        for name, least, most in (("year", 2000, 2100), ("month", 1, 12), ("day", 1, 31)):
            given = number_of(request, name, 0)
            if not given and name == "day":
                continue
            if not least <= given <= most:
                raise RazorpayError(f"The {name} field is required." if not given else f"The {name} is invalid.")
            wanted.append(given)
        count, skip = number_of(request, "count", 10), number_of(request, "skip", 0)
        if not 1 <= count <= RECON_MAX_COUNT:
            raise RazorpayError(f"The count must be between 1 and {RECON_MAX_COUNT}.", field="count")
        found = [row for row in self._state.all("settlement_rows") if _day(row)[: len(wanted)] == wanted]
        items = [{name: value for name, value in row.items() if name != "id"} for row in found[skip : skip + count]]
        return web.json_response({"entity": "collection", "count": len(items), "items": items})

    async def settle(self, request: web.Request) -> web.Response:
        """Settle everything captured or refunded and not settled yet: {"at"?: Unix seconds}. Answers the settlement."""
        body = await read_fields(request, ("at",))
        at = int(body.get("at") or time.time())
        settlement_id, utr = new_id("setl_"), f"{at}{new_id()[:6].lower()}"
        rows = [
            *(self._payment(payment) for payment in self._state.all("payments") if payment["captured"]),
            *(self._refund(refund) for refund in self._state.all("refunds") if refund["status"] == "processed"),
        ]
        rows = [row for row in rows if self._state.find("settlement_rows", row["id"]) is None]
        if not rows:
            raise RazorpayError("There is nothing to settle")
        for row in rows:
            row.update(settlement_id=settlement_id, settlement_utr=utr, settled_at=at)
            self._state.add("settlement_rows", row)
        settlement = {
            "id": settlement_id,
            "entity": "settlement",
            "amount": sum(row["credit"] - row["debit"] for row in rows),
            "status": "processed",
            "fees": sum(row["fee"] for row in rows),
            "tax": sum(row["tax"] for row in rows),
            "utr": utr,
            "created_at": at,
        }
        return web.json_response(self._state.add("settlements", settlement))

    def _payment(self, payment: Entity) -> Entity:
        return self._row(payment, payment, "payment", credit=payment["amount"] - payment["fee"], fee=payment["fee"])

    def _refund(self, refund: Entity) -> Entity:
        payment = self._state.payment(refund["payment_id"])
        return {**self._row(refund, payment, "refund", debit=refund["amount"]), "payment_id": payment["id"]}

    def _row(
        self, entity: Entity, payment: Entity, kind: str, *, debit: int = 0, credit: int = 0, fee: int = 0
    ) -> dict[str, Any]:
        card = payment.get("card") or {}
        order = self._state.find("orders", payment["order_id"]) or {}
        return {
            "id": entity["id"],
            "entity_id": entity["id"],
            "type": kind,
            "debit": debit,
            "credit": credit,
            "amount": entity["amount"],
            "currency": CURRENCY,
            "fee": fee,
            "tax": payment["tax"] if fee else 0,
            "on_hold": False,
            "settled": True,
            "created_at": entity["created_at"],
            "posted_at": None,
            "credit_type": "default",
            "description": payment["description"],
            "notes": entity["notes"],
            "payment_id": None,
            "order_id": payment["order_id"],
            "order_receipt": order.get("receipt"),
            "method": payment["method"],
            "card_network": card.get("network"),
            "card_issuer": card.get("issuer"),
            "card_type": card.get("type"),
            "dispute_id": None,
        }


def _day(row: Entity) -> list[int]:
    settled = datetime.fromtimestamp(row["settled_at"], IST)
    return [settled.year, settled.month, settled.day]
