"""What a deleted account leaves behind here: nothing."""

from datetime import datetime

from konnect.context import Context
from konnect.store import Query, Tx


def erase(ctx: Context, expert_id: str, uid: str, *, now: datetime) -> None:
    """Delete the profile with all of its private part, and the name of its queue. Can be repeated."""
    for document in Query(("experts", expert_id, "private")).run(ctx.db):
        ctx.db.delete("experts", expert_id, "private", document["id"])

    def work(tx: Tx) -> None:
        if tx.get("experts", expert_id) is not None:
            tx.delete(("experts", expert_id))
        if tx.get("expertsByUid", uid) is not None:
            tx.delete(("expertsByUid", uid))

    ctx.run(work)
