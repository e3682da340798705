"""Cloud Tasks handlers of payments."""

from datetime import datetime
from typing import Any

from konnect.context import Context

from . import gateways, refunds, repository, service


def collect(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"orderId", "paymentId"}: an authorized payment; capture it unless that has happened, and credit it.

    Raises Unavailable when the provider can't be asked: the task is tried again.
    """
    order = repository.order(ctx.db, payload["orderId"])
    # No order: of another system on the same account.
    if order is None or repository.payment(ctx.db, payload["paymentId"]) is not None:
        return
    provider = gateways.of(ctx.settings, order)
    service.collect(ctx, provider, order, provider.fetch_payment(payload["paymentId"]), now=now)


def refund(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"refundId"}: ask the provider for it. Raises Unavailable when it can't be asked: the task is tried again."""
    refunds.advance(ctx, payload["refundId"], now=now)
