"""Numbers of consults, by counting index entries (a read a thousand), and those that run: for the administration."""

from datetime import datetime

from konnect.store import Database, Doc, Query


def count_created(db: Database, since: datetime, until: datetime) -> int:
    return Query(("consults",)).filter("createdAt", ">=", since).filter("createdAt", "<", until).count(db)


def count_ended(db: Database, since: datetime, until: datetime) -> int:
    return Query(("consults",)).filter("endedAt", ">=", since).filter("endedAt", "<", until).count(db)


def count_active(db: Database) -> int:
    return _active().count(db)


def active(db: Database, number: int) -> list[Doc]:
    """Those in which both are there, at most `number`."""
    return Query(("consults",), _active().where, limit=number).run(db)


def _active() -> Query:
    return Query(("consults",)).filter("status", "==", "active")
