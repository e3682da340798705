"""Cloud Tasks handlers of payouts."""

from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.integrations.razorpay.payouts import payout_gateway

from . import sending


def send(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"payoutId"}: have it paid. Raises Unavailable while its outcome is unknown: the task is tried again."""
    sending.send(ctx, payout_gateway(ctx.settings), payload["payoutId"], now=now)
