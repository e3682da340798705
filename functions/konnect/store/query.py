"""Queries: one shape for filters and order, logged once a process so that indexes can be checked, and cursors."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from konnect.errors import BadRequest

from .database import READ, Database, Doc, count

log = logging.getLogger(__name__)
_seen: set[str] = set()

_RANGES = ("<", "<=", ">", ">=")
DEFAULT_LIMIT = 20


@dataclass(frozen=True)
class Query:
    """`collection` (its path), equality and range filters, order. Documents come with their id under "id"."""

    collection: tuple[str, ...]
    where: tuple[tuple[str, str, Any], ...] = ()
    order: tuple[tuple[str, str], ...] = ()
    limit: int | None = None
    group: bool = False
    """Query the collection group named by the last part of `collection`."""
    fields: tuple[str, ...] = ()
    """Read these fields alone, the order's among them; none: all. Billed the same, but less to send and to decode."""
    after: tuple[Any, ...] = ()
    """Begin after the document that has these values of the order's fields; `__name__`'s is the document's id."""
    offset: int = 0
    """Leave out so many at the beginning; Firestore reads and bills them."""

    def filter(self, field: str, op: str, value: Any) -> "Query":
        return replace(self, where=(*self.where, (field, op, value)))

    @property
    def shape(self) -> str:
        """What an index has to serve: the collection, each filter's field and kind, and the order."""
        return self._shape(self.order)

    def _shape(self, order: tuple[tuple[str, str], ...]) -> str:
        return json.dumps(
            {
                "collection": self.collection[-1],
                "group": self.group,
                "where": sorted([field, op] for field, op, _ in self.where),
                "order": list(order),
            }
        )

    def build(self, db: Database, shape: str | None = None) -> firestore.Query:
        shape = shape or self.shape
        if shape not in _seen:
            _seen.add(shape)
            log.info("query shape", extra={"shape": shape})
        source: Any = (
            db.client.collection_group(self.collection[-1]) if self.group else db.client.collection(*self.collection)
        )
        for field, op, value in self.where:
            source = source.where(filter=FieldFilter(field, op, value))
        for field, direction in self.order:
            source = source.order_by(field, direction="DESCENDING" if direction == "desc" else "ASCENDING")
        if self.after:
            values = {field: value for (field, _), value in zip(self.order, self.after, strict=True)}
            if "__name__" in values:
                values["__name__"] = db.ref(*self.collection, str(values["__name__"]))
            source = source.start_after(values)
        if self.fields:
            source = source.select(self.fields)
        if self.offset:
            source = source.offset(self.offset)
        return source.limit(self.limit) if self.limit is not None else source

    def run(self, db: Database, transaction: firestore.Transaction | None = None) -> list[Doc]:
        """All documents of the query, each with its "id"."""
        return list(self.stream(db, transaction))

    def stream(self, db: Database, transaction: firestore.Transaction | None = None) -> Iterator[Doc]:
        return self._documents(self.build(db), transaction)

    def count(self, db: Database, transaction: firestore.Transaction | None = None) -> int:
        """How many documents match: billed as one read a thousand index entries."""
        count(reads=1)
        counted: Any = self.build(db).count()
        return int(counted.get(transaction=transaction, **READ)[0][0].value)

    def sum(self, db: Database, field: str) -> int:
        """The sum of a field of integers, of the documents that have it; see `tally`."""
        return self.tally(db, field)[1]

    def tally(self, db: Database, field: str) -> tuple[int, int]:
        """How many documents have a field of integers, and its sum; billed together as `count` is. Without an order.

        Its index has the field after those of the filters.
        """
        count(reads=1)
        ranges = [name for name, op, _ in self.where if op in _RANGES]
        shape = self._shape((*((name, "asc") for name in dict.fromkeys(ranges)), (field, "asc")))
        query: Any = self.build(db, shape)
        found = {one.alias: int(one.value) for one in query.count("count").sum(field, "sum").get(**READ)[0]}
        return found["count"], found["sum"]

    @staticmethod
    def _documents(source: Any, transaction: firestore.Transaction | None) -> Iterator[Doc]:
        found = 0
        for snapshot in source.stream(transaction=transaction):
            found += 1
            yield {**(snapshot.to_dict() or {}), "id": snapshot.id}
        count(reads=max(found, 1))


@dataclass(frozen=True)
class Page:
    items: list[Doc]
    next_cursor: str | None


def page(
    db: Database,
    query: Query,
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
    number: int | None = None,
) -> Page:
    """One page of `query`, whose order must be set. A cursor holds the last document's order values and id.

    `number`: which page, from 1, for frontends that count pages, where there is no cursor. Those before it are read
    too, so a cursor is cheaper; the page has one, to go on with.

    Raises BadRequest for a cursor that was not made here for this order.
    """
    query = replace(query, order=(*query.order, ("__name__", query.order[-1][1])), limit=limit + 1)
    if cursor:
        query = replace(query, after=tuple(_decode(cursor, len(query.order))))
    elif number is not None:
        query = replace(query, offset=(number - 1) * limit)
    found = query.run(db)
    items = found[:limit]
    if len(found) <= limit:
        return Page(items, None)
    return Page(items, _cursor(query.order[:-1], items[-1]))


def sifted(
    db: Database,
    query: Query,
    keep: Callable[[list[Doc]], list[Doc]],
    *,
    examined_max: int,
    batch_min: int,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page:
    """One page of those that `keep` leaves of each batch, for what an index can't say. At most `examined_max` documents
    are read for it; a page may then be short, or empty, and have a next one: the cursor is where the reading stopped.
    """
    items: list[Doc] = []
    examined = 0
    while examined < examined_max:
        batch = page(db, query, limit=min(max(limit, batch_min), examined_max - examined), cursor=cursor)
        examined += len(batch.items)
        for doc in keep(batch.items):
            items.append(doc)
            if len(items) == limit:
                is_last = doc is batch.items[-1] and batch.next_cursor is None
                return Page(items, None if is_last else _cursor(query.order, doc))
        cursor = batch.next_cursor
        if cursor is None:
            break
    return Page(items, cursor)


def _cursor(order: tuple[tuple[str, str], ...], doc: Doc) -> str:
    return _encode([doc.get(field) for field, _ in order] + [doc["id"]])


def _encode(values: list[Any]) -> str:
    plain = [{"t": value.isoformat()} if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _decode(cursor: str, size: int) -> list[Any]:
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = [datetime.fromisoformat(value["t"]) if isinstance(value, dict) else value for value in plain]
    except (ValueError, TypeError, KeyError) as error:
        raise BadRequest.field("cursor", "is not a cursor of this list") from error
    if len(values) != size or not isinstance(values[-1], str) or "/" in values[-1] or not values[-1]:
        raise BadRequest.field("cursor", "is not a cursor of this list")
    return values
