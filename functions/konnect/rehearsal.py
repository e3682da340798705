"""A dry run: everything is read, checked and computed, and nothing is written, scheduled, sent or asked of others.

    rehearsal = Rehearsal.of(ctx)
    result = function(rehearsal, payload, now)
    rehearsal.report(result)

Later transactions of the same run see what earlier ones would have written (queries do not).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from google.cloud import firestore

from . import clock
from .context import Context
from .realtime import DISCONNECT
from .store import Database, Doc, Emit, Tx, rehearse
from .tasks import Task

T = TypeVar("T")
Path = tuple[str, ...]


class _Documents(Database):
    """The documents as they would be; writes outside of a transaction are kept, too."""

    def __init__(self, db: Database) -> None:
        super().__init__(db.project)
        self._db = db
        self.changed: dict[Path, Doc | None] = {}
        self.writes: list[dict[str, Any]] = []

    @property
    def client(self) -> firestore.Client:
        return self._db.client

    def get(self, *path: str) -> Doc | None:
        return self.changed[path] if path in self.changed else super().get(*path)

    def get_many(self, paths: Iterable[Path]) -> dict[Path, Doc | None]:
        wanted = list(paths)
        unchanged = [path for path in wanted if path not in self.changed]
        found = super().get_many(unchanged) if unchanged else {}
        return {**found, **{path: self.changed[path] for path in wanted if path in self.changed}}

    def set(self, path: Path, doc: Doc, *, merge: bool = False) -> None:
        self.changed[path] = {**((self.get(*path) or {}) if merge else {}), **doc}
        self.note("merge" if merge else "set", path, doc)

    def create(self, path: Path, doc: Doc, *, also: Mapping[Path, Doc] | None = None) -> Any:
        self.changed[path] = doc
        self.note("create", path, doc)
        for other, fields in (also or {}).items():
            self.set(other, fields, merge=True)
        return clock.now()

    def delete(self, *path: str) -> None:
        self.changed[path] = None
        self.note("delete", path, {})

    def note(self, kind: str, path: Path, fields: Doc) -> None:
        self.writes.append({"write": kind, "path": "/".join(path), "fields": _plain(fields)})


@dataclass(frozen=True)
class Rehearsal(Context):
    scheduled: list[dict[str, Any]] = field(default_factory=list)
    emitted: list[dict[str, Any]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, ctx: Context) -> "Rehearsal":
        return cls(ctx.settings, _Documents(ctx.db), ctx.tasks, ctx.realtime)

    @property
    def _documents(self) -> _Documents:
        assert isinstance(self.db, _Documents)
        return self.db

    def run(self, function: Callable[[Tx], T]) -> T:
        documents = self._documents
        tx, result = rehearse(documents, function, documents.changed)
        for path, (kind, fields) in tx.writes.items():
            documents.note(kind, path, fields)
            after = tx.seen(path)
            if after is None and kind == "update":
                after = {**(documents.get(*path) or {}), **fields}
            # A counter that is added to unread stays as it was.
            if after is not None or kind != "merge":
                documents.changed[path] = after
        self.flush(tx.tasks, tx.emits)
        return result

    def flush(self, tasks: list[Task], emits: list[Emit]) -> None:
        for task in tasks:
            at = None if task.at is None else clock.iso(task.at)
            self.scheduled.append({"path": task.path, "payload": _plain(task.payload), "at": at})
        self.emit(emits)

    def emit(self, emits: list[Emit]) -> None:
        for emit in emits:
            what = "disconnect" if emit.event == DISCONNECT else emit.event
            self.emitted.append({"room": emit.room, "event": what})

    def outside(self, what: str, function: Callable[..., Any], *args: Any, **options: Any) -> None:
        self.done.append(what)

    def report(self, result: Any) -> dict[str, Any]:
        """The function's own answer, and what it would have done."""
        return {
            "dryRun": True,
            "result": result,
            "wouldWrite": self._documents.writes,
            "wouldSchedule": self.scheduled,
            "wouldSend": self.emitted,
            "wouldCall": self.done,
        }


def _plain(value: Any) -> Any:
    """Documents' values as JSON."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, firestore.Increment):
        return {"increment": value.value}
    if value is firestore.SERVER_TIMESTAMP:
        return "the commit's time"
    return value
