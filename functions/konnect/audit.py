"""Audit entries: who did what to what, with the values before and after. Written in the action's own transaction."""

from datetime import datetime
from typing import Any

from . import ids
from .store import Database, Page, Query, Tx, page


def write(
    tx: Tx,
    *,
    actor: str,
    action: str,
    target: str,
    now: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str | None = None,
    entry_id: str | None = None,
) -> None:
    """Record an admin's or the console's action. `target` is a document's path; `entry_id`, where given, makes a repeat
    of the action write no second entry (the transaction then fails on *create*)."""
    tx.create(
        ("audit", entry_id or ids.new()),
        {
            "actor": actor,
            "action": action,
            "target": target,
            "before": before,
            "after": after,
            "reason": reason,
            "createdAt": now,
        },
    )


def listed(
    db: Database,
    *,
    actor: str | None = None,
    target: str | None = None,
    action: str | None = None,
    limit: int,
    cursor: str | None,
) -> Page:
    """Entries, newest first."""
    query = Query(("audit",), order=(("createdAt", "desc"),))
    for field, value in (("actor", actor), ("target", target), ("action", action)):
        if value:
            query = query.filter(field, "==", value)
    return page(db, query, limit=limit, cursor=cursor)
