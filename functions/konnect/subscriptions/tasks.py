"""Cloud Tasks handlers of subscriptions."""

from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.integrations.razorpay.subscriptions import subscription_gateway
from konnect.store import Tx
from konnect.tasks import Task

from . import following, repository

CANCEL_ALL = "/subscriptions/cancel-all"


def follow(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"subscriptionId"}: there is news of it. Raises Unavailable when the provider can't be asked: tried again."""
    following.follow(ctx, subscription_gateway(ctx.settings), payload["subscriptionId"], now=now)


def schedule_cancelling(tx: Tx, uid: str, *, now: datetime) -> None:
    """Have nothing more charged, soon, to somebody whose account is closed."""
    tx.enqueue(Task(CANCEL_ALL, ("cancel-subscription", uid, now.isoformat()), {"uid": uid}))


def cancel_all(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"uid"}: an account is closed."""
    found = repository.open_of(ctx.db, payload["uid"])
    if found is not None:
        following.stop(ctx, subscription_gateway(ctx.settings), found["id"], now=now)
