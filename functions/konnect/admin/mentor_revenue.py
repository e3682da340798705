"""What each mentor brought in a month, from the ledger's own sums of it: a document a mentor, read page by page."""

from collections.abc import Iterator
from typing import Any

from konnect.ledger import days as ledger_days
from konnect.store import Database, Doc, Page, sifted

from . import revenue
from .revenue import SOURCES

EXAMINED_MAX = 200
"""Months read for one page at most, where only some have the source that is asked for."""
BATCH_MIN = 20


def listed(db: Database, month: str, source: str | None, *, limit: int, cursor: str | None) -> Page:
    """A month's mentors, those with the most revenue first, three reads each: {userId, mentorId, name, gross, …}. With
    a source a page may be short, or empty, and have a next one."""
    found = sifted(
        db,
        ledger_days.of_mentors(month),
        lambda batch: [doc for doc in batch if _has(doc, source)],
        examined_max=EXAMINED_MAX,
        batch_min=BATCH_MIN,
        limit=limit,
        cursor=cursor,
    )
    return Page(_named(db, found.items, source), found.next_cursor)


def streamed(db: Database, month: str, source: str | None) -> Iterator[dict[str, Any]]:
    """All of them, for a file."""
    batch: list[Doc] = []
    for doc in ledger_days.of_mentors(month).stream(db):
        batch += [doc] if _has(doc, source) else []
        if len(batch) == EXAMINED_MAX:
            yield from _named(db, batch, source)
            batch = []
    yield from _named(db, batch, source)


def _has(doc: Doc, source: str | None) -> bool:
    return source is None or any(SOURCES.get(name.partition(".")[0]) == source for name in ledger_days.sums_of(doc))


def _named(db: Database, docs: list[Doc], source: str | None) -> list[dict[str, Any]]:
    if not docs:
        return []
    paths = [(kind, doc["mentor"]) for doc in docs for kind in ("users", "expertsByUid")]
    known = db.get_many(paths)
    return [
        {
            "userId": uid,
            "mentorId": (known["expertsByUid", uid] or {}).get("expertId", uid),
            "name": (known["users", uid] or {}).get("name"),
            **revenue.of(ledger_days.sums_of(doc), source).as_json(),
        }
        for doc in docs
        for uid in [doc["mentor"]]
    ]
