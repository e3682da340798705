"""Subscriptions as a purpose of payments (payments/purposes.Purpose). The provider makes the orders of charges; each is
known here from the moment in which it is found paid, so that capture and refund go the way of every payment."""

import logging
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from konnect.integrations.gateway import Payment, Refund
from konnect.integrations.razorpay.subscriptions import SubscriptionInvoice
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.payments import refunds
from konnect.payments import repository as payments
from konnect.payments import service as capturing
from konnect.payments.repository import Reader
from konnect.payments.service import Outcome
from konnect.store import Doc, Tx

from . import messages, plans, repository
from .plans import Plan

log = logging.getLogger(__name__)

KIND = "subscription"
"""Of its orders' purpose."""


def gst_contained(amount_paise: int, percent: float) -> int:
    """The tax in a price that contains it, rounded half up to the paisa. Pure."""
    exact = Decimal(amount_paise) * Decimal(str(percent)) / (100 + Decimal(str(percent)))
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def charge(
    tx: Tx,
    subscription_id: str,
    invoice: SubscriptionInvoice,
    payment: Payment,
    *,
    returned: Sequence[Refund] = (),
    starts_at: datetime,
    ends_at: datetime,
    gst_percent: float,
    now: datetime,
) -> Outcome:
    """Book a month's payment, once. `returned`: what has gone back of it by then; `starts_at` and `ends_at`: what it
    pays for; `gst_percent`: of its day.

    Returns CREDITED, REPEAT, or MISMATCH for an amount that is no plan's of this subscription: a person has to look.
    """
    subscription = repository.get(tx, subscription_id)
    if payments.payment(tx, payment.id) is not None:
        return Outcome.REPEAT
    plan = _plan(subscription, payment.amount_paise, starts_at)
    if plan is None or payment.order_id != invoice.order_id:
        about = {"subscription": subscription_id, "payment": payment.id, "amount_paise": payment.amount_paise}
        log.error("a charge that is none of the subscription's", extra=about)
        return Outcome.MISMATCH
    if payments.order(tx, payment.order_id) is None:
        purpose = {
            "kind": KIND,
            "uid": subscription["userId"],
            "subscriptionId": subscription_id,
            "plan": plan.fields,
            "planId": plan.id,
            "planName": plan.name,
            "periodStart": starts_at,
            "periodEnd": ends_at,
            "gstPercent": gst_percent,
            "gstPaise": gst_contained(plan.price_paise, gst_percent),
        }
        payments.create_order(
            tx, payment.order_id, purpose=purpose, amount_paise=plan.price_paise, receipt=invoice.id, now=now
        )
    outcome = capturing.capture(tx, payment, now=now)
    if outcome is Outcome.CREDITED:
        for refund in returned:
            capturing.note_refund(tx, refund, now=now)
    return outcome


def _plan(subscription: Doc, amount_paise: int, starts_at: datetime) -> Plan | None:
    """What was charged: the plan that it changes to, from then on, or the one that it has."""
    following = subscription["nextPlan"]
    if following is not None and following["pricePaise"] == amount_paise and starts_at >= following["from"]:
        return plans.of(following)
    return plans.of(subscription["plan"]) if subscription["plan"]["pricePaise"] == amount_paise else None


# The purpose's interface (purposes.Purpose)


def paid(tx: Tx, order: Doc, payment: Payment, *, first: bool, now: datetime) -> dict[str, Any]:
    """A month is the user's: money to the platform and the tax, minutes and discount by the plan. What is paid for a
    second time goes back. Returns {subscriptionId, periodId, planId, gstPaise, outcome: "granted" | "returned"}."""
    purpose = order["purpose"]
    subscription, plan = repository.get(tx, purpose["subscriptionId"]), plans.of(purpose["plan"])
    period_id = repository.period_id(subscription["id"], purpose["periodStart"])
    result = {"subscriptionId": subscription["id"], "periodId": period_id, "planId": plan.id}
    if not first or tx.get(repository.PERIODS, period_id) is not None:
        _pay_back(tx, order, payment, now)
        messages.paid_back(tx, subscription, payment.id, payment.amount_paise, now=now)
        return {**result, "gstPaise": 0, "outcome": "returned"}
    _post(tx, order, payment, now)
    _grant(tx, subscription, plan, period_id, order, payment, now)
    return {**result, "gstPaise": purpose["gstPaise"], "outcome": "granted"}


def unpaid(tx: Tx, order: Doc, *, reason: str, now: datetime) -> None:
    """Never: its orders are known here once they are paid."""
    log.error("an order of a subscription was given up", extra={"order": order["id"], "reason": reason})


def refunded(tx: Tx, order: Doc, refund: Refund, result: dict[str, Any], *, now: datetime) -> None:
    """Money of a month has gone back, by the provider's dashboard: so does the tax in it. All of it: the month is
    over."""
    if refunds.processed(tx, refund, now=now) is not None:
        return
    recorded = payments.payment(tx, refund.payment_id)
    assert recorded is not None
    before_paise, percent = sum(recorded["refunds"].values()), order["purpose"]["gstPercent"]
    after_paise = before_paise + refund.amount_paise
    gst_paise = gst_contained(after_paise, percent) - gst_contained(before_paise, percent)
    if result["outcome"] == "returned":
        log.error("a refund that was not asked for", extra={"refund": refund.id, "order": order["id"]})
        legs = [Leg(accounts.PLATFORM_ADJUSTMENTS, -refund.amount_paise)]
    else:
        legs = [
            Leg(accounts.PLATFORM_SUBSCRIPTIONS, gst_paise - refund.amount_paise),
            Leg(accounts.TAX_GST, -gst_paise),
        ]
    legs = [leg for leg in [*legs, Leg(accounts.GATEWAY_RAZORPAY, refund.amount_paise)] if leg.amount_paise]
    subject = {"refund": refund.id, "payment": refund.payment_id, "subscription": result["subscriptionId"]}
    ledger.post_new(tx, Movement(f"refund:{refund.id}", "subscription.refund", tuple(legs), subject), now=now)
    if result["outcome"] == "granted" and after_paise >= recorded["amountPaise"]:
        _revoke(tx, order["purpose"]["uid"], result["periodId"], now)


def answer(reader: Reader, order: Doc, result: dict[str, Any] | None) -> dict[str, Any]:
    """{}: `POST /api/subscriptions/verify` is what answers for subscriptions."""
    return {}


def _post(tx: Tx, order: Doc, payment: Payment, now: datetime) -> None:
    purpose, gst_paise = order["purpose"], order["purpose"]["gstPaise"]
    legs = [
        Leg(accounts.GATEWAY_RAZORPAY, -payment.amount_paise),
        Leg(accounts.PLATFORM_SUBSCRIPTIONS, payment.amount_paise - gst_paise),
        Leg(accounts.TAX_GST, gst_paise),
    ]
    subject = {
        "payment": payment.id,
        "order": order["id"],
        "user": purpose["uid"],
        "subscription": purpose["subscriptionId"],
    }
    moved = tuple(leg for leg in legs if leg.amount_paise)
    ledger.post_new(tx, Movement(f"payment:{payment.id}", "subscription.charge", moved, subject), now=now)


def _pay_back(tx: Tx, order: Doc, payment: Payment, now: datetime) -> None:
    purpose, refund_id = order["purpose"], f"{order['purpose']['subscriptionId']}-{payment.id}"
    refunds.open_new(
        tx,
        refund_id,
        payment_id=payment.id,
        order_id=order["id"],
        uid=purpose["uid"],
        amount_paise=payment.amount_paise,
        reason="paid-twice",
        now=now,
    )
    legs = (Leg(accounts.GATEWAY_RAZORPAY, -payment.amount_paise), refunds.leg(refund_id, payment.amount_paise))
    subject = {"payment": payment.id, "order": order["id"], "user": purpose["uid"]}
    ledger.post_new(tx, Movement(f"payment:{payment.id}", "subscription.unused", legs, subject), now=now)


def _grant(tx: Tx, subscription: Doc, plan: Plan, period_id: str, order: Doc, payment: Payment, now: datetime) -> None:
    uid, purpose = subscription["userId"], order["purpose"]
    starts_at, ends_at = purpose["periodStart"], purpose["periodEnd"]
    tx.create(
        (repository.PERIODS, period_id),
        {
            "userId": uid,
            "subscriptionId": subscription["id"],
            "planId": plan.id,
            "plan": plan.fields,
            "startsAt": starts_at,
            "endsAt": ends_at,
            "paymentId": payment.id,
            "orderId": order["id"],
            "price": plan.fields["price"],
            "pricePaise": plan.price_paise,
            "gstPaise": purpose["gstPaise"],
            "minutes": plan.minutes,
            "minutesUsed": 0,
            "revokedAt": None,
            "createdAt": now,
            "updatedAt": now,
        },
    )
    changed: Doc = {"paidCount": subscription["paidCount"] + 1, "activatedAt": subscription["activatedAt"] or now}
    if subscription["paidUntil"] is None or ends_at > subscription["paidUntil"]:
        changed |= {"periodStart": starts_at, "paidUntil": ends_at}
        if plan != plans.of(subscription["plan"]):
            changed |= {"plan": plan.fields, "planId": plan.id, "planName": plan.name, "nextPlan": None}
    repository.update(tx, subscription["id"], now=now, **changed)
    latest = repository.subscriber(tx, uid)["period"]
    if latest is None or ends_at > latest["endsAt"]:
        period = {"id": period_id, "startsAt": starts_at, "endsAt": ends_at, "plan": plan.fields}
        repository.write_subscriber(tx, uid, now=now, period=period)
    if subscription["activatedAt"] is None:
        messages.activated(tx, subscription, plan, ends_at, now=now)


def _revoke(tx: Tx, uid: str, period_id: str, now: datetime) -> None:
    """All of its money has gone back."""
    period = repository.period(tx, period_id)
    tx.update((repository.PERIODS, period_id), {"revokedAt": now, "updatedAt": now})
    latest = repository.subscriber(tx, uid)["period"]
    if latest is not None and latest["id"] == period_id:
        repository.write_subscriber(tx, uid, now=now, period=None)
    subscription = repository.get(tx, period["subscriptionId"])
    if subscription["paidUntil"] == period["endsAt"]:
        repository.update(tx, subscription["id"], now=now, paidUntil=min(now, period["endsAt"]), nextCheckAt=now)
