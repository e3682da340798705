"""Every ten minutes: what no webhook has told of subscriptions, cancellations that the provider has not heard of, and
paid periods that have ended."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from konnect import overdue
from konnect.clock import now as current_time
from konnect.context import Context
from konnect.errors import Unavailable
from konnect.integrations.razorpay.subscriptions import subscription_gateway
from konnect.store import Doc, Tx

from . import following, policy, repository

BATCH = 200
MAX_UNAVAILABLE = 3
"""Then the provider is down: no use in asking about the others."""


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """Follow the subscriptions that are due (policy.next_check). Returns how many, and "failures"."""
    provider, counts, unavailable = subscription_gateway(ctx.settings), {"subscriptions": 0, "failures": 0}, 0
    for subscription in repository.due(ctx.db, now, BATCH):
        counts["subscriptions"] += 1
        work = following.stop if _is_to_stop(subscription) else following.follow
        try:
            work(ctx, provider, subscription["id"], now=now, clock=clock)
        except Exception as error:
            overdue.tell("subscription not followed", error, subscription=subscription["id"])
            counts["failures"] += 1
            # One that fails again and again, whatever is wrong with it, must not stand before the others.
            ctx.run(partial(_defer, subscription_id=subscription["id"], now=now))
            unavailable += isinstance(error, Unavailable)
            if unavailable >= MAX_UNAVAILABLE:
                break
    return counts


def _is_to_stop(subscription: Doc) -> bool:
    return subscription["cancelRequestedAt"] is not None and subscription["providerStatus"] not in policy.OVER


def _defer(tx: Tx, subscription_id: str, now: datetime) -> None:
    subscription = repository.get(tx, subscription_id)
    if subscription["nextCheckAt"] is not None and subscription["nextCheckAt"] <= now:
        repository.update(tx, subscription_id, now=now, nextCheckAt=now + policy.SOON)
