"""What a subscriber is told; each once, in the transaction of what it tells of."""

from datetime import datetime
from typing import Any

from konnect import clock
from konnect.money import inr, rupees
from konnect.notifications import service as notifications
from konnect.notifications.types import Type
from konnect.store import Doc, Tx

from .plans import Plan


def activated(tx: Tx, subscription: Doc, plan: Plan, until: datetime, *, now: datetime) -> None:
    body = f"You have the {plan.name} plan for {inr(plan.price_paise)} a month."
    data = {"minutes": plan.minutes, "discountPercent": plan.discount_percent, "until": clock.iso(until)}
    title = f"Your {plan.name} plan is active"
    _tell(tx, subscription, "subscription_activated", title, body, now, data=data, plan=plan)


def charge_failed(tx: Tx, subscription: Doc, *, is_last: bool, now: datetime) -> None:
    """`is_last`: it is not tried again."""
    name, until = subscription["planName"], subscription["paidUntil"]
    body = f"The month's payment for your {name} plan has failed."
    body += " It is not tried again." if is_last else " It is tried again in the next days."
    data = {"until": clock.iso(until) if until is not None and until > now else None, "isLast": is_last}
    about = (subscription["paidCount"], "last" if is_last else "first")
    title = f"The payment for your {name} plan has failed"
    _tell(tx, subscription, "subscription_charge_failed", title, body, now, about=about, data=data)


def cancelled(tx: Tx, subscription: Doc, *, now: datetime) -> None:
    name, until = subscription["planName"], subscription["paidUntil"]
    body = f"Your {name} plan ends on {clock.in_india(until)}. Until then all of it is yours; nothing more is charged."
    title = f"Your {name} plan is cancelled"
    _tell(tx, subscription, "subscription_cancelled", title, body, now, data={"until": clock.iso(until)})


def ended(tx: Tx, subscription: Doc, *, now: datetime) -> None:
    name = subscription["planName"]
    body = f"Your {name} plan has ended; you are on the Free plan now."
    _tell(tx, subscription, "subscription_ended", f"Your {name} plan has ended", body, now)


def paid_back(tx: Tx, subscription: Doc, payment_id: str, amount_paise: int, *, now: datetime) -> None:
    """A second payment of what was paid."""
    body = f"Your payment of {inr(amount_paise)} was a second one for the same month and is returned to you."
    data = {"refundAmount": rupees(amount_paise)}
    title = "Your payment is returned"
    _tell(tx, subscription, "subscription_charge_failed", title, body, now, about=(payment_id,), data=data)


def _tell(
    tx: Tx,
    subscription: Doc,
    type: Type,
    title: str,
    body: str,
    now: datetime,
    *,
    about: tuple[Any, ...] = (),
    data: dict[str, Any] | None = None,
    plan: Plan | None = None,
) -> None:
    shown = {
        "subscriptionId": subscription["id"],
        "planId": plan.id if plan is not None else subscription["planId"],
        "planName": plan.name if plan is not None else subscription["planName"],
        "amount": rupees(plan.price_paise) if plan is not None else subscription["plan"]["price"],
        **(data or {}),
    }
    uid, about = subscription["userId"], (subscription["id"], *about)
    notifications.notify(tx, uid, type, about=about, title=title, body=body, data=shown, now=now)
