"""Firestore triggers of invoices."""

from datetime import datetime

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.platform import platform_config

from . import service


def on_payment_written(ctx: Context, change: Change, now: datetime) -> None:
    """Written, payments/{paymentId}: captured, or refunded in whole or in part."""
    if change.after is None:
        return
    config = platform_config(ctx.db)
    ctx.run(lambda tx: service.issue(tx, change.params["paymentId"], config, now=now))
