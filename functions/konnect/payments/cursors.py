"""eventCursors/{gateway}: how far a sweep has come in a list of the gateway's. It moves after a page, never before:
what fails, or is down, is asked for again."""

from datetime import UTC, datetime

from konnect.store import Doc, Tx

COLLECTION = "eventCursors"


def second(moment: datetime) -> datetime:
    """The gateways' times are whole seconds."""
    return datetime.fromtimestamp(int(moment.timestamp()), UTC)


def move(tx: Tx, gateway: str, kept: Doc | None, moved: Doc, now: datetime) -> bool:
    """Whether it was where it was read; else another sweep is under way, and further."""
    if tx.get(COLLECTION, gateway) != kept:
        return False
    tx.set((COLLECTION, gateway), {**moved, "updatedAt": now})
    return True
