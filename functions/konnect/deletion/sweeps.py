"""Every ten minutes: deletions whose task was lost, mails and pushes whose trigger has been given up."""

from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.notifications import mail, push

from . import service


def sweep(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Returns {"deletions": how many ended, "mails", "pushes": how many came to which status}."""
    return {
        "deletions": service.resume(ctx, now=now),
        "mails": mail.sweep(ctx, now),
        "pushes": push.sweep(ctx, now),
    }
