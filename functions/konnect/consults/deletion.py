"""What a deleted account leaves behind here: consults that name nobody."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.sessions import claims
from konnect.sessions.deletion import rename
from konnect.store import Tx

from . import repository

BATCH = 100
FIELDS = {"userId": "userName", "expertUid": "expertName"}


def open_matters(tx: Tx, uid: str) -> list[dict[str, Any]]:
    """Consults that go on, on either side: [{code, message, way, consultId}]. By the claims, which whoever begins one
    right now writes."""
    found = (repository.find(tx, claimed) for claimed in claims.of(tx, uid))
    return [
        {
            "code": "CONSULT_OPEN",
            "message": f"a consult is {consult['status']}",
            "way": "end it",
            "consultId": consult["id"],
        }
        for consult in found
        if consult is not None and consult["status"] in repository.OPEN
    ]


def erase(ctx: Context, uid: str, name: str, *, now: datetime) -> None:
    """Put `name` in the place of the user's own, in their consults and in what the others' transactions say of them.
    Can be repeated."""
    for field, named in FIELDS.items():
        cursor = None
        while True:
            found = repository.listed(ctx.db, field, uid, limit=BATCH, cursor=cursor)
            for consult in found.items:
                if consult[named] != name:
                    ctx.run(partial(rename, path=("consults", consult["id"]), named=named, name=name, now=now))
            cursor = found.next_cursor
            if cursor is None:
                break
