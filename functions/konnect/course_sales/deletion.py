"""What a deleted account leaves behind of checkouts: none that could still be paid. Purchases stay, as payments do."""

from datetime import datetime
from functools import partial

from konnect.context import Context
from konnect.payments import stripe_tasks
from konnect.store import Query, Tx

from . import purchase


def erase(ctx: Context, uid: str, *, now: datetime) -> None:
    """Have the open checkouts of a learner closed at Stripe. Can be repeated; what is paid all the same goes back."""
    waiting = Query((purchase.COLLECTION,)).filter("userId", "==", uid).filter("status", "==", "pending")
    for one in waiting.stream(ctx.db):
        if one["orderId"] is not None:
            ctx.run(partial(_close, session_id=one["orderId"]))


def _close(tx: Tx, *, session_id: str) -> None:
    stripe_tasks.expire_later(tx, session_id)
