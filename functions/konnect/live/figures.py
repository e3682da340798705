"""Numbers of live classes, by counting index entries (a read a thousand): for the administration."""

from datetime import datetime
from typing import get_args

from konnect.store import Database, Query

from . import policy, repository


def by_status(db: Database) -> dict[str, int]:
    """How many classes there are of each status."""
    query = Query((repository.COLLECTION,))
    return {status: query.filter("status", "==", status).count(db) for status in get_args(policy.Status)}


def hosts(db: Database, number: int) -> list[str]:
    """The experts who are in a class of theirs now, at most `number`."""
    found = Query((repository.COLLECTION,), limit=number).filter("status", "==", "live").run(db)
    return [one["host"]["id"] for one in found]


def held(db: Database, since: datetime, until: datetime) -> tuple[int, int]:
    """How many classes ended whose attendance is counted, and how many people were there, the hosts not counted."""
    query = Query((repository.COLLECTION,)).filter("endedAt", ">=", since).filter("endedAt", "<", until)
    return query.tally(db, "attendedCount")
