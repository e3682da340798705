"""Refunds of captured payments, whole or in parts, processed at once unless a fault says otherwise."""

import hashlib
import json
import re
import secrets
import time
from typing import Any

from aiohttp import web

from local.sandboxes.razorpay.core import Core
from local.sandboxes.razorpay.errors import RazorpayError, not_applicable
from local.sandboxes.razorpay.http import CURRENCY, amount_of, notes_of, page_of, read_fields, receipt_of
from local.sandboxes.razorpay.state import Entity, new_id
from local.sandboxes.razorpay.webhooks import event_of

REFUND_FIELDS = ("amount", "speed", "notes", "receipt")
SPEEDS = ("normal", "optimum")
MIN_KEY_CHARACTERS = 10
KEY_CHARACTERS = re.compile(r"[A-Za-z0-9_-]+")


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("X-Refund-Idempotency")
    if key is None:
        return None
    if len(key) < MIN_KEY_CHARACTERS:
        raise not_applicable(f"The idempotency key must be at least {MIN_KEY_CHARACTERS} characters long.")
    if not KEY_CHARACTERS.fullmatch(key):
        raise not_applicable(
            "The idempotency key must only contain alphanumeric characters, underscores, and hyphens",
        )
    return f"refund:{key}"


class Refunds:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._state = core.state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/payments/{payment_id}/refund", self.create),
            web.get("/v1/payments/{payment_id}/refunds", self.list_of_payment),
            web.get("/v1/payments/{payment_id}/refunds/{refund_id}", self.fetch),
            web.post("/v1/refunds", self.create),
            web.get("/v1/refunds", self.list_all),
            web.get("/v1/refunds/{refund_id}", self.fetch),
            web.patch("/v1/refunds/{refund_id}", self.edit),
            web.post("/sandbox/refunds/{refund_id}", self.resolve),
            web.post("/sandbox/payments/{payment_id}/lapse", self.lapse),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Refund a payment; without an amount, all that is left. `X-Refund-Idempotency` makes repeats harmless."""
        in_path = request.match_info.get("payment_id")
        body = await read_fields(request, REFUND_FIELDS if in_path else (*REFUND_FIELDS, "payment_id"))
        payment_id = in_path or str(body.get("payment_id", ""))
        key = _idempotency_key(request)
        fingerprint = hashlib.sha256(json.dumps([payment_id, body], sort_keys=True).encode()).hexdigest()
        recorded = self._state.idempotency.get(key) if key else None
        if recorded is None:
            payment = self._state.payment(payment_id)
            refund = self._refund(payment, body)
            if key:
                # The answer of that moment: a repeat gets the same one, whatever became of the refund since.
                self._state.remember(key, {"fingerprint": fingerprint, "answer": dict(refund)})
            return web.json_response(refund)
        if recorded["fingerprint"] != fingerprint:
            raise not_applicable("Different request with the same idempotency key has already been processed.", 409)
        return web.json_response(recorded["answer"])

    async def list_all(self, request: web.Request) -> web.Response:
        return page_of(request, self._state.all("refunds"))

    async def list_of_payment(self, request: web.Request) -> web.Response:
        payment = self._state.payment(request.match_info["payment_id"])
        refunds = self._state.all("refunds")
        return page_of(request, [refund for refund in refunds if refund["payment_id"] == payment["id"]])

    async def fetch(self, request: web.Request) -> web.Response:
        refund = self._state.refund(request.match_info["refund_id"])
        if request.match_info.get("payment_id", refund["payment_id"]) != refund["payment_id"]:
            raise not_applicable("The id provided does not exist")
        return web.json_response(refund)

    async def edit(self, request: web.Request) -> web.Response:
        refund = self._state.refund(request.match_info["refund_id"])
        refund["notes"] = notes_of(await read_fields(request, ("notes",)))
        return web.json_response(refund)

    async def resolve(self, request: web.Request) -> web.Response:
        """The bank's word on a pending refund: {"outcome": "processed" | "failed"}."""
        refund = self._state.refund(request.match_info["refund_id"])
        outcome = (await read_fields(request, ("outcome",))).get("outcome")
        if outcome not in ("processed", "failed"):
            raise RazorpayError("The outcome must be processed or failed.", field="outcome")
        if refund["status"] != "pending":
            raise RazorpayError(f"The refund is {refund['status']} already")
        self._core.webhooks.emit(self._resolve(refund, outcome))
        return web.json_response(refund)

    async def lapse(self, request: web.Request) -> web.Response:
        """Nobody has captured it in time, and Razorpay gives it back by itself: refunded, and never captured."""
        payment = self._state.payment(request.match_info["payment_id"])
        if payment["status"] != "authorized":
            raise RazorpayError(f"The payment is {payment['status']} already")
        return web.json_response(self._give_back(payment, payment["amount"], {}))

    def _refund(self, payment: Entity, body: dict[str, Any]) -> Entity:
        left = payment["amount"] - payment["amount_refunded"]
        amount = amount_of(body) if body.get("amount") is not None else left
        if body.get("speed", "normal") not in SPEEDS:
            raise RazorpayError("The speed must be normal or optimum.", field="speed")
        if not payment["captured"]:
            raise RazorpayError("The payment status should be captured for action to be taken")
        if left == 0:
            raise RazorpayError("The payment has been fully refunded already")
        if amount > payment["amount"]:
            raise RazorpayError("The refund amount provided is greater than amount captured", field="amount")
        if amount > left:
            raise RazorpayError("The total refund amount is greater than the refund payment amount", field="amount")
        return self._give_back(payment, amount, body)

    def _give_back(self, payment: Entity, amount: int, body: dict[str, Any]) -> Entity:
        outcome = self._core.faults.refund_outcome(self._core.order_of(payment))
        refund = {
            "id": new_id("rfnd_"),
            "entity": "refund",
            "amount": amount,
            "currency": CURRENCY,
            "payment_id": payment["id"],
            "notes": notes_of(body),
            "receipt": receipt_of(body),
            "acquirer_data": {"arn": None},
            "created_at": int(time.time()),
            "batch_id": None,
            "status": "processed" if outcome == "processed" else "pending",
            "speed_processed": "normal",
            "speed_requested": body.get("speed", "normal"),
        }
        self._state.add("refunds", refund)
        self._count(payment, amount)
        events = [event_of("refund.created", payment["order_id"], refund=refund, payment=payment)]
        answer = dict(refund)
        if outcome != "pending":
            events.append(self._resolve(refund, outcome))
        self._core.webhooks.emit(*events)
        return answer

    def _resolve(self, refund: Entity, outcome: str) -> Entity:
        """Bring a refund to its end and return the event that tells it. A failed one gives the amount back."""
        payment = self._state.payment(refund["payment_id"])
        refund["status"] = outcome
        if outcome == "failed":
            self._count(payment, -refund["amount"])
        else:
            refund["acquirer_data"] = {"arn": str(secrets.randbelow(10**14)).zfill(14)}
        return event_of(f"refund.{outcome}", payment["order_id"], refund=refund, payment=payment)

    def _count(self, payment: Entity, amount: int) -> None:
        refunded = payment["amount_refunded"] + amount
        assert 0 <= refunded <= payment["amount"], "refunds stay within the captured amount"
        whole = refunded == payment["amount"]
        payment.update(
            amount_refunded=refunded,
            refund_status="full" if whole else "partial" if refunded else None,
            status="refunded" if whole else "captured" if payment["captured"] else "authorized",
        )
