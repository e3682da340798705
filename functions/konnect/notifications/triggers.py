"""Firestore triggers of notifications."""

from datetime import datetime

from konnect.context import Context
from konnect.errors import Unavailable
from konnect.http.triggers import Change

from . import mail, push


def on_notification_created(ctx: Context, change: Change, now: datetime) -> None:
    """Mail and push it. Works from the event, since the document may be gone by a late delivery. Neither waits for the
    other; what failed is tried again with the event's next delivery, and what was done is not done again."""
    if change.after is None:
        return
    failure: Unavailable | None = None
    for channel, deliver in (("email", mail.deliver), ("push", push.deliver)):
        if channel in change.after["channels"]:
            try:
                deliver(ctx, change.params["notificationId"], change.after, now)
            except Unavailable as error:
                failure = error
    if failure is not None:
        raise failure
