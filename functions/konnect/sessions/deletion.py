"""What a deleted account leaves behind here: sessions that name nobody, and no place in a queue."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.experts import service as experts
from konnect.platform import platform_config
from konnect.realtime import user_room
from konnect.store import Doc, Query, Tx

from . import queue, repository

OPEN = ["pending", "confirmed", "in_progress"]
MAX_NAMED = 5
BATCH = 100
FIELDS = {"userId": "userName", "expertUid": "expertName"}


def open_matters(tx: Tx, uid: str) -> list[dict[str, Any]]:
    """Sessions, booked or running, on either side: [{code, message, way, sessionId}]."""
    found: dict[str, Doc] = {}
    for field in FIELDS:
        query = Query(("sessions",), limit=MAX_NAMED).filter(field, "==", uid).filter("status", "in", OPEN)
        found |= {session["id"]: session for session in tx.query(query)}
    # A claim is read too: whoever starts a session right now writes it, so one of the two transactions has to wait.
    tx.prefetch(*repository.claim_paths(experts.id_of(tx, uid), uid))
    return [
        {
            "code": "SESSION_OPEN",
            "message": f"a session is {session['status'].replace('_', ' ')}",
            "way": "end it" if session["status"] == "in_progress" else "cancel it",
            "sessionId": session_id,
        }
        for session_id, session in found.items()
    ]


def erase(ctx: Context, uid: str, expert_id: str | None, name: str, *, now: datetime) -> None:
    """Put `name` in the place of the user's own in their sessions and in what the others' transactions say of them;
    leave every queue, and send home who waits for them. Can be repeated."""
    if expert_id is not None:
        ctx.run(partial(_send_home, expert_id=expert_id))
    for entry in Query(("entries",), group=True).filter("userId", "==", uid).run(ctx.db):
        ctx.db.delete("queues", entry["expertId"], "entries", uid)
        ctx.emit(queue.positions(ctx.db, entry["expertId"], config=platform_config(ctx.db), now=now))
    for field, named in FIELDS.items():
        cursor = None
        while True:
            found = repository.listed(ctx.db, field, uid, status=None, type=None, limit=BATCH, cursor=cursor)
            for session in found.items:
                if session[named] != name:
                    ctx.run(partial(rename, path=("sessions", session["id"]), named=named, name=name, now=now))
            cursor = found.next_cursor
            if cursor is None:
                break


def _send_home(tx: Tx, *, expert_id: str) -> None:
    for entry in tx.query(repository.queue_query(expert_id, queue.LONGEST)):
        repository.remove_entry(tx, expert_id, entry["id"])
        left: dict[str, Any] = {"expertId": expert_id, "position": 0, "reason": "absent"}
        tx.emit(user_room(entry["id"]), "queue-status", left)


def rename(tx: Tx, *, path: tuple[str, str], named: str, name: str, now: datetime) -> None:
    """Put `name` in the place of what the field `named` says, and in what transactions say of it."""
    found = tx.get(*path)
    if found is None:
        return
    old = found[named]
    tx.update(path, {named: name, "updatedAt": now})
    for transaction in tx.query(Query(("transactions",)).filter("referenceId", "==", path[1])):
        if old and old in transaction["description"]:
            described = transaction["description"].replace(old, name)
            tx.update(("transactions", transaction["id"]), {"description": described})
