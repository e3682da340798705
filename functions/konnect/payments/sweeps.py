"""Every ten minutes: ask the provider about unpaid orders, credit what no webhook and no browser has told us of, give
up what stays unpaid, and go on with refunds that wait."""

import logging
from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.errors import KonnectError, Unavailable
from konnect.integrations.razorpay.client import Gateway, gateway
from konnect.integrations.razorpay.entities import Payment
from konnect.store import Doc

from . import policy, refunds, repository, service
from .service import Outcome

log = logging.getLogger(__name__)

BATCH = 50
MAX_ORDERS = 500
"""A run: one request each, within the function's time. What is left is still due at the next run."""
MAX_UNAVAILABLE = 3
"""Then the provider is down: no use in asking about the others."""


def sweep(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, int]:
    """Reconcile the orders that are due (policy.next_check), and the refunds. Returns how many orders had which
    outcome, and "failures"."""
    provider = gateway(ctx.settings)
    return {**_orders(ctx, provider, now), **refunds.sweep(ctx, provider, now=now)}


def _orders(ctx: Context, provider: Gateway, now: datetime) -> dict[str, int]:
    counts: dict[str, int] = {"orders": 0, "failures": 0}
    unavailable = 0
    looked_at: set[str] = set()
    while counts["orders"] < MAX_ORDERS:
        orders = [o for o in repository.due(ctx.db, now=now, limit=BATCH) if o["id"] not in looked_at]
        for order in orders:
            looked_at.add(order["id"])
            counts["orders"] += 1
            try:
                outcome = _reconcile(ctx, provider, order, now)
            except KonnectError as error:
                log.warning("order not reconciled", extra={"order": order["id"], "error": error.message})
                counts["failures"] += 1
                _defer(ctx, order, now)
                unavailable += isinstance(error, Unavailable)
                if unavailable >= MAX_UNAVAILABLE:
                    return counts
                continue
            counts[outcome] = counts.get(outcome, 0) + 1
        if not orders:
            break
    return counts


def _reconcile(ctx: Context, provider: Gateway, order: Doc, now: datetime) -> Outcome:
    if order["status"] == "paid":
        return ctx.run(partial(service.postpone, order_id=order["id"], now=now))
    payments = provider.payments_of_order(order["id"])
    outcomes = [service.collect(ctx, provider, order, payment, now=now) for payment in payments]
    for settled in (Outcome.CREDITED, Outcome.REPEAT):
        if settled in outcomes:
            return settled
    _note_failure(ctx, order, payments, now)
    return ctx.run(partial(service.postpone, order_id=order["id"], now=now))


def _note_failure(ctx: Context, order: Doc, payments: list[Payment], now: datetime) -> None:
    failed = next((payment for payment in payments if payment.status == "failed"), None)
    if failed is not None and order["lastFailure"] is None:
        ctx.run(partial(service.note_failure, payment=failed, now=now))


def _defer(ctx: Context, order: Doc, now: datetime) -> None:
    """One order that fails again and again must not stand before the others, nor be asked about for ever."""
    try:
        if policy.last(order["createdAt"], now):
            ctx.run(partial(service.postpone, order_id=order["id"], now=now))
        else:
            later = now + policy.FIRST_CHECK
            ctx.run(partial(repository.update_order, order_id=order["id"], nextCheckAt=later, now=now))
    except KonnectError as error:
        log.warning("order not deferred", extra={"order": order["id"], "error": error.message})
