"""What a deleted account leaves behind here: conversations that name nobody. What was said in them stays."""

from functools import partial

from konnect.context import Context
from konnect.store import Tx

from . import conversations

BATCH = 100


def erase(ctx: Context, uid: str, name: str) -> None:
    """Put `name` in the place of the user's own, and forget what they were told of and put away. Can be repeated."""
    ctx.db.delete("digests", uid)
    ctx.db.delete("archives", uid)
    cursor = None
    while True:
        found = conversations.listed(ctx.db, uid, limit=BATCH, cursor=cursor)
        for conversation in found.items:
            if conversation["names"][uid] != name:
                ctx.run(partial(_rename, conversation_id=conversation["id"], uid=uid, name=name))
        cursor = found.next_cursor
        if cursor is None:
            break


def _rename(tx: Tx, *, conversation_id: str, uid: str, name: str) -> None:
    conversation = tx.get("conversations", conversation_id)
    if conversation is not None:
        tx.update(("conversations", conversation_id), {"names": {**conversation["names"], uid: name}})
