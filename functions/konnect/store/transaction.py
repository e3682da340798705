"""The transaction runner.

A transaction's function can run more than once, so it has no outside effect: it reads through `Tx`, buffers its writes
there, and leaves what must follow (tasks, socket events) as effects. Each attempt has fresh ones; the runner flushes
those of the attempt that committed, before the caller answers.

The first attempt reads with locks. Where many want the same documents at once, each then waits for the others' locks
until all give up; so after an attempt that was aborted, what it would have written is read without a lock, and written
only if it is still as it was read: the first to commit wins, and the others repeat at once.
"""

import logging
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from google.api_core import exceptions
from google.cloud import firestore

from konnect import spans
from konnect.errors import Conflict, KonnectError, Unavailable
from konnect.tasks import Task

from .database import READ, Database, Doc, count, stamped
from .query import Query

T = TypeVar("T")
log = logging.getLogger(__name__)

ATTEMPTS = 12
FIRST_DELAY_S = 0.03
LONGEST_DELAY_S = 1.5
_RETRIED = (
    exceptions.Aborted,
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
)


@dataclass(frozen=True)
class Emit:
    """A Socket.IO event for everybody in a room, as a hint: the documents are the truth."""

    room: str
    event: str
    data: Any
    namespace: str = "/"


_EXPIRED = "transaction has expired"
"""Of Firestore's message for a transaction that it has given up meanwhile: it can be run again."""
_THERE_OR_NOT = (exceptions.AlreadyExists, exceptions.NotFound)
_CHANGED = (exceptions.FailedPrecondition, *_THERE_OR_NOT)
"""What a commit says when a document that was read without a lock is another one by then."""
_WHOLE = {"create", "set", "delete"}
"""Writes after which a document is known without having been read."""


class EffectSink(Protocol):
    """Where committed effects go. Tasks must be created or raise; events are best effort."""

    def flush(self, tasks: list[Task], emits: list[Emit]) -> None: ...


class Tx:
    """One attempt. Reads are cached and see this attempt's own buffered writes, so services compose in one
    transaction; all writes to one document become one write."""

    def __init__(
        self,
        db: Database,
        transaction: firestore.Transaction,
        known: dict[tuple[str, ...], Doc | None] | None = None,
        contended: frozenset[tuple[str, ...]] = frozenset(),
    ) -> None:
        self.db = db
        self._transaction = transaction
        self._seen: dict[tuple[str, ...], Doc | None] = dict(known or {})
        self._writes: dict[tuple[str, ...], tuple[str, Doc]] = {}
        self._peeked: dict[tuple[str, ...], Any] = {}
        self._contended = contended
        self.tasks: list[Task] = []
        self.emits: list[Emit] = []

    # Reads

    def get(self, *path: str) -> Doc | None:
        """The document's fields as this transaction sees them, or None."""
        if path not in self._seen and self._writes.get(path, ("",))[0] not in _WHOLE:
            self.prefetch(path)
        return self.seen(path)

    def prefetch(self, *paths: tuple[str, ...]) -> None:
        """Read several documents in one call."""
        self.peek(*(path for path in paths if path in self._contended))
        missing = [path for path in dict.fromkeys(paths) if path not in self._seen]
        if not missing:
            return
        refs = {self.db.ref(*path)._document_path: path for path in missing}
        count(reads=len(missing))
        found = self.db.client.get_all([self.db.ref(*p) for p in missing], transaction=self._transaction, **READ)
        for snapshot in found:
            self._seen[refs[snapshot.reference._document_path]] = snapshot.to_dict()

    def peek(self, *paths: tuple[str, ...]) -> None:
        """Read several documents without a lock, for what many want at once: with locks they would wait for each other
        until all give up. A write of one holds only if it is still as it was read, else the attempt is repeated; one
        that is not written is not guarded."""
        missing = [path for path in dict.fromkeys(paths) if path not in self._seen]
        if not missing:
            return
        refs = {self.db.ref(*path)._document_path: path for path in missing}
        count(reads=len(missing))
        for snapshot in self.db.client.get_all([self.db.ref(*path) for path in missing], **READ):
            path = refs[snapshot.reference._document_path]
            self._seen[path], self._peeked[path] = snapshot.to_dict(), snapshot.update_time

    @property
    def has_peeked(self) -> bool:
        return bool(self._peeked)

    @property
    def writes(self) -> dict[tuple[str, ...], tuple[str, Doc]]:
        """What this attempt would write: path → (kind, fields)."""
        return dict(self._writes)

    def seen(self, path: tuple[str, ...]) -> Doc | None:
        """A document as this attempt would leave it; None also for one that it has not read."""
        kind, fields = self._writes.get(path, ("", {}))
        if kind == "delete":
            return None
        before = {} if kind in {"create", "set"} else self._seen.get(path)
        if before is None:
            return None
        after = dict(before)
        for name, value in fields.items():
            after[name] = _added(after.get(name), value)
        return after

    def query(self, query: Query) -> list[Doc]:
        """The query's documents as they were before this attempt's writes."""
        return query.run(self.db, self._transaction)

    def count(self, query: Query) -> int:
        """How many documents the query has, as they were before this attempt's writes."""
        return query.count(self.db, self._transaction)

    # Writes

    def create(self, path: tuple[str, ...], doc: Doc) -> None:
        """The commit fails with Conflict if the document exists by then."""
        self._write(path, "create", doc)

    def set(self, path: tuple[str, ...], doc: Doc) -> None:
        self._write(path, "set", doc)

    def update(self, path: tuple[str, ...], fields: Doc) -> None:
        """Change top-level fields of a document that exists."""
        self._write(path, "update", fields)

    def merge(self, path: tuple[str, ...], fields: Doc) -> None:
        """Write fields blindly, whether the document exists or not (counters with firestore.Increment)."""
        self._write(path, "merge", fields)

    def delete(self, path: tuple[str, ...]) -> None:
        self._writes[path] = ("delete", {})

    def _write(self, path: tuple[str, ...], kind: str, fields: Doc) -> None:
        before, merged = self._writes.get(path, ("", {}))
        if kind in {"create", "set"}:
            # What was deleted here exists until the commit, so it can't be created.
            self._writes[path] = ("set" if before else kind, dict(fields))
            return
        assert before != "delete", f"{kind} of {'/'.join(path)}, which this transaction deletes"
        merged = dict(merged)
        for name, value in fields.items():
            merged[name] = _added(merged.get(name), value)
        self._writes[path] = (before or kind, merged)

    def confirm(self, guarded: Collection[tuple[str, ...]] = ()) -> None:
        """Lock the contended documents that no write guards. Raises Aborted unless all are as they were read."""
        paths = [path for path in self._contended & self._peeked.keys() if path not in guarded]
        if not paths:
            return
        peeked = {self.db.ref(*path)._document_path: self._peeked[path] for path in paths}
        count(reads=len(paths))
        found = self.db.client.get_all([self.db.ref(*p) for p in paths], transaction=self._transaction, **READ)
        if any(snapshot.update_time != peeked[snapshot.reference._document_path] for snapshot in found):
            raise exceptions.Aborted("a document has changed meanwhile")

    def apply(self) -> None:
        """Hand the buffered writes to the transaction."""
        guarded = {path for path in self._writes if path in self._peeked and self._can_guard(path)}
        self.confirm(guarded)
        count(writes=len(self._writes))
        for path, (kind, fields) in self._writes.items():
            ref = self.db.ref(*path)
            fields = stamped(path, fields)
            if path in guarded:
                self._apply_guarded(path, kind, fields)
            elif kind == "create":
                self._transaction.create(ref, fields)
            elif kind == "set":
                self._transaction.set(ref, fields)
            elif kind == "merge":
                self._transaction.set(ref, fields, merge=True)
            elif kind == "update":
                self._transaction.update(ref, fields)
            else:
                self._transaction.delete(ref)

    def _can_guard(self, path: tuple[str, ...]) -> bool:
        kind, fields = self._writes[path]
        if path not in self._contended:
            return True
        if kind == "delete":
            return self._seen[path] is not None
        # A merge goes into maps, which an update can't.
        return kind != "merge" or not any(isinstance(value, dict) for value in fields.values())

    def _apply_guarded(self, path: tuple[str, ...], kind: str, fields: Doc) -> None:
        """A write of a document that was peeked at. Raises Conflict as the commit of a *create* would."""
        ref, before = self.db.ref(*path), self._seen[path]
        if before is None:
            assert kind != "update", f"update of {'/'.join(path)}, which is not there"
            if kind != "delete":
                self._transaction.create(ref, fields)
            return
        if kind == "create":
            raise Conflict("already exists", code="ALREADY_EXISTS")
        as_read = self.db.client.write_option(last_update_time=self._peeked[path])
        if kind == "delete":
            self._transaction.delete(ref, option=as_read)
            return
        # An update takes the place of whole maps, where a merge would go into them.
        assert kind != "merge" or not any(isinstance(value, dict) for value in fields.values())
        gone = set(before) - set(fields) if kind == "set" else set()
        whole = {**fields, **dict.fromkeys(gone, firestore.DELETE_FIELD)}
        quoted = {self.db.client.field_path(name): value for name, value in whole.items()}
        self._transaction.update(ref, quoted, option=as_read)

    # Effects

    def enqueue(self, task: Task) -> None:
        self.tasks.append(task)

    def emit(self, room: str, event: str, data: Any, *, namespace: str = "/") -> None:
        self.emits.append(Emit(room, event, data, namespace))


def run(db: Database, sink: EffectSink, function: Callable[[Tx], T], *, attempts: int = ATTEMPTS) -> T:
    """Run `function` in a transaction, commit, flush its effects, and return what it returned.

    Contention and passing faults, in reads as in the commit, are tried again with jittered back-off; when the attempts
    are used up: Unavailable (503 with Retry-After). A document to be created that exists: Conflict. An effect that
    can't be scheduled raises although the commit stands: the caller is retried, and finds the work done.
    """
    with spans.child("firestore transaction", "client", {"db.system.name": "gcp.firestore"}) as span:
        tx, result = _committed(db, function, attempts, span)
    if tx.tasks or tx.emits:
        sink.flush(tx.tasks, tx.emits)
    return result


def _committed(db: Database, function: Callable[[Tx], T], attempts: int, span: spans.Span) -> tuple[Tx, T]:
    """The attempt that committed, and its result."""
    written: set[tuple[str, ...]] = set()
    contended: frozenset[tuple[str, ...]] = frozenset()
    for attempt in range(attempts):
        if span:
            span.set({"konnect.attempts": attempt + 1})
        try:
            tx, result = _attempt(db, function, contended, written)
        except _RETRIED as error:
            # What exists, or is not there, may be no matter of contention: that shows when it is read with a lock.
            by_others = isinstance(error, exceptions.Aborted) and not isinstance(error.__cause__, _THERE_OR_NOT)
            contended = frozenset(written) if by_others else frozenset()
            if attempt + 1 == attempts:
                log.warning("transaction gave up", extra={"attempts": attempts, "error": str(error)})
                raise Unavailable("the documents are busy; please try again") from error
            delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**attempt)
            time.sleep(random.uniform(delay_s / 2, delay_s))  # noqa: S311 - jitter, not a secret
            continue
        except exceptions.AlreadyExists as error:
            raise Conflict("already exists", code="ALREADY_EXISTS") from error
        if span:
            span.set({"konnect.writes": len(tx.writes)})
        return tx, result
    raise AssertionError("unreachable")


def rehearse(db: Database, function: Callable[[Tx], T], known: dict[tuple[str, ...], Doc | None]) -> tuple[Tx, T]:
    """Run `function` as `run` does, and write nothing: for dry runs. `known`: documents as they are to be seen.

    Returns what it would have written and done, with its result.
    """

    def body(transaction: firestore.Transaction) -> tuple[Tx, T]:
        tx = Tx(db, transaction, known)
        return tx, function(tx)

    # Read-only: it takes no locks, so a dry run is in nobody's way.
    done: tuple[Tx, T] = firestore.transactional(body)(db.client.transaction(read_only=True))
    return done


def _added(old: Any, value: Any) -> Any:
    """A field after a write of `value`: an increment adds to a number, or to an increment that is to come."""
    if not isinstance(value, firestore.Increment):
        return value
    if isinstance(old, firestore.Increment):
        return firestore.Increment(old.value + value.value)
    return old + value.value if isinstance(old, int | float) else value


def _attempt(
    db: Database, function: Callable[[Tx], T], contended: frozenset[tuple[str, ...]], written: set[tuple[str, ...]]
) -> tuple[Tx, T]:
    """One attempt; it adds to `written` what it would have written, whether it commits or not."""
    holder: list[Tx] = []

    def body(transaction: firestore.Transaction) -> T:
        tx = Tx(db, transaction, contended=contended)
        holder.append(tx)
        refusal: Exception | None = None
        try:
            result = function(tx)
        except exceptions.GoogleAPICallError:
            raise
        except Exception as error:
            refusal = error
        finally:
            written.update(tx.writes)
        if refusal is not None:
            # What it is refused by must have been so at one moment.
            tx.confirm()
            raise refusal
        tx.apply()
        return result

    try:
        # One attempt a call: the client's own loop retries an ABORTED commit without back-off, and no ABORTED read.
        result: T = firestore.transactional(body)(db.client.transaction(max_attempts=1))
    except exceptions.GoogleAPICallError as error:
        # A rollback that is refused hides what made it necessary.
        first = error.__context__
        cause = first if isinstance(first, KonnectError | exceptions.GoogleAPICallError) else error
        if holder and holder[-1].has_peeked and isinstance(cause, _CHANGED):
            raise exceptions.Aborted(str(cause)) from cause
        if isinstance(cause, exceptions.InvalidArgument) and _EXPIRED in str(cause):
            raise exceptions.Aborted(str(cause)) from error
        if cause is error:
            raise
        raise cause from error
    except ValueError as error:
        # The client wraps a commit it gave up on, and chains what made a rollback impossible.
        wrapped = error.__cause__ or error.__context__
        if isinstance(wrapped, exceptions.GoogleAPICallError):
            raise wrapped from error
        raise
    return holder[-1], result
