"""What a process works with: settings, documents, tasks, realtime events. Built once, at first use."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from . import store
from .config import Settings, settings
from .errors import Unavailable
from .limits import Limiter
from .realtime import Emitter, PubSubEmitter, with_event_id
from .store import Database, Emit, Tx
from .tasks import CloudTasks, Task, TaskScheduler

T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    settings: Settings
    db: Database
    tasks: TaskScheduler
    realtime: Emitter

    @cached_property
    def limiter(self) -> Limiter:
        """The rate limits' counts of this process."""
        return Limiter(self.settings, self.db)

    def run(self, function: Callable[[Tx], T]) -> T:
        """Run `function` in a transaction and flush its effects (see store.run)."""
        return store.run(self.db, self, function)

    def outside(self, what: str, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call something that no transaction covers (accounts, providers): a dry run names it, `what`, instead."""
        return function(*args, **options)

    def flush(self, tasks: list[Task], emits: list[Emit]) -> None:
        """After the commit: tasks first, since they must be created; then events, which are only hints."""
        failure: Exception | None = None
        for task in tasks:
            try:
                self.tasks.create(task)
            except Unavailable as error:
                # The others all the same: a retry of the request may find nothing left to do, and schedule nothing.
                failure = error
        self.emit(emits)
        if failure is not None:
            raise failure

    def emit(self, emits: list[Emit]) -> None:
        if emits:
            self.realtime.emit([Emit(e.room, e.event, with_event_id(e.data), e.namespace) for e in emits])


@lru_cache(maxsize=1)
def context() -> Context:
    """The context of this process."""
    current = settings()
    return Context(current, Database(current.google_cloud_project), CloudTasks(current), PubSubEmitter(current))
