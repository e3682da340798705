"""The Firestore client of this process, and the count of what its calls cost."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore

from konnect.errors import Conflict

Doc = dict[str, Any]
"""A document's fields. Times are aware datetimes in UTC; amounts are integer paise."""

SERVER_TIME = firestore.SERVER_TIMESTAMP
"""The commit's time, set by Firestore."""

READ_TIMEOUT_S = 10.0
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

log = logging.getLogger(__name__)


@dataclass
class Usage:
    """Billed Firestore operations: documents read (an absent one counts; an empty query counts 1) and written."""

    reads: int = 0
    writes: int = 0


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


class Database:
    """Documents by path, outside a transaction. One object a process; thread-safe as the client is."""

    def __init__(self, project: str) -> None:
        self.project = project

    @cached_property
    def client(self) -> firestore.Client:
        return firestore.Client(project=self.project)

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
        self.ref(*path).set(doc, merge=merge, timeout=READ_TIMEOUT_S)

    def create(self, path: tuple[str, ...], doc: Doc) -> Any:
        """Create a document; returns the time that SERVER_TIME stands for in it, as it is stored (milliseconds), or
        without one the commit's. Raises Conflict if there is a document."""
        count(writes=1)
        try:
            result = self.ref(*path).create(doc, timeout=READ_TIMEOUT_S)
            return result.transform_results[0].timestamp_value if result.transform_results else result.update_time
        except exceptions.AlreadyExists as error:
            raise Conflict("already exists", code="ALREADY_EXISTS") from error

    def delete(self, *path: str) -> None:
        count(writes=1)
        self.ref(*path).delete(timeout=READ_TIMEOUT_S)
