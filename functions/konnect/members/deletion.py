"""What a deleted account leaves behind here: nothing but the endorsements it gave, by an id that names nobody, and that
it was somebody's friend, by a keyed hash (referrals.py)."""

from konnect.context import Context
from konnect.store import Query


def erase(ctx: Context, uid: str) -> None:
    """Delete the public profile, who endorsed it, and who brought them here. Can be repeated."""
    for part in ("endorsements", "private"):
        for document in Query(("members", uid, part)).run(ctx.db):
            ctx.db.delete("members", uid, part, document["id"])
    ctx.db.delete("members", uid)
