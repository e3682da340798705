"""What a deleted account leaves behind here: purchases that name nobody, and no packages on offer."""

from datetime import datetime
from functools import partial

from konnect.context import Context
from konnect.store import Tx

from . import repository, tasks


def erase(ctx: Context, uid: str, expert_id: str | None, name: str, *, now: datetime) -> None:
    """Have what is unused paid back, on either side; put `name` in the place of a mentor's own. Can be repeated."""
    tasks.close_all(ctx, uid, now)
    if expert_id is None:
        return
    for package in repository.of_mentor(expert_id).run(ctx.db):
        ctx.db.delete(repository.PACKAGES, package["id"])
    cursor = None
    while True:
        found = repository.sold(ctx.db, expert_id, limit=tasks.BATCH, cursor=cursor)
        for purchase in found.items:
            if purchase["mentorName"] != name:
                ctx.run(partial(_rename, purchase_id=purchase["id"], name=name, now=now))
        cursor = found.next_cursor
        if cursor is None:
            break


def _rename(tx: Tx, *, purchase_id: str, name: str, now: datetime) -> None:
    repository.update(tx, purchase_id, now=now, mentorName=name)
