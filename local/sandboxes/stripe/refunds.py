"""Refunds by the API and in the dashboard, and disputes."""

import time
from typing import Any

from aiohttp import web

from local.sandboxes.stripe import forms
from local.sandboxes.stripe.core import Core, Entity, new_id
from local.sandboxes.stripe.errors import StripeError, required

CREATE = ("amount", "charge", "expand", "metadata", "payment_intent", "reason")

_REASONS = {"failed": "lost_or_stolen_card", "canceled": "merchant_request"}


class Refunds:
    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/refunds", self.create),
            web.get("/v1/refunds", self.list_all),
            web.get("/v1/refunds/{refund_id}", self.retrieve),
            web.get("/v1/disputes", self.list_disputes),
            web.post("/sandbox/payments/{intent_id}/refund", self.by_hand),
            web.post("/sandbox/refunds/{refund_id}", self.resolve),
            web.post("/sandbox/payments/{intent_id}/dispute", self.dispute),
            web.post("/sandbox/disputes/{dispute_id}", self.decide),
        ]

    async def create(self, request: web.Request) -> web.Response:
        params = await forms.read(request)
        forms.refuse_unknown(params, CREATE)
        if "payment_intent" not in params:
            raise required("payment_intent")
        intent = self._core.get("intents", str(params["payment_intent"]), "payment_intent")
        amount = forms.whole(params, "amount") if "amount" in params else None
        return web.json_response(self._refund(intent, amount, forms.metadata(params)))

    async def list_all(self, request: web.Request) -> web.Response:
        return self._of_payment("refunds", await forms.read(request))

    async def list_disputes(self, request: web.Request) -> web.Response:
        return self._of_payment("disputes", await forms.read(request))

    async def retrieve(self, request: web.Request) -> web.Response:
        return web.json_response(self._core.get("refunds", request.match_info["refund_id"]))

    async def by_hand(self, request: web.Request) -> web.Response:
        """{"amount"?}: somebody at the dashboard."""
        intent = self._core.get("intents", request.match_info["intent_id"])
        return web.json_response(self._refund(intent, (await request.json()).get("amount"), {}))

    async def resolve(self, request: web.Request) -> web.Response:
        """{"outcome": "succeeded" | "failed" | "canceled", "reason"?}: the bank's word, or somebody's at the
        dashboard."""
        body = await request.json()
        refund, outcome = self._core.get("refunds", request.match_info["refund_id"]), body["outcome"]
        refund["status"] = outcome
        if outcome != "succeeded":
            refund["failure_reason"] = body.get("reason") or _REASONS[outcome]
            refund["failure_balance_transaction"] = new_id("txn_")
            self._count(refund["charge"], -refund["amount"])
        for event in ("refund.failed",) * (outcome == "failed") + ("refund.updated", "charge.refund.updated"):
            self._core.webhooks.emit(event, refund, refund["payment_intent"])
        return web.json_response(refund)

    async def dispute(self, request: web.Request) -> web.Response:
        """{"amount"?}: the customer at their bank."""
        intent = self._core.get("intents", request.match_info["intent_id"])
        charge = self._core.get("charges", intent["latest_charge"])
        charge["disputed"] = True
        dispute = self._core.add(
            "disputes",
            {
                "id": new_id("dp_"),
                "object": "dispute",
                "amount": (await request.json()).get("amount") or charge["amount"],
                "charge": charge["id"],
                "created": int(time.time()),
                "currency": charge["currency"],
                "metadata": {},
                "payment_intent": intent["id"],
                "reason": "fraudulent",
                "status": "needs_response",
            },
        )
        self._core.webhooks.emit("charge.dispute.created", dispute, intent["id"])
        return web.json_response(dispute)

    async def decide(self, request: web.Request) -> web.Response:
        """{"status": "won" | "lost"}: the bank's decision."""
        dispute = self._core.get("disputes", request.match_info["dispute_id"])
        dispute["status"] = (await request.json())["status"]
        self._core.webhooks.emit("charge.dispute.closed", dispute, dispute["payment_intent"])
        return web.json_response(dispute)

    def _of_payment(self, collection: str, params: dict[str, Any]) -> web.Response:
        where = {"payment_intent": params["payment_intent"]} if "payment_intent" in params else {}
        return web.json_response(forms.page(self._core.all(collection, **where), params, f"/v1/{collection}"))

    def _refund(self, intent: Entity, amount: int | None, metadata: dict[str, str]) -> Entity:
        if intent["status"] != "succeeded":
            raise StripeError("This PaymentIntent does not have a successful charge to refund.")
        charge = self._core.get("charges", intent["latest_charge"])
        left = charge["amount"] - charge["amount_refunded"]
        contested = {"needs_response", "under_review", "lost"}
        if any(one["status"] in contested for one in self._core.all("disputes", payment_intent=intent["id"])):
            raise StripeError(f"Charge {charge['id']} has been charged back.", code="charge_disputed")
        if not left:
            raise StripeError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
        if (amount or left) > left:
            text = f"Refund amount (₹{(amount or 0) / 100}) is greater than unrefunded amount on charge (₹{left / 100})"
            raise StripeError(text, param="amount")
        status = self._core.refunds_are
        refund = self._core.add(
            "refunds",
            {
                "id": new_id("re_"),
                "object": "refund",
                "amount": amount or left,
                "charge": charge["id"],
                "created": int(time.time()),
                "currency": charge["currency"],
                "metadata": metadata,
                "payment_intent": intent["id"],
                "reason": None,
                "status": status,
            },
        )
        self._count(charge["id"], refund["amount"])
        self._core.webhooks.emit("refund.created", dict(refund), intent["id"])
        self._core.webhooks.emit("charge.refunded", dict(charge), intent["id"])
        return refund

    def _count(self, charge_id: str, amount: int) -> None:
        charge = self._core.get("charges", charge_id)
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
