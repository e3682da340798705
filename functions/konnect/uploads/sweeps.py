"""Every night: files that nothing names a day after they could be uploaded."""

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from konnect.context import Context
from konnect.store import Query, Tx

from . import service
from .files import Purpose

BATCH = 100
MAX_FILES = 2_000
"""Of one run, which has minutes; the next one takes the others."""
BY_SDK: tuple[Purpose, ...] = ("resume", "photo", "thumbnail", "video")
LOOKED_BACK = timedelta(days=4)
"""A night or two without a sweep are made good."""


def sweep(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Delete them, object and document. Returns {"deleted"}; a repeat goes on where the last one ended."""
    for purpose in BY_SDK:
        _note_strays(ctx, purpose, now)
    deleted = 0
    while deleted < MAX_FILES:
        due = Query(("uploads",), (("expiresAt", "<=", now),), (("expiresAt", "asc"),), BATCH).run(ctx.db)
        found = [upload for upload in due if _expire(ctx, upload["id"], now)]
        for upload in found:
            service.storage(ctx).delete(upload["path"])
            ctx.db.delete("uploads", upload["id"])
        deleted += len(found)
        if len(due) < BATCH or not found:
            break
    return {"deleted": deleted}


def _expire(ctx: Context, upload_id: str, now: datetime) -> bool:
    """Close the document before the object goes: what is used at this moment either comes first, and stays, or finds it
    closed."""

    def work(tx: Tx) -> bool:
        doc = tx.get("uploads", upload_id)
        if doc is None or doc["status"] == "used" or doc["expiresAt"] is None or doc["expiresAt"] > now:
            return False
        tx.update(("uploads", upload_id), {"status": "expired"})
        return True

    return ctx.run(work)


def _note_strays(ctx: Context, purpose: Purpose, now: datetime) -> None:
    """Give what Firebase's SDK has uploaded, and nobody has named, the document by which it is deleted."""
    until = now - service.UNUSED
    paths = iter(service.storage(ctx).created(f"{purpose}s/", until - LOOKED_BACK, until))
    while some := list(islice(paths, BATCH)):
        ids = {path: service.ids_of(path) for path in some}
        known = ctx.db.get_many([("uploads", upload_id) for each in ids.values() for upload_id in each])
        for path, each in ids.items():
            if not any((known[("uploads", upload_id)] or {}).get("path") == path for upload_id in each):
                _note(ctx, purpose, path, each[-1], now)


def _note(ctx: Context, purpose: Purpose, path: str, upload_id: str, now: datetime) -> None:
    noted = {"uid": path.split("/")[1], "purpose": purpose, "path": path, "status": "pending", "sessionId": None}

    def work(tx: Tx) -> None:
        if tx.get("uploads", upload_id) is None:
            tx.create(("uploads", upload_id), {**noted, "createdAt": now, "usedAt": None, "expiresAt": now})

    ctx.run(work)
