"""The hostile part of the environment: a Firestore that fails at chosen calls, and a scheduler that may fail or lose.

Faults are put below Google's client, where they come from in production, so that its own handling of them is run too.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import cache, cached_property
from typing import Any

from google.api_core import exceptions
from google.cloud import firestore

from konnect.errors import Unavailable
from konnect.store import Database
from konnect.store.transaction import ATTEMPTS
from konnect.tasks import Task


class Fault(StrEnum):
    """What happens to one call of a transaction. Those of a plan happen in its order, one a call of their kind."""

    BEGIN = "begin"
    """No transaction is begun: 503."""
    READ = "read"
    """ABORTED: another holds the lock."""
    COMMIT = "commit"
    """ABORTED: nothing is written."""
    UNKNOWN = "unknown"
    """The commit happens, and the answer is ABORTED all the same."""
    TIMEOUT = "timeout"
    """The commit happens, and the answer is lost: DEADLINE_EXCEEDED."""
    BUSY = "busy"
    """ABORTED until the runner gives up."""
    TASK = "task"
    """A task can't be created, after the commit: as if the process had died in between."""
    TASK_UNKNOWN = "task-unknown"
    """A task is created, and the answer is lost."""


_ERRORS: dict[Fault, Callable[[], Exception]] = {
    Fault.BEGIN: lambda: exceptions.ServiceUnavailable("injected: no begin"),
    Fault.READ: lambda: exceptions.Aborted("injected: read"),
    Fault.COMMIT: lambda: exceptions.Aborted("injected: not committed"),
    Fault.UNKNOWN: lambda: exceptions.Aborted("injected: committed"),
    Fault.TIMEOUT: lambda: exceptions.DeadlineExceeded("injected: committed"),
}


class FaultPlan:
    """The faults of the call under way; `world.World.call` sets it, and clears what is left of it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def set(self, faults: tuple[Fault, ...]) -> None:
        self._faults = [f for fault in faults for f in ([Fault.COMMIT] * ATTEMPTS if fault is Fault.BUSY else [fault])]

    def take(self, *kinds: Fault) -> Fault | None:
        """The next fault, if it is of one of these kinds."""
        if self._faults and self._faults[0] in kinds:
            return self._faults.pop(0)
        return None

    def strike(self, *kinds: Fault) -> None:
        fault = self.take(*kinds)
        if fault is not None:
            raise _ERRORS[fault]()


class FaultyApi:
    """Firestore's API client, with the plan's faults. Calls outside of transactions are left alone."""

    def __init__(self, real: Any, plan: FaultPlan) -> None:
        self._real = real
        self._plan = plan
        self.commits = 0
        """Transactions committed: but for leases, nothing has changed while this has not."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def begin_transaction(self, request: Any, **kwargs: Any) -> Any:
        self._plan.strike(Fault.BEGIN)
        return self._real.begin_transaction(request=request, **kwargs)

    def batch_get_documents(self, request: Any, **kwargs: Any) -> Any:
        if request.get("transaction"):
            self._plan.strike(Fault.READ)
        return self._real.batch_get_documents(request=request, **kwargs)

    def run_query(self, request: Any, **kwargs: Any) -> Any:
        if request.get("transaction"):
            self._plan.strike(Fault.READ)
        return self._real.run_query(request=request, **kwargs)

    def commit(self, request: Any, **kwargs: Any) -> Any:
        if request.get("transaction"):
            self._plan.strike(Fault.COMMIT)
        answer = self._real.commit(request=request, **kwargs)
        if request.get("transaction"):
            self.commits += 1
            self._plan.strike(Fault.UNKNOWN, Fault.TIMEOUT)
        return answer


@cache
def _channel() -> Any:
    """One connection for all projects of this process."""
    return firestore.Client(project="demo-simulation")._firestore_api


class FaultyDatabase(Database):
    def __init__(self, project: str, plan: FaultPlan) -> None:
        super().__init__(project)
        self.api = FaultyApi(_channel(), plan)

    @cached_property
    def client(self) -> firestore.Client:
        client = firestore.Client(project=self.project)
        client._firestore_api_internal = self.api
        return client


class HostileTasks:
    """Cloud Tasks as far as it promises: a name is taken once, for ever as far as an example lasts; nothing is said of
    when, how often or in what order a task comes. The machine decides that."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._names: set[str] = set()
        self.waiting: list[Task] = []

    def create(self, task: Task) -> None:
        fault = self._plan.take(Fault.TASK, Fault.TASK_UNKNOWN)
        if fault is not Fault.TASK and task.name not in self._names:
            self._names.add(task.name)
            self.waiting.append(task)
        if fault is not None:
            raise Unavailable("injected: the task could not be scheduled")
