"""Razorpay's plans and subscriptions: what is charged each month, by the mandate that a customer has given once.

The gateway has all of the payments' one, since a charge is a payment, of an order and an invoice that Razorpay makes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, Self
from urllib.parse import quote

from konnect.config import Settings
from konnect.integrations.answers import moment_if_any, parsed, text, whole
from konnect.money import CURRENCY

from . import signatures
from .client import Gateway, RazorpayGateway
from .entities import PROVIDER

INVOICES_A_PAGE = 100


@dataclass(frozen=True)
class ProviderPlan:
    """What is charged, and how often: each `interval` of `period` (daily, weekly, monthly, quarterly, yearly)."""

    id: str
    period: str
    interval: int
    amount_paise: int
    currency: str

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no plan."""
        item = entity.get("item")
        if not isinstance(item, Mapping):
            raise ValueError("item is missing")
        return cls(
            text(entity, "id"),
            text(entity, "period"),
            whole(entity, "interval"),
            whole(item, "amount"),
            text(item, "currency"),
        )

    def is_monthly(self, amount_paise: int) -> bool:
        return (self.period, self.interval, self.amount_paise, self.currency) == ("monthly", 1, amount_paise, CURRENCY)


@dataclass(frozen=True)
class Subscription:
    """`status`: created, authenticated, active, pending, halted, paused, cancelled, completed or expired. `paid_count`:
    charges that were paid; `period_ends_at`: of the cycle that it is in."""

    id: str
    plan_id: str
    status: str
    paid_count: int = 0
    period_starts_at: datetime | None = None
    period_ends_at: datetime | None = None
    short_url: str = ""

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no subscription."""
        return cls(
            text(entity, "id"),
            text(entity, "plan_id"),
            text(entity, "status"),
            whole(entity, "paid_count"),
            moment_if_any(entity, "current_start"),
            moment_if_any(entity, "current_end"),
            str(entity.get("short_url") or ""),
        )


@dataclass(frozen=True)
class SubscriptionInvoice:
    """One cycle's bill. `status`: issued, paid, expired …; `payment_id` is "" until it is paid."""

    id: str
    status: str
    order_id: str
    payment_id: str
    amount_paise: int
    starts_at: datetime | None
    ends_at: datetime | None

    @classmethod
    def parse(cls, entity: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no invoice."""
        return cls(
            text(entity, "id"),
            text(entity, "status"),
            str(entity.get("order_id") or ""),
            str(entity.get("payment_id") or ""),
            whole(entity, "amount"),
            moment_if_any(entity, "billing_start"),
            moment_if_any(entity, "billing_end"),
        )


class SubscriptionGateway(Gateway, Protocol):
    """Each call raises Unavailable (unknown whether it was done: ask) or Refused."""

    def create_plan(self, *, name: str, amount_paise: int, notes: dict[str, str]) -> ProviderPlan:
        """A monthly plan. It can't be changed or deleted, ever."""

    def fetch_plan(self, plan_id: str) -> ProviderPlan: ...

    def create_subscription(
        self, *, plan_id: str, months: int, expires_at: datetime, notes: dict[str, str]
    ) -> Subscription:
        """One that begins with its first payment, to be made until `expires_at`, and is charged `months` times at most.
        Razorpay writes no mails about it to the customer."""

    def fetch_subscription(self, subscription_id: str) -> Subscription: ...

    def cancel_subscription(self, subscription_id: str) -> Subscription:
        """Charge nothing any more, from now on. Refused for one that is over."""

    def change_plan(self, subscription_id: str, plan_id: str) -> Subscription:
        """Charge another plan from the next cycle on. Refused where the mandate does not allow it (UPI)."""

    def keep_plan(self, subscription_id: str) -> Subscription:
        """Forget a change of plan that has not come. Refused if there is none."""

    def invoices_of(self, subscription_id: str) -> list[SubscriptionInvoice]:
        """All bills, the latest first."""

    def subscription_matches(self, subscription_id: str, payment_id: str, signature: str) -> bool:
        """Whether the checkout's signature of a subscription is genuine."""


class RazorpaySubscriptions(RazorpayGateway):
    def create_plan(self, *, name: str, amount_paise: int, notes: dict[str, str]) -> ProviderPlan:
        item = {"name": name, "amount": amount_paise, "currency": CURRENCY}
        body = {"period": "monthly", "interval": 1, "item": item, "notes": notes}
        return parsed(PROVIDER, ProviderPlan.parse, self._client.plan.create(body))

    def fetch_plan(self, plan_id: str) -> ProviderPlan:
        return parsed(PROVIDER, ProviderPlan.parse, self._client.plan.fetch(quote(plan_id, safe="")))

    def create_subscription(
        self, *, plan_id: str, months: int, expires_at: datetime, notes: dict[str, str]
    ) -> Subscription:
        body = {
            "plan_id": plan_id,
            "total_count": months,
            "quantity": 1,
            "customer_notify": False,
            "expire_by": int(expires_at.timestamp()),
            "notes": notes,
        }
        return parsed(PROVIDER, Subscription.parse, self._client.subscription.create(body))

    def fetch_subscription(self, subscription_id: str) -> Subscription:
        return parsed(PROVIDER, Subscription.parse, self._client.subscription.fetch(quote(subscription_id, safe="")))

    def cancel_subscription(self, subscription_id: str) -> Subscription:
        body = {"cancel_at_cycle_end": False}
        return parsed(
            PROVIDER, Subscription.parse, self._client.subscription.cancel(quote(subscription_id, safe=""), body)
        )

    def change_plan(self, subscription_id: str, plan_id: str) -> Subscription:
        body = {"plan_id": plan_id, "schedule_change_at": "cycle_end", "customer_notify": False}
        return parsed(
            PROVIDER, Subscription.parse, self._client.subscription.edit(quote(subscription_id, safe=""), body)
        )

    def keep_plan(self, subscription_id: str) -> Subscription:
        changed = self._client.subscription.cancel_scheduled_changes(quote(subscription_id, safe=""), {})
        return parsed(PROVIDER, Subscription.parse, changed)

    def invoices_of(self, subscription_id: str) -> list[SubscriptionInvoice]:
        query: Any = {"subscription_id": subscription_id}
        return self._pages(self._client.invoice.all, query, SubscriptionInvoice.parse, INVOICES_A_PAGE)

    def subscription_matches(self, subscription_id: str, payment_id: str, signature: str) -> bool:
        # The other way round than an order's.
        message = f"{payment_id}|{subscription_id}".encode()
        return signatures.verify(message, signature, self._settings.razorpay_key_secret)


@lru_cache(maxsize=8)
def subscription_gateway(settings: Settings) -> SubscriptionGateway:
    """The gateway of these settings: one connection pool a process."""
    return RazorpaySubscriptions(settings)
