"""Checkout sessions: opened by the API, paid at the hosted page or by a test, expired; and their payments."""

import re
import time
from typing import Any, Literal
from urllib.parse import urlsplit

from aiohttp import web

from local.sandboxes.stripe import forms, page
from local.sandboxes.stripe.core import Core, Entity, new_id
from local.sandboxes.stripe.errors import StripeError

CREATE = (
    "adaptive_pricing",
    "cancel_url",
    "client_reference_id",
    "customer_email",
    "expand",
    "expires_at",
    "line_items",
    "metadata",
    "mode",
    "payment_intent_data",
    "success_url",
)
LEAST_AMOUNT = 50
"""Paise: Stripe's minimum for INR."""
LASTS_S = 24 * 3600
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
Outcome = Literal["paid", "declined", "processing"]
DECLINED: dict[str, Any] = {
    "code": "card_declined",
    "decline_code": "insufficient_funds",
    "message": "Your card has insufficient funds.",
    "type": "card_error",
    "payment_method": {"id": "pm_card_visa", "type": "card"},
}


class Checkout:
    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/checkout/sessions", self.create),
            web.get("/v1/checkout/sessions", self.list_all),
            web.get("/v1/checkout/sessions/{session_id}", self.retrieve),
            web.post("/v1/checkout/sessions/{session_id}/expire", self.expire),
            web.get("/v1/payment_intents/{intent_id}", self.intent),
            web.get("/pay/{session_id}", self.page),
            web.post("/pay/{session_id}", self.pay_at_page),
            web.post("/sandbox/sessions/{session_id}/pay", self.pay),
            web.post("/sandbox/sessions/{session_id}/settle", self.settle),
            web.post("/sandbox/sessions/{session_id}/lapse", self.lapse),
        ]

    async def create(self, request: web.Request) -> web.Response:
        params = await forms.read(request)
        forms.refuse_unknown(params, CREATE)
        if params.get("mode") != "payment":
            raise StripeError("This sandbox knows sessions in `payment` mode.", param="mode")
        amount, currency, name = _items(params)
        _check_address(params.get("customer_email"))
        success_url, cancel_url = (_url(params, one) for one in ("success_url", "cancel_url"))
        about = params.get("payment_intent_data") or {}
        now = int(time.time())
        session_id = new_id("cs_test_", 58)
        session: Entity = {
            "id": session_id,
            "object": "checkout.session",
            "amount_subtotal": amount,
            "amount_total": amount,
            "cancel_url": cancel_url,
            "client_reference_id": params.get("client_reference_id"),
            "created": now,
            "currency": currency,
            "customer": None,
            "customer_email": params.get("customer_email"),
            "expires_at": forms.whole(params, "expires_at") if "expires_at" in params else now + LASTS_S,
            "livemode": False,
            "metadata": forms.metadata(params),
            "mode": "payment",
            "payment_intent": None,
            "payment_method_types": ["card", "upi"],
            "payment_status": "unpaid",
            "status": "open",
            "success_url": success_url,
            "url": f"{self._core.url}/pay/{session_id}",
        }
        # Not in the answer: what its payment is made of.
        kept = {"name": name, "metadata": forms.metadata(about), "description": about.get("description")}
        self._core.add("sessions", session)
        self._core.add("terms", {"id": session_id, **kept})
        return web.json_response(self._core.expanded(session, params))

    async def list_all(self, request: web.Request) -> web.Response:
        params = await forms.read(request)
        where = {"payment_intent": params["payment_intent"]} if "payment_intent" in params else {}
        found = forms.page(self._core.all("sessions", **where), params, "/v1/checkout/sessions")
        found["data"] = [self._core.expanded(one, params, "data.") for one in found["data"]]
        return web.json_response(found)

    async def retrieve(self, request: web.Request) -> web.Response:
        params = await forms.read(request)
        return web.json_response(self._core.expanded(self._session(request), params))

    async def expire(self, request: web.Request) -> web.Response:
        session = self._session(request)
        if session["status"] != "open":
            raise StripeError('Only Checkout Sessions with a status in ["open"] can be expired.')
        self._expire(session)
        return web.json_response(session)

    async def intent(self, request: web.Request) -> web.Response:
        found = self._core.get("intents", request.match_info["intent_id"])
        return web.json_response(self._core.expanded(found, await forms.read(request)))

    async def page(self, request: web.Request) -> web.Response:
        session = self._session(request)
        name = self._core.get("terms", session["id"])["name"]
        return web.Response(text=page.checkout(session, name), content_type="text/html")

    async def pay_at_page(self, request: web.Request) -> web.Response:
        """The page's buttons. Paid, it leads on as Stripe's does."""
        outcome = str((await request.post()).get("outcome", "paid"))
        session = self._session(request)
        self._attempt(session, outcome)
        if outcome == "declined":
            name = self._core.get("terms", session["id"])["name"]
            return web.Response(text=page.checkout(session, name, DECLINED["message"]), content_type="text/html")
        raise web.HTTPSeeOther(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]))

    async def pay(self, request: web.Request) -> web.Response:
        """{"outcome": "paid" | "declined" | "processing" (a bank takes its time)}: the customer at the page."""
        session = self._session(request)
        self._attempt(session, str((await request.json()).get("outcome", "paid")))
        return web.json_response(session)

    async def settle(self, request: web.Request) -> web.Response:
        """{"outcome": "succeeded" | "failed"}: the bank's word on one that is processing."""
        session, outcome = self._session(request), (await request.json()).get("outcome")
        if session["status"] != "complete" or session["payment_status"] != "unpaid":
            raise StripeError("No bank is asked about this session")
        intent = self._core.get("intents", session["payment_intent"])
        if outcome == "succeeded":
            self._take(session, intent)
        else:
            intent.update(status="requires_payment_method", last_payment_error=DECLINED)
            self._core.webhooks.emit("payment_intent.payment_failed", intent, session["id"])
        self._core.webhooks.emit(f"checkout.session.async_payment_{outcome}", session, intent["id"])
        return web.json_response(session)

    async def lapse(self, request: web.Request) -> web.Response:
        """Its 24 hours are over."""
        session = self._session(request)
        if session["status"] == "open":
            self._expire(session)
        return web.json_response(session)

    def _session(self, request: web.Request) -> Entity:
        return self._core.get("sessions", request.match_info["session_id"])

    def _expire(self, session: Entity) -> None:
        session.update(status="expired", url=None)
        self._core.webhooks.emit("checkout.session.expired", session)

    def _attempt(self, session: Entity, outcome: str) -> None:
        if session["status"] != "open":
            raise StripeError(f"The session is {session['status']}")
        intent = self._intent(session)
        if outcome == "declined":
            intent.update(status="requires_payment_method", last_payment_error=DECLINED)
            self._core.webhooks.emit("payment_intent.payment_failed", intent, session["id"])
        elif outcome in {"paid", "processing"}:
            session.update(status="complete", url=None)
            if outcome == "paid":
                self._take(session, intent)
            else:
                intent["status"] = "processing"
            self._core.webhooks.emit("checkout.session.completed", session, intent["id"])
        else:
            raise StripeError("The outcome must be paid, declined or processing")

    def _intent(self, session: Entity) -> Entity:
        """The session's payment, made when somebody first tries to pay."""
        if session["payment_intent"] is not None:
            return self._core.get("intents", session["payment_intent"])
        terms = self._core.get("terms", session["id"])
        intent = self._core.add(
            "intents",
            {
                "id": new_id("pi_"),
                "object": "payment_intent",
                "amount": session["amount_total"],
                "amount_received": 0,
                "created": int(time.time()),
                "currency": session["currency"],
                "description": terms["description"],
                "last_payment_error": None,
                "latest_charge": None,
                "livemode": False,
                "metadata": terms["metadata"],
                "payment_method_types": ["card", "upi"],
                "status": "requires_payment_method",
            },
        )
        session["payment_intent"] = intent["id"]
        return intent

    def _take(self, session: Entity, intent: Entity) -> None:
        charge = self._core.add(
            "charges",
            {
                "id": new_id("ch_"),
                "object": "charge",
                "amount": intent["amount"],
                "amount_captured": intent["amount"],
                "amount_refunded": 0,
                "captured": True,
                "created": int(time.time()),
                "currency": intent["currency"],
                "disputed": False,
                "metadata": intent["metadata"],
                "paid": True,
                "payment_intent": intent["id"],
                "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}},
                "refunded": False,
                "status": "succeeded",
            },
        )
        intent.update(
            status="succeeded", amount_received=intent["amount"], latest_charge=charge["id"], last_payment_error=None
        )
        session["payment_status"] = "paid"
        self._core.webhooks.emit("payment_intent.succeeded", intent, session["id"])
        self._core.webhooks.emit("charge.succeeded", charge, intent["id"], session["id"])


def _items(params: dict[str, Any]) -> tuple[int, str, str]:
    """What is sold: amount, currency, name."""
    items = params.get("line_items")
    if not isinstance(items, list) or len(items) != 1:
        raise StripeError("This sandbox sells one line item.", param="line_items")
    price = items[0].get("price_data") or {}
    amount = forms.whole(price, "unit_amount") * forms.whole(items[0], "quantity")
    currency = forms.text(price, "currency")
    if currency != "inr":
        raise StripeError(f"Invalid currency: {currency}", param="line_items[0][price_data][currency]")
    if amount < LEAST_AMOUNT:
        raise StripeError("The Checkout Session's total amount due must add up to at least ₹0.50 inr")
    return amount, currency, forms.text(price.get("product_data") or {}, "name")


def _check_address(address: Any) -> None:
    if address is not None and not _ADDRESS.fullmatch(str(address)):
        raise StripeError(f"Invalid email address: {address}", code="email_invalid", param="customer_email")


def _url(params: dict[str, Any], name: str) -> str:
    address = forms.text(params, name)
    if urlsplit(address).scheme not in {"http", "https"}:
        raise StripeError("Not a valid URL", code="url_invalid", param=name)
    return address
