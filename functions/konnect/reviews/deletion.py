"""What a deleted account leaves behind here: reviews that name nobody."""

from datetime import datetime
from functools import partial

from konnect.context import Context
from konnect.store import Query, Tx

from .service import ANONYMOUS


def erase(ctx: Context, uid: str, *, now: datetime) -> None:
    """Take the name off the reviews that `uid` has written. Can be repeated."""
    for review in Query(("reviews",)).filter("userId", "==", uid).run(ctx.db):
        if review["reviewerName"] != ANONYMOUS:
            ctx.run(partial(_rename, review_id=review["id"], now=now))


def _rename(tx: Tx, *, review_id: str, now: datetime) -> None:
    if tx.get("reviews", review_id) is not None:
        tx.update(("reviews", review_id), {"reviewerName": ANONYMOUS, "updatedAt": now})
