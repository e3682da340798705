"""Closing an account ends its subscription first: whoever is gone is charged no more."""

from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.integrations.razorpay.subscriptions import subscription_gateway
from konnect.store import Tx

from . import following, policy, repository


def end(ctx: Context, uid: str, *, now: datetime) -> None:
    """Cancel at the provider, at once. Raises Unavailable, BadGateway: the account is not closed then."""
    found = repository.open_of(ctx.db, uid)
    if found is not None:
        following.stop(ctx, subscription_gateway(ctx.settings), found["id"], now=now)


def open_matters(tx: Tx, uid: str) -> list[dict[str, Any]]:
    """A subscription that can still be charged: [{code, message, way, subscriptionId}]."""
    found = repository.open_of(tx, uid)
    if found is None or found["providerStatus"] in policy.OVER:
        return []
    return [
        {
            "code": "SUBSCRIPTION_OPEN",
            "message": f"your {found['planName']} plan is not cancelled",
            "way": "cancel it",
            "subscriptionId": found["id"],
        }
    ]


def erase(ctx: Context, uid: str, *, now: datetime) -> None:
    """What is still paid for ends, and nobody is told of it. Periods and payments stay, as books do."""

    def close(tx: Tx) -> None:
        found = repository.open_of(tx, uid)
        if found is not None:
            ended = {"isOpen": False, "cancelAtPeriodEnd": False, "endedAt": now, "nextCheckAt": None}
            repository.update(tx, found["id"], now=now, status=found["providerStatus"], shortUrl="", **ended)
        if tx.get(repository.SUBSCRIBERS, uid) is not None:
            tx.delete((repository.SUBSCRIBERS, uid))

    ctx.run(close)
