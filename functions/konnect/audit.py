"""Audit entries: who did what to what, with the values before and after. Written in the action's own transaction."""

from datetime import datetime
from typing import Any

from . import ids
from .store import Tx


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
