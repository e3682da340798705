"""The Firestore client of this process, and the count of what its calls cost."""

import logging
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore

from konnect import trace
from konnect.errors import Conflict, Unavailable

from .client import Client

Doc = dict[str, Any]
"""A document's fields. Times are aware datetimes in UTC; amounts are integer paise."""

SERVER_TIME = firestore.SERVER_TIMESTAMP
"""The commit's time, set by Firestore."""

READ_TIMEOUT_S = 10.0
ADD_TIMEOUT_S = 1.0
READ: Any = {
    # The client's own would try for five minutes; a request is answered with 503 long before.
    "retry": Retry(
        if_exception_type(exceptions.ServiceUnavailable, exceptions.InternalServerError, exceptions.ResourceExhausted),
        initial=0.1,
        maximum=1.0,
        timeout=READ_TIMEOUT_S,
    ),
    "timeout": READ_TIMEOUT_S,
}
"""How reads are tried again."""

CREATE_ATTEMPTS = 10
"""In four seconds or so: nobody's message is refused because somebody reads."""

TRACED = {("notifications",), ("transactions",), ("users",), ("sessions", "private")}
"""Collections whose documents say to which trace their last write belongs: Firestore's events do not carry one, so the
trigger reads it there. Of those with triggers, only the ones that a single owner reads."""
TRACE = "trace"

log = logging.getLogger(__name__)


@dataclass
class Usage:
    """Billed Firestore operations: documents read (an absent one counts; an empty query counts 1) and written."""

    reads: int = 0
    writes: int = 0


@dataclass(frozen=True)
class Created:
    """`at`: what SERVER_TIME stands for in the document, as it is stored (milliseconds), or without one the commit's
    time. `sums`: what the increments in the other documents came to, each document's in the order of its fields."""

    at: Any
    sums: list[int]


_usage: ContextVar[Usage | None] = ContextVar("usage", default=None)


@contextmanager
def measure() -> Iterator[Usage]:
    """Count the operations of this thread's calls within the block."""
    usage = Usage()
    token = _usage.set(usage)
    try:
        yield usage
    finally:
        _usage.reset(token)


def count(*, reads: int = 0, writes: int = 0) -> None:
    usage = _usage.get()
    if usage is not None:
        usage.reads += reads
        usage.writes += writes


def stamped(path: tuple[str, ...], doc: Doc) -> Doc:
    """The fields to write at `path`, with the trace that the write belongs to (see TRACED)."""
    current = trace.current()
    return doc if current is None or path[::2] not in TRACED else {**doc, TRACE: current.header}


class Database:
    """Documents by path, outside a transaction. One object a process; thread-safe as the client is."""

    def __init__(self, project: str) -> None:
        self.project = project

    @cached_property
    def client(self) -> firestore.Client:
        return Client(project=self.project)

    def ref(self, *path: str) -> firestore.DocumentReference:
        """The reference of a document: ref("sessions", id) or ref("sessions", id, "messages", message_id)."""
        return self.client.document(*path)

    def get(self, *path: str) -> Doc | None:
        """The document's fields, or None."""
        count(reads=1)
        return self.ref(*path).get(**READ).to_dict()

    def get_many(self, paths: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Doc | None]:
        """Several documents in one call, by their paths."""
        refs = {self.ref(*path)._document_path: path for path in paths}
        count(reads=len(refs))
        found = self.client.get_all([self.ref(*path) for path in refs.values()], **READ)
        return {refs[snapshot.reference._document_path]: snapshot.to_dict() for snapshot in found}

    def set(self, path: tuple[str, ...], doc: Doc, *, merge: bool = False) -> None:
        """Write a document that no balance and no state machine depends on (leases, caches)."""
        count(writes=1)
        self.ref(*path).set(stamped(path, doc), merge=merge, timeout=READ_TIMEOUT_S)

    def create(self, path: tuple[str, ...], doc: Doc, *, also: Mapping[tuple[str, ...], Doc] | None = None) -> Created:
        """Create a document, and in the same commit merge fields into others, blindly: all of it or nothing.

        Raises Conflict if there is a document, Unavailable while a transaction keeps the others.
        """
        others = also or {}
        for attempt in range(CREATE_ATTEMPTS):
            count(writes=1 + len(others))
            batch = self.client.batch()
            batch.create(self.ref(*path), stamped(path, doc))
            for other, fields in others.items():
                batch.set(self.ref(*other), stamped(other, fields), merge=True)
            try:
                results = batch.commit(timeout=READ_TIMEOUT_S)
                own, further = results[0], [value for one in results[1:] for value in one.transform_results]
                at = own.transform_results[0].timestamp_value if own.transform_results else own.update_time
                return Created(at, [value.integer_value for value in further if "integer_value" in value])
            except exceptions.AlreadyExists as error:
                raise Conflict("already exists", code="ALREADY_EXISTS") from error
            except exceptions.Aborted as error:
                # Nothing was written: a transaction had read one of the others.
                if attempt + 1 == CREATE_ATTEMPTS:
                    raise Unavailable("the documents are busy; please try again") from error
                delay_s = min(1.0, 0.05 * 2**attempt)
                time.sleep(random.uniform(delay_s / 2, delay_s))  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    def add(self, path: tuple[str, ...], field: str, number: int, doc: Doc) -> int:
        """Add to a counter without reading it; the commit itself answers with the sum. Whether the document exists or
        not; `doc` is written beside. Not tried again: that could count twice."""
        count(writes=1)
        fields = {**doc, field: firestore.Increment(number)}
        result = self.ref(*path).set(fields, merge=True, retry=None, timeout=ADD_TIMEOUT_S)
        return int(result.transform_results[0].integer_value)

    def delete(self, *path: str) -> None:
        count(writes=1)
        self.ref(*path).delete(timeout=READ_TIMEOUT_S)
