"""Numbers of exchanges, by counting index entries (a read a thousand): for the administration."""

from datetime import datetime

from konnect.store import Database, Query

from . import policy


def by_status(db: Database) -> dict[str, int]:
    """How many exchanges there are of each status."""
    query = Query(("exchanges",))
    return {status: query.filter("status", "==", status).count(db) for status in policy.STATUSES}


def count_created(db: Database, since: datetime, until: datetime) -> int:
    return Query(("exchanges",)).filter("createdAt", ">=", since).filter("createdAt", "<", until).count(db)


def count_completed(db: Database, since: datetime, until: datetime) -> int:
    ended = Query(("exchanges",)).filter("endedAt", ">=", since).filter("endedAt", "<", until)
    return ended.filter("status", "==", "completed").count(db)
