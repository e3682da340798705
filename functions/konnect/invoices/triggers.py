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


def on_course_purchase_written(ctx: Context, change: Change, now: datetime) -> None:
    """Written, coursePurchases/{purchaseId}: paid from the wallet, or refunded. One that is paid by card has a payment,
    which has its own paper."""
    if change.after is None or change.after.get("source") != "wallet":
        return
    config = platform_config(ctx.db)
    ctx.run(lambda tx: service.issue_of_wallet(tx, change.params["purchaseId"], config, now=now))
