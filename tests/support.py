"""What many tests need: contexts on a project of their own, a scheduler that keeps tasks, wallets with money."""

import os
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

from konnect import ids
from konnect.config import Settings, load
from konnect.context import Context
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.store import Database, Doc, Emit, Query
from konnect.tasks import Task

T = TypeVar("T")
START = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


class KeptTasks:
    """A scheduler that keeps the tasks by name, as Cloud Tasks would until they are due."""

    def __init__(self) -> None:
        self.by_name: dict[str, Task] = {}
        self._lock = threading.Lock()

    def create(self, task: Task) -> None:
        with self._lock:
            self.by_name.setdefault(task.name, task)

    def keyed(self, *prefix: Any) -> list[Task]:
        return [task for task in self.by_name.values() if task.key[: len(prefix)] == prefix]


class KeptEvents:
    """An emitter that keeps the events."""

    def __init__(self) -> None:
        self.sent: list[Emit] = []

    def emit(self, emits: list[Emit]) -> None:
        self.sent += emits

    def named(self, event: str, room: str | None = None) -> list[Any]:
        return [e.data for e in self.sent if e.event == event and room in {None, e.room}]


def new_context(settings: Settings | None = None) -> Context:
    """A context on a new project of the Firestore emulator and a bucket of its own, with real minutes and with kept
    tasks and events."""
    current = settings or load({**os.environ, "MINUTE_S": "60", "ABSENCE_S": "60", "GRACE_S": "30"})
    project = f"demo-{uuid.uuid4().hex[:12]}"
    own = current.model_copy(update={"storage_bucket": f"{project}.firebasestorage.app"})
    return Context(own, Database(project), KeptTasks(), KeptEvents())


def kept_tasks(ctx: Context) -> KeptTasks:
    assert isinstance(ctx.tasks, KeptTasks)
    return ctx.tasks


def kept_events(ctx: Context) -> KeptEvents:
    assert isinstance(ctx.realtime, KeptEvents)
    return ctx.realtime


def give(ctx: Context, uid: str, paise: int, *, part: str = "deposited", now: datetime = START) -> None:
    """Put money into a wallet, as a deposit from the gateway (or an earning from a platform account)."""
    source = accounts.GATEWAY_RAZORPAY if part == "deposited" else accounts.PLATFORM_ADJUSTMENTS
    movement = Movement(
        f"test:{ids.new()}", "deposit", (Leg(source, -paise), Leg(accounts.wallet(uid), paise, part=part))
    )
    ctx.run(lambda tx: ledger.post(tx, movement, now=now))


def wallet_of(ctx: Context, uid: str) -> Doc:
    return ctx.db.get("wallets", uid) or {"balancePaise": 0, "withdrawablePaise": 0, "depositedPaise": 0}


def movements(ctx: Context) -> list[Doc]:
    return Query(("movements",)).run(ctx.db)


def sum_of_all_legs(ctx: Context) -> int:
    return sum(leg["amountPaise"] for movement in movements(ctx) for leg in movement["legs"])


def at_once(times: int, work: Callable[[int], T]) -> list[T | Exception]:
    """Run `work(0..times-1)` in as many threads, released together. Errors are returned, not raised."""
    barrier = threading.Barrier(times)

    def one(index: int) -> T | Exception:
        barrier.wait()
        try:
            return work(index)
        except Exception as error:
            return error

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))
