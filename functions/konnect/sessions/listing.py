"""Sessions as admins look for them. Each combination of filters is served by merging indexes on (field, createdAt)."""

from collections import Counter
from datetime import datetime
from typing import Any

from konnect.errors import NotFound
from konnect.store import Database, Doc, Page, Query, page

from . import repository

MAX_ENTRIES = 1000


def find(db: Database, session_id: str) -> Doc:
    """Raises NotFound (SESSION_NOT_FOUND)."""
    session = db.get("sessions", session_id)
    if session is None:
        raise NotFound("there is no such session", code="SESSION_NOT_FOUND")
    return {**session, "id": session_id}


def listed(
    db: Database,
    *,
    status: str | None = None,
    type: str | None = None,
    user_id: str | None = None,
    expert_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    cursor: str | None,
) -> Page:
    """Sessions created from `since` to before `until`, newest first."""
    query = Query(("sessions",), order=(("createdAt", "desc"),))
    for field, value in (("status", status), ("type", type), ("userId", user_id), ("expertId", expert_id)):
        if value:
            query = query.filter(field, "==", value)
    if since:
        query = query.filter("createdAt", ">=", since)
    if until:
        query = query.filter("createdAt", "<", until)
    return page(db, query, limit=limit, cursor=cursor)


def of_person(db: Database, uid: str, side: str, *, limit: int, cursor: str | None) -> Page:
    """The sessions of a user, on one side: "user" or "expert"."""
    field = "userId" if side == "user" else "expertUid"
    return repository.listed(db, field, uid, status=None, type=None, limit=limit, cursor=cursor)


def scheduled(
    db: Database, uid: str, side: str, since: datetime, *, statuses: tuple[str, ...], limit: int
) -> list[Doc]:
    """Booked sessions of a user, on one side ("user" or "expert"), for `since` or later, the first first."""
    field = "userId" if side == "user" else "expertUid"
    query = Query(("sessions",), order=(("scheduledAt", "asc"),), limit=limit).filter(field, "==", uid)
    return query.filter("status", "in", list(statuses)).filter("scheduledAt", ">=", since).run(db)


def count_created(db: Database, since: datetime, until: datetime) -> int:
    return Query(("sessions",)).filter("createdAt", ">=", since).filter("createdAt", "<", until).count(db)


def count_ended(db: Database, since: datetime, until: datetime) -> int:
    return Query(("sessions",)).filter("endedAt", ">=", since).filter("endedAt", "<", until).count(db)


def count_active(db: Database) -> int:
    return Query(("sessions",)).filter("status", "==", "in_progress").count(db)


def count_waiting(db: Database) -> int:
    """How many wait in all queues."""
    return Query(("entries",), group=True).count(db)


def queues(db: Database) -> list[dict[str, Any]]:
    """Experts with people waiting, the longest queue first (of the MAX_ENTRIES who joined first)."""
    entries = Query(("entries",), order=(("joinedAt", "asc"),), limit=MAX_ENTRIES, group=True).run(db)
    waiting = Counter(entry["expertId"] for entry in entries)
    return [{"expertId": expert_id, "waiting": count} for expert_id, count in waiting.most_common()]
