"""devices/{digest of the token}: where a user is pushed to. No client reads it.

{userId, token, platform: web | android | ios, createdAt, seenAt, expiresAt}. A token stands for one installed app, and
belongs to whoever is signed in there: registered by another user, it moves. It goes when FCM says so, at sign-out
(DELETE, or everywhere), or when it has not been registered again for long; the frontends register at each start.
"""

from datetime import datetime, timedelta

from konnect import ids
from konnect.errors import NotFound
from konnect.store import Database, Doc, Query, Tx

KEPT = timedelta(days=270)
"""FCM's own limit: after as many days without a connection it drops a token."""
MAX_DEVICES = 10


def register(tx: Tx, uid: str, token: str, platform: str, *, now: datetime) -> Doc:
    """Bind a token to `uid`, and to nobody else. Beyond MAX_DEVICES the one registered longest ago goes."""
    device_id = ids.digest("device", token)
    before = tx.get("devices", device_id)
    mine = tx.query(_of(uid))
    created_at = before["createdAt"] if before is not None and before["userId"] == uid else now
    doc: Doc = {
        "userId": uid,
        "token": token,
        "platform": platform,
        "createdAt": created_at,
        "seenAt": now,
        "expiresAt": now + KEPT,
    }
    tx.set(("devices", device_id), doc)
    others = sorted((one for one in mine if one["id"] != device_id), key=lambda one: one["seenAt"], reverse=True)
    for old in others[MAX_DEVICES - 1 :]:
        tx.delete(("devices", old["id"]))
    return {**doc, "id": device_id}


def remove(tx: Tx, uid: str, device_id: str) -> None:
    """Raises NotFound for one that is not there, or another user's."""
    device = tx.get("devices", device_id)
    if device is None or device["userId"] != uid:
        raise NotFound("there is no such device")
    tx.delete(("devices", device_id))


def remove_all(tx: Tx, uid: str) -> None:
    for device in tx.query(_of(uid)):
        tx.delete(("devices", device["id"]))


def of_user(db: Database, uid: str, *, now: datetime) -> list[Doc]:
    # TTL deletes within a day.
    return [device for device in _of(uid).run(db) if device["expiresAt"] > now]


def forget(db: Database, device_id: str) -> None:
    """Its token is dead: nobody can have it any more."""
    db.delete("devices", device_id)


def erase(db: Database, uid: str) -> None:
    for device in _of(uid).run(db):
        forget(db, device["id"])


def _of(uid: str) -> Query:
    return Query(("devices",)).filter("userId", "==", uid)
