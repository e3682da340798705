"""What a deleted account leaves behind here: nothing."""

from konnect.context import Context
from konnect.store import Query

from .service import COLLECTION

BATCH = 200


def erase(ctx: Context, uid: str) -> None:
    """Can be repeated. The state first: without it a closed account is given nothing any more."""
    ctx.db.delete(COLLECTION, uid)
    while found := Query(("points",), limit=BATCH).filter("uid", "==", uid).run(ctx.db):
        for award in found:
            ctx.db.delete("points", award["id"])
