"""What a deleted account leaves behind here: nothing."""

from konnect.context import Context
from konnect.store import Query

from . import activity
from .stats import COLLECTION, PARTS


def erase(ctx: Context, expert_id: str) -> None:
    """Delete the sums and what they were made of. Can be repeated."""
    for collection, parts in ((COLLECTION, PARTS), (activity.MENTORS, ("bookings",))):
        for part in parts:
            for found in Query((collection, expert_id, part)).run(ctx.db):
                ctx.db.delete(collection, expert_id, part, found["id"])
        ctx.db.delete(collection, expert_id)
