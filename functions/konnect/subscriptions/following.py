"""Following the provider: `follow` asks what a subscription is and what was paid, and writes it. Whoever brings news (a
webhook, the browser, the sweep) ends here, so that their order and number don't matter."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from konnect.clock import now as current_time
from konnect.context import Context
from konnect.errors import Unavailable
from konnect.integrations.razorpay.errors import Refused
from konnect.integrations.razorpay.subscriptions import Subscription, SubscriptionGateway, SubscriptionInvoice
from konnect.payments import repository as payments
from konnect.payments import turns
from konnect.rates import service as rates
from konnect.store import Doc, Tx

from . import messages, payment, policy, repository

log = logging.getLogger(__name__)

LOOKS = 3
Clock = Callable[[], datetime]


def follow(
    ctx: Context,
    provider: SubscriptionGateway,
    subscription_id: str,
    *,
    now: datetime,
    clock: Clock = current_time,
) -> Doc | None:
    """Bring a subscription up to date; None for one that is not ours. Raises Unavailable, BadGateway."""
    if repository.find(ctx.db, subscription_id) is None:
        log.warning("a subscription that is not known", extra={"subscription": subscription_id})
        return None
    for _ in range(LOOKS):
        asked_at = clock()
        seen = provider.fetch_subscription(subscription_id)
        known = repository.get(ctx.db, subscription_id)
        if seen.paid_count > known["paidCount"]:
            _collect(ctx, provider, known, seen, now)
        written = ctx.run(partial(_apply, seen=seen, asked_at=asked_at, now=now))
        if written is not None:
            return written
        # Somebody who asked later was faster; what we know may be the older.
    raise Unavailable("the subscription is changing; please try again")


def stop(
    ctx: Context,
    provider: SubscriptionGateway,
    subscription_id: str,
    *,
    now: datetime,
    clock: Clock = current_time,
) -> Doc:
    """Have nothing charged any more: what is paid for stays. Safe to repeat; what the provider has not heard of, the
    sweep tells it. Raises Unavailable, BadGateway."""
    subscription = ctx.run(partial(_request_cancelling, subscription_id=subscription_id, now=now))
    if subscription["providerStatus"] in policy.OVER:
        return subscription
    refused: Refused | None = None
    try:
        provider.cancel_subscription(subscription_id)
    except Refused as error:
        # It may be over by now, or have been cancelled by an attempt whose answer was lost.
        refused = error
    written = follow(ctx, provider, subscription_id, now=now, clock=clock)
    assert written is not None
    if refused is not None and written["providerStatus"] not in policy.OVER:
        raise refused
    return written


def _request_cancelling(tx: Tx, subscription_id: str, now: datetime) -> Doc:
    """Asked for before it is done: should we stop in between, the sweep goes on."""
    subscription = repository.get(tx, subscription_id)
    if subscription["isOpen"] and subscription["cancelRequestedAt"] is None:
        changed = {"cancelRequestedAt": now, "nextCheckAt": now + policy.SOON}
        repository.update(tx, subscription_id, now=now, **changed)
        subscription = {**subscription, **changed}
    return subscription


# What was paid


def _collect(ctx: Context, provider: SubscriptionGateway, known: Doc, seen: Subscription, now: datetime) -> None:
    """Book each paid bill that is not booked yet, the oldest first."""
    bills = [bill for bill in provider.invoices_of(known["id"]) if bill.status == "paid" and bill.payment_id]
    for bill in sorted(bills, key=lambda one: one.starts_at or now):
        if payments.payment(ctx.db, bill.payment_id) is not None:
            continue
        made = provider.fetch_payment(bill.payment_id)
        span = _span(bill, seen)
        if not made.captured or span is None:
            log.error("a paid bill without its payment", extra={"subscription": known["id"], "invoice": bill.id})
            continue
        work = partial(
            payment.charge,
            subscription_id=known["id"],
            invoice=bill,
            payment=made,
            # News of one that came before the charge was known has found nothing to be of.
            returned=[one for one in provider.refunds_of(made.id) if one.status == "processed"],
            starts_at=span[0],
            ends_at=span[1],
            gst_percent=rates.at(ctx.db, now).gst_percent,
            now=now,
        )
        turns.run(ctx, made.order_id, work)


def _span(bill: SubscriptionInvoice, seen: Subscription) -> tuple[datetime, datetime] | None:
    """What a bill pays for."""
    starts_at, ends_at = bill.starts_at or seen.period_starts_at, bill.ends_at or seen.period_ends_at
    return (starts_at, ends_at) if starts_at is not None and ends_at is not None and starts_at < ends_at else None


# What it is


def _apply(tx: Tx, seen: Subscription, asked_at: datetime, now: datetime) -> Doc | None:
    """Write what the provider said when it was asked at `asked_at`; None if later news is written already."""
    before = repository.get(tx, seen.id)
    if asked_at < before["askedAt"]:
        return None
    paid_until = before["paidUntil"]
    over = seen.status in policy.OVER
    is_open = not over or policy.is_paid(paid_until, now)
    after: Doc = {
        **before,
        "status": policy.status(seen.status, paid_until, now),
        "providerStatus": seen.status,
        "providerPlanId": seen.plan_id,
        "shortUrl": seen.short_url or before["shortUrl"],
        "isOpen": is_open,
        "cancelAtPeriodEnd": is_open and policy.is_paid(paid_until, now) and (over or _is_asked_for(before)),
        "endedAt": None if is_open else before["endedAt"] or now,
        "askedAt": asked_at,
    }
    after["nextCheckAt"] = policy.next_check(after, now)
    _tell(tx, before, after, now)
    if before["isOpen"] != is_open:
        _claim(tx, after, now)
    changed = {name: value for name, value in after.items() if name != "id" and value != before[name]}
    repository.update(tx, seen.id, now=now, **changed)
    return after


def _is_asked_for(subscription: Doc) -> bool:
    return subscription["cancelRequestedAt"] is not None


def _tell(tx: Tx, before: Doc, after: Doc, now: datetime) -> None:
    was, is_now = before["providerStatus"], after["providerStatus"]
    if is_now in policy.FAILING and is_now != was:
        messages.charge_failed(tx, after, is_last=is_now == "halted", now=now)
    if after["cancelAtPeriodEnd"] and not before["cancelAtPeriodEnd"]:
        messages.cancelled(tx, after, now=now)
    if before["isOpen"] and not after["isOpen"] and after["paidCount"]:
        messages.ended(tx, after, now=now)


def _claim(tx: Tx, subscription: Doc, now: datetime) -> None:
    """One open subscription a user: the claim goes with it, and comes back should a late payment open it again."""
    uid = subscription["userId"]
    held = repository.subscriber(tx, uid)["subscriptionId"]
    if subscription["isOpen"] and held is None:
        repository.write_subscriber(tx, uid, now=now, subscriptionId=subscription["id"])
    elif not subscription["isOpen"] and held == subscription["id"]:
        repository.write_subscriber(tx, uid, now=now, subscriptionId=None)
