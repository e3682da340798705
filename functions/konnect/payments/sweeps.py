"""Every ten minutes: ask the provider about unpaid orders, credit what no webhook and no browser has told us of, give
up what stays unpaid, go on with refunds that wait, and find what else has happened at the gateways."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from konnect import overdue
from konnect.context import Context
from konnect.errors import Unavailable
from konnect.integrations.gateway import Payment
from konnect.store import Doc

from . import gateways, policy, razorpay_sweep, refunds, repository, service, stripe_sweep
from .service import Outcome

BATCH = 50
MAX_ORDERS = 500
"""A run: one request each, within the function's time. What is left is still due at the next run."""
MAX_UNAVAILABLE = 3
"""Then the gateway is down: no use in asking about its others, which are put off."""


def sweep(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, int]:
    """Reconcile the orders that are due (policy.next_check), the refunds, Stripe's events, and what Razorpay has paid
    back. Returns how many orders had which outcome, and "failures"; of the others likewise."""
    found = {**_orders(ctx, now), **refunds.sweep(ctx, now=now)}
    return {**found, **stripe_sweep.sweep(ctx, now=now), **razorpay_sweep.sweep(ctx, now=now)}


def _orders(ctx: Context, now: datetime) -> dict[str, int]:
    counts: dict[str, int] = {"orders": 0, "failures": 0}
    down = Counter[str]()
    looked_at: set[str] = set()
    while len(looked_at) < MAX_ORDERS:
        orders = [o for o in repository.due(ctx.db, now=now, limit=BATCH) if o["id"] not in looked_at]
        for order in orders:
            looked_at.add(order["id"])
            gateway = gateways.name_of(order)
            if down[gateway] >= MAX_UNAVAILABLE:
                _put_off(ctx, order, now)
                continue
            counts["orders"] += 1
            try:
                outcome = _reconcile(ctx, order, now)
            except Exception as error:
                overdue.tell("order not reconciled", error, order=order["id"])
                counts["failures"] += 1
                _defer(ctx, order, now)
                down[gateway] += isinstance(error, Unavailable)
                continue
            counts[outcome] = counts.get(outcome, 0) + 1
        if not orders:
            break
    return counts


def _reconcile(ctx: Context, order: Doc, now: datetime) -> Outcome:
    if order["status"] == "paid":
        return ctx.run(partial(service.postpone, order_id=order["id"], now=now))
    provider = gateways.of(ctx.settings, order)
    payments = provider.payments_of_order(order["id"])
    outcomes = [service.collect(ctx, provider, order, payment, now=now) for payment in payments]
    for settled in (Outcome.CREDITED, Outcome.REPEAT):
        if settled in outcomes:
            return settled
    _note_failure(ctx, order, payments, now)
    return ctx.run(partial(service.postpone, order_id=order["id"], now=now))


def _note_failure(ctx: Context, order: Doc, payments: Sequence[Payment], now: datetime) -> None:
    failed = next((payment for payment in payments if payment.status == "failed"), None)
    if failed is not None and order["lastFailure"] is None:
        ctx.run(partial(service.note_failure, payment=failed, now=now))


def _defer(ctx: Context, order: Doc, now: datetime) -> None:
    """One order that fails again and again, whatever is wrong with it, must not stand before the others, nor be asked
    about for ever."""
    try:
        if policy.last(order["createdAt"], now):
            ctx.run(partial(service.postpone, order_id=order["id"], now=now))
            return
    except Exception as error:
        overdue.tell("order not given up", error, order=order["id"])
    _put_off(ctx, order, now)


def _put_off(ctx: Context, order: Doc, now: datetime) -> None:
    """To the next sweep. Of one that nobody was asked about, even the last look is still to come."""
    later = now + policy.FIRST_CHECK
    try:
        ctx.run(partial(repository.update_order, order_id=order["id"], nextCheckAt=later, now=now))
    except Exception as error:
        overdue.tell("order not deferred", error, order=order["id"])
