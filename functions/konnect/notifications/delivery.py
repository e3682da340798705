"""What goes out of the house because of a notification, once: the claim that mails and pushes share.

{collection}/{notificationId}: {status: pending | sending | sent | failed | skipped, attempts, claimedUntil,
nextAttemptAt, lastError, createdAt, endedAt, expiresAt}. The event that asks for it comes at least once and may come
twice at a time: whoever holds the claim sends. Only a crash between the provider's word and ours sends again, under the
same id. What an event has been given up over, the sweep tries again, for three days.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from konnect import clock
from konnect.context import Context
from konnect.errors import KonnectError, Unavailable
from konnect.store import Doc, Query, Tx

log = logging.getLogger(__name__)

CLAIM_S = 120
"""Longer than a function lives that sends."""
SWEEP_AFTER = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
KEPT = timedelta(days=30)
SWEEP_LIMIT = 100
FINAL = ("sent", "failed", "skipped")

Path = tuple[str, str]
Deliver = Callable[[Context, str, Doc, datetime], str]


def new(now: datetime) -> Doc:
    return {
        "status": "pending",
        "attempts": 0,
        "claimedUntil": None,
        "nextAttemptAt": None,
        "lastError": None,
        "createdAt": now,
    }


def claim(tx: Tx, path: Path, initial: Doc, *, now: datetime) -> Doc:
    """Claim a delivery, as `initial` at first. One that has ended is returned as it is. Raises Unavailable while
    another holds the claim."""
    found = tx.get(*path) or initial
    if found["status"] in FINAL:
        return found
    if found["claimedUntil"] is not None and found["claimedUntil"] > now:
        raise Unavailable("it is being sent", retry_after_s=CLAIM_S)
    claimed = {
        **found,
        "status": "sending",
        "attempts": found["attempts"] + 1,
        "claimedUntil": clock.after(now, CLAIM_S),
        "nextAttemptAt": now + SWEEP_AFTER,
    }
    tx.set(path, claimed)
    return claimed


def release(ctx: Context, path: Path, error: str, **fields: Any) -> None:
    """Give the claim back: it is to be tried again."""
    ctx.run(lambda tx: tx.update(path, {"status": "pending", "claimedUntil": None, "lastError": error, **fields}))


def ended(status: str, now: datetime) -> Doc:
    """The fields of a delivery that has come to its end."""
    return {
        "status": status,
        "claimedUntil": None,
        "nextAttemptAt": None,
        "endedAt": now,
        "expiresAt": now + KEPT,
    }


def end(ctx: Context, path: Path, status: str, now: datetime, **fields: Any) -> str:
    ctx.run(lambda tx: tx.update(path, {**ended(status, now), **fields}))
    return status


def sweep(ctx: Context, collection: str, deliver: Deliver, now: datetime) -> dict[str, int]:
    """Try again what is overdue. Returns how many came to which status."""
    counts: dict[str, int] = {}
    due = Query((collection,), (("nextAttemptAt", "<=", now),), (("nextAttemptAt", "asc"),), SWEEP_LIMIT).run(ctx.db)
    for one in due:
        status = _again(ctx, collection, deliver, one, now)
        counts[status] = counts.get(status, 0) + 1
    return counts


def _again(ctx: Context, collection: str, deliver: Deliver, found: Doc, now: datetime) -> str:
    path = (collection, found["id"])
    notification = ctx.db.get("notifications", found["id"])
    if notification is None:
        return end(ctx, path, "skipped", now)
    if now - found["createdAt"] > GIVE_UP_AFTER:
        log.error("delivery given up", extra={"delivery": "/".join(path), "error": found["lastError"]})
        return end(ctx, path, "failed", now)
    try:
        return deliver(ctx, found["id"], notification, now)
    except KonnectError as error:
        log.warning("not delivered", extra={"delivery": "/".join(path), "error": error.message})
        return "pending"
