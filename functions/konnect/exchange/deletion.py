"""What a deleted account leaves behind here: exchanges that have ended, and name nobody."""

from datetime import datetime
from functools import partial

from konnect.context import Context
from konnect.store import Tx

from . import repository, service

BATCH = 100


def erase(ctx: Context, uid: str, name: str, *, now: datetime) -> None:
    """End what waits or goes on, put `name` in the place of the user's own, and take out what they wrote of others. Can
    be repeated."""
    cursor = None
    while True:
        found = repository.of_member(ctx.db, uid, status=None, limit=BATCH, cursor=cursor)
        for exchange in found.items:
            ctx.run(partial(_erase, exchange_id=exchange["id"], uid=uid, name=name, now=now))
        cursor = found.next_cursor
        if cursor is None:
            break


def _erase(tx: Tx, *, exchange_id: str, uid: str, name: str, now: datetime) -> None:
    service.close(tx, exchange_id, uid, now=now)
    exchange = repository.find(tx, exchange_id)
    side = "requester" if uid == exchange["requesterId"] else "provider"
    fields: dict[str, object] = {f"{side}Name": name}
    if side == "requester":
        fields["message"] = ""
    if uid == exchange["endedBy"]:
        fields["note"] = None
    if uid in exchange["feedback"]:
        fields["feedback"] = {**exchange["feedback"], uid: {**exchange["feedback"][uid], "comment": ""}}
    if any(exchange[field] != value for field, value in fields.items()):
        repository.update(tx, exchange, fields, now=now)
