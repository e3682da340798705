"""Firestore triggers of notifications."""

from datetime import datetime

from konnect.context import Context
from konnect.http.triggers import Change

from . import mail


def on_notification_created(ctx: Context, change: Change, now: datetime) -> None:
    """Mail it. Works from the event, since the document may be gone by a late delivery."""
    if change.after is not None and "mail" in change.after["channels"]:
        mail.deliver(ctx, change.params["notificationId"], change.after, now)
