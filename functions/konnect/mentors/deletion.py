"""What a deleted account leaves behind here: nothing."""

from konnect.context import Context
from konnect.store import Query

from .stats import COLLECTION, PARTS


def erase(ctx: Context, expert_id: str) -> None:
    """Delete the sums and what they were made of. Can be repeated."""
    for part in PARTS:
        for found in Query((COLLECTION, expert_id, part)).run(ctx.db):
            ctx.db.delete(COLLECTION, expert_id, part, found["id"])
    ctx.db.delete(COLLECTION, expert_id)
