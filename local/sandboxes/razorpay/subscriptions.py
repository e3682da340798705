"""Subscriptions and their invoices. Nothing is charged by itself: the months go by on request.

`POST /sandbox/subscriptions/{id}/pay` is the customer at the checkout (`at`, Unix seconds: when that is), `/charge` the
next month's charge or a retry of one that failed, `/state` what a person does in the dashboard.
"""

import hashlib
import hmac
import time
from calendar import monthrange
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from local.sandboxes.razorpay.core import Core
from local.sandboxes.razorpay.errors import RazorpayError
from local.sandboxes.razorpay.http import CURRENCY, notes_of, page_of, read_fields
from local.sandboxes.razorpay.payments import Payments, declined
from local.sandboxes.razorpay.plans import plan_of
from local.sandboxes.razorpay.state import Entity, new_id
from local.sandboxes.razorpay.webhooks import event_of

CREATE_FIELDS = (
    "plan_id",
    "total_count",
    "quantity",
    "customer_notify",
    "start_at",
    "expire_by",
    "addons",
    "offer_id",
    "notes",
    "notify_info",
)
OVER = ("cancelled", "completed", "expired")
MAX_FAILURES = 4
"""The first try of a charge and three more: then the subscription is halted."""
BY_HAND = {
    "paused": {"active"},
    "resumed": {"paused"},
    "cancelled": {"created", "active", "pending", "halted", "paused"},
    "expired": {"created"},
}
"""What `/state` takes, and from which states."""


def subscription_signature(subscription_id: str, payment_id: str, key_secret: str) -> str:
    """Hex HMAC-SHA256 of `payment_id|subscription_id`, which the browser's handler passes on."""
    return hmac.new(key_secret.encode(), f"{payment_id}|{subscription_id}".encode(), hashlib.sha256).hexdigest()


def month_later(moment: int) -> int:
    """The same day and hour of the next month, or its last day."""
    then = datetime.fromtimestamp(moment, UTC)
    year, month = then.year + then.month // 12, then.month % 12 + 1
    return int(then.replace(year=year, month=month, day=min(then.day, monthrange(year, month)[1])).timestamp())


class Subscriptions:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._state = core.state
        self._payments = Payments(core)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/subscriptions", self.create),
            web.get("/v1/subscriptions", self.list_all),
            web.get("/v1/subscriptions/{subscription_id}", self.fetch),
            web.patch("/v1/subscriptions/{subscription_id}", self.edit),
            web.post("/v1/subscriptions/{subscription_id}/cancel", self.cancel),
            web.post("/v1/subscriptions/{subscription_id}/cancel_scheduled_changes", self.keep),
            web.get("/v1/invoices", self.invoices),
            web.post("/sandbox/subscriptions/{subscription_id}/pay", self.pay),
            web.post("/sandbox/subscriptions/{subscription_id}/charge", self.charge),
            web.post("/sandbox/subscriptions/{subscription_id}/state", self.move),
        ]

    async def create(self, request: web.Request) -> web.Response:
        body = await read_fields(request, CREATE_FIELDS)
        plan, total = plan_of(self._state, body.get("plan_id")), body.get("total_count")
        if not isinstance(total, int) or isinstance(total, bool) or not 1 <= total <= 1200:
            raise RazorpayError("The total count must be between 1 and 1200.", field="total_count")
        now, expire_by = int(time.time()), body.get("expire_by")
        if expire_by is not None and (not isinstance(expire_by, int) or isinstance(expire_by, bool)):
            raise RazorpayError("The expire_by must be a timestamp.", field="expire_by")
        subscription_id = new_id("sub_")
        subscription = {
            "id": subscription_id,
            "entity": "subscription",
            "plan_id": plan["id"],
            "customer_id": None,
            "status": "created",
            "current_start": None,
            "current_end": None,
            "ended_at": None,
            "quantity": 1,
            "notes": notes_of(body),
            "charge_at": None,
            "start_at": None,
            "end_at": None,
            "auth_attempts": 0,
            "total_count": total,
            "paid_count": 0,
            "customer_notify": body.get("customer_notify", True) not in (False, 0),
            "created_at": now,
            "expire_by": expire_by,
            "short_url": f"https://rzp.io/i/{subscription_id[-8:]}",
            "has_scheduled_changes": False,
            "change_scheduled_at": None,
            "source": "api",
            "payment_method": None,
            "offer_id": None,
            "remaining_count": total,
        }
        return web.json_response(self._state.add("subscriptions", subscription))

    async def list_all(self, request: web.Request) -> web.Response:
        plan_id = request.query.get("plan_id")
        found = [one for one in self._state.all("subscriptions") if plan_id is None or one["plan_id"] == plan_id]
        return page_of(request, found)

    async def fetch(self, request: web.Request) -> web.Response:
        return web.json_response(self._subscription(request))

    async def edit(self, request: web.Request) -> web.Response:
        """Another plan, at the cycle's end: a card's mandate allows it, UPI's does not."""
        subscription = self._subscription(request)
        fields = (
            "plan_id",
            "quantity",
            "remaining_count",
            "start_at",
            "schedule_change_at",
            "customer_notify",
            "offer_id",
        )
        body = await read_fields(request, fields)
        if subscription["status"] not in ("authenticated", "active"):
            raise RazorpayError(f"Subscription is not updatable in {subscription['status']} status.")
        if subscription["payment_method"] == "upi":
            raise RazorpayError("Subscriptions cannot be updated when payment mode is upi")
        plan = plan_of(self._state, body.get("plan_id"))
        if body.get("schedule_change_at") != "cycle_end":
            raise RazorpayError("Only changes at the cycle_end are known here.", field="schedule_change_at")
        subscription.update(has_scheduled_changes=True, change_scheduled_at=subscription["current_end"])
        self._state.add("scheduled_changes", {"id": subscription["id"], "plan_id": plan["id"]})
        self._tell(subscription, "subscription.updated")
        return web.json_response(subscription)

    async def keep(self, request: web.Request) -> web.Response:
        subscription = self._subscription(request)
        if not subscription["has_scheduled_changes"]:
            raise RazorpayError("No scheduled changes exist for this subscription")
        subscription.update(has_scheduled_changes=False, change_scheduled_at=None)
        return web.json_response(subscription)

    async def cancel(self, request: web.Request) -> web.Response:
        """At once, or with `cancel_at_cycle_end` before the next charge."""
        subscription = self._subscription(request)
        body = await read_fields(request, ("cancel_at_cycle_end",))
        if subscription["status"] in OVER:
            raise RazorpayError(f"Subscription is not cancellable in {subscription['status']} status.")
        if body.get("cancel_at_cycle_end") in (True, 1):
            if subscription["status"] != "active":
                raise RazorpayError("Subscription cannot be cancelled since no billing cycle is going on")
            subscription["end_at"] = subscription["current_end"]
            return web.json_response(subscription)
        self._end(subscription, "cancelled", int(time.time()))
        return web.json_response(subscription)

    async def invoices(self, request: web.Request) -> web.Response:
        wanted = request.query.get("subscription_id")
        found = [one for one in self._state.all("invoices") if wanted in (None, one["subscription_id"])]
        return page_of(request, found)

    def _subscription(self, request: web.Request) -> Entity:
        return self._state.get("subscriptions", "sub_", request.match_info["subscription_id"])

    # The customer, and time

    async def pay(self, request: web.Request) -> web.Response:
        """The customer at the checkout: {"outcome"?: "captured" | "failed", "method"?, "at"?}. The first month is paid
        and the mandate given. Answers what the browser's handler gets."""
        subscription = self._subscription(request)
        body = await read_fields(request, ("outcome", "method", "at"))
        if subscription["status"] != "created":
            raise RazorpayError(f"The subscription is {subscription['status']}: its mandate was given.")
        at = _moment(body)
        subscription["auth_attempts"] += 1
        if body.get("outcome") == "failed":
            invoice = self._invoice(subscription, at, month_later(at))
            method = body.get("method", "card")
            payment, events = self._payments.charge(self._order(invoice), method, {}, failed=True)
            self._state.collections["invoices"].pop(invoice["id"])
            self._core.webhooks.emit(*events)
            return web.json_response(declined(payment))
        subscription.update(
            customer_id=new_id("cust_"),
            payment_method=body.get("method", "card"),
            start_at=at,
            current_start=at,
            current_end=month_later(at),
        )
        payment = self._charged(subscription, self._invoice(subscription, at, month_later(at)), first=True)
        return web.json_response(
            {
                "razorpay_payment_id": payment["id"],
                "razorpay_subscription_id": subscription["id"],
                "razorpay_signature": subscription_signature(subscription["id"], payment["id"], self._core.key_secret),
            }
        )

    async def charge(self, request: web.Request) -> web.Response:
        """The next month, or once more the one whose charge failed: {"outcome"?: "captured" | "failed"}."""
        subscription = self._subscription(request)
        body = await read_fields(request, ("outcome",))
        if subscription["status"] not in ("active", "pending", "halted"):
            raise RazorpayError(f"The subscription is {subscription['status']}: nothing is charged.")
        if subscription["status"] == "active":
            if subscription["end_at"] == subscription["current_end"]:
                self._end(subscription, "cancelled", subscription["current_end"])
                return web.json_response(subscription)
            start = subscription["current_end"]
            subscription.update(current_start=start, current_end=month_later(start))
            if subscription["has_scheduled_changes"]:
                change = self._state.collections["scheduled_changes"][subscription["id"]]
                subscription.update(plan_id=change["plan_id"], has_scheduled_changes=False, change_scheduled_at=None)
            self._invoice(subscription, start, subscription["current_end"])
        bills = [one for one in self._state.all("invoices") if one["subscription_id"] == subscription["id"]]
        invoice = bills[-1]
        if body.get("outcome") == "failed":
            self._failed(subscription, invoice)
        else:
            self._charged(subscription, invoice, first=False)
        return web.json_response(subscription)

    async def move(self, request: web.Request) -> web.Response:
        """In the dashboard: {"status": "paused" | "resumed" | "cancelled" | "expired", "at"?}."""
        subscription = self._subscription(request)
        body = await read_fields(request, ("status", "at"))
        status = body.get("status")
        if status not in BY_HAND:
            raise RazorpayError(f"The status must be one of {', '.join(BY_HAND)}.", field="status")
        if subscription["status"] not in BY_HAND[status]:
            raise RazorpayError(f"The subscription is {subscription['status']}.", field="status")
        if status in OVER:
            self._end(subscription, status, _moment(body))
        else:
            subscription["status"] = "active" if status == "resumed" else "paused"
            self._tell(subscription, f"subscription.{status}")
        return web.json_response(subscription)

    def _charged(self, subscription: Entity, invoice: Entity, *, first: bool) -> Entity:
        was = subscription["status"]
        payment, events = self._by_mandate(subscription, invoice)
        invoice.update(
            status="paid",
            payment_id=payment["id"],
            amount_paid=invoice["amount"],
            amount_due=0,
            paid_at=int(time.time()),
        )
        subscription["paid_count"] += 1
        subscription["remaining_count"] -= 1
        is_last = subscription["remaining_count"] == 0
        subscription.update(
            status="completed" if is_last else "active",
            charge_at=None if is_last else subscription["current_end"],
            auth_attempts=0,
        )
        names = [
            *(["authenticated"] if first else []),
            *(["activated"] if was != "active" else []),
            "charged",
            *(["completed"] if is_last else []),
        ]
        paid = event_of(
            "invoice.paid", invoice["order_id"], payment=payment, order=self._order(invoice), invoice=invoice
        )
        told = [event_of(f"subscription.{name}", None, subscription=subscription, payment=payment) for name in names]
        self._core.webhooks.emit(*events, paid, *told)
        return payment

    def _by_mandate(
        self, subscription: Entity, invoice: Entity, *, failed: bool = False
    ) -> tuple[Entity, list[Entity]]:
        about = {
            "invoice_id": invoice["id"],
            "customer_id": subscription["customer_id"],
            "description": "Recurring Payment via Subscription",
        }
        return self._payments.charge(self._order(invoice), subscription["payment_method"], about, failed=failed)

    def _failed(self, subscription: Entity, invoice: Entity) -> None:
        payment, events = self._by_mandate(subscription, invoice, failed=True)
        subscription["auth_attempts"] += 1
        subscription["status"] = "halted" if subscription["auth_attempts"] >= MAX_FAILURES else "pending"
        told = event_of(f"subscription.{subscription['status']}", None, subscription=subscription, payment=payment)
        self._core.webhooks.emit(*events, told)

    def _end(self, subscription: Entity, status: str, at: int) -> None:
        subscription.update(status=status, ended_at=at, charge_at=None, has_scheduled_changes=False)
        if status != "expired":
            self._tell(subscription, f"subscription.{status}")

    def _tell(self, subscription: Entity, name: str) -> None:
        self._core.webhooks.emit(event_of(name, None, subscription=subscription))

    def _order(self, invoice: Entity) -> Entity:
        return self._state.order(invoice["order_id"])

    def _invoice(self, subscription: Entity, start: int, end: int) -> Entity:
        plan = plan_of(self._state, subscription["plan_id"])
        amount, now = plan["item"]["amount"], int(time.time())
        order = {
            "id": new_id("order_"),
            "entity": "order",
            "amount": amount,
            "amount_paid": 0,
            "amount_due": amount,
            "currency": CURRENCY,
            "receipt": None,
            "offer_id": None,
            "status": "created",
            "attempts": 0,
            "notes": [],
            "created_at": now,
        }
        self._state.add("orders", order)
        invoice = {
            "id": new_id("inv_"),
            "entity": "invoice",
            "receipt": None,
            "invoice_number": None,
            "customer_id": subscription["customer_id"],
            "order_id": order["id"],
            "subscription_id": subscription["id"],
            "line_items": [
                {
                    "id": new_id("li_"),
                    "name": plan["item"]["name"],
                    "amount": amount,
                    "unit_amount": amount,
                    "gross_amount": amount,
                    "tax_amount": 0,
                    "net_amount": amount,
                    "currency": CURRENCY,
                    "type": "plan",
                    "quantity": 1,
                }
            ],
            "payment_id": None,
            "status": "issued",
            "issued_at": now,
            "paid_at": None,
            "amount": amount,
            "amount_paid": 0,
            "amount_due": amount,
            "currency": CURRENCY,
            "description": None,
            "notes": [],
            "short_url": None,
            "billing_start": start,
            "billing_end": end,
            "type": "invoice",
            "created_at": now,
        }
        return self._state.add("invoices", invoice)


def _moment(body: dict[str, Any]) -> int:
    at = body.get("at", int(time.time()))
    if not isinstance(at, int) or isinstance(at, bool):
        raise RazorpayError("The at must be a timestamp.", field="at")
    return at
