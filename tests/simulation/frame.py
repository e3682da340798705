"""The frame of an example: a platform on a project of its own, its clock, one call at a time with its faults, the log
of what happened, and the checks."""

import os
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import hypothesis

from konnect.config import Settings
from konnect.context import Context
from konnect.errors import KonnectError, Unavailable
from konnect.http.triggers import Change
from konnect.reconciliation.service import reconcile
from tests.support import START, KeptEvents

from . import checks, payout_checks, snapshot
from .bank import Bank
from .faults import Fault, FaultPlan, FaultyDatabase, HostileTasks
from .provider import Provider

T = TypeVar("T")
Faults = tuple[Fault, ...]
RECONCILED_EVERY = 5


def fail(findings: Iterable[str]) -> None:
    found = list(findings)
    assert not found, "\n".join(found)


@dataclass
class Trigger:
    """A change of a transaction's document, and how often its function has been told."""

    change: Change
    delivered: int = 0


class Frame:
    def __init__(self) -> None:
        self.now = START
        self.plan = FaultPlan()
        self.db = FaultyDatabase(f"demo-sim-{uuid.uuid4().hex[:12]}", self.plan)
        self.tasks = HostileTasks(self.plan)
        settings = Settings(google_cloud_project=self.db.project, razorpayx_account_number="7878780080316316")
        self.ctx = Context(settings, self.db, self.tasks, KeptEvents())
        self.provider = Provider()
        self.bank = Bank(lambda: self.now)
        self.triggers: list[Trigger] = []
        self.sound = True
        """Whether nothing has gone wrong in this example yet."""
        self.snapshot = snapshot.Snapshot(self.now)
        self._checked_commits = 0
        self._checks = 0

    def log(self, text: str) -> None:
        hypothesis.note(f"    {self.now:%d %H:%M:%S} {text}")

    @contextmanager
    def step(self) -> Iterator[None]:
        """A step of the example: what it raises ends the example, and checks at its end would only hide it."""
        was_sound, self.sound = self.sound, False
        yield
        self.sound = was_sound

    def call(self, what: str, work: Callable[[], T], *, faults: Faults = ()) -> T | KonnectError:
        """One call of an edge with these faults. Its error is the answer; what is no KonnectError is a bug."""
        self.plan.set(faults)
        told = f" ({', '.join(faults)})" if faults else ""
        try:
            answer: T | KonnectError = work()
        except KonnectError as error:
            answer = error
        except BaseException as error:
            self.log(f"{what}{told} → {error!r}")
            raise
        finally:
            self.plan.set(())
            self.provider.failing = False
        refusal = f"{answer.status} {answer.code}" if isinstance(answer, KonnectError) else "ok"
        self.log(f"{what}{told} → {refusal}")
        return answer

    def persist(self, what: str, work: Callable[[], T], *, faults: Faults = ()) -> T | KonnectError:
        """A call that its caller repeats while the answer is 503."""
        answer = self.call(what, work, faults=faults)
        return self.call(f"{what}, again", work) if isinstance(answer, Unavailable) else answer

    def check(self) -> None:
        """All invariants, if a transaction has been committed since the last time."""
        self.snapshot.now = self.now
        if self._checked_commits == self.db.api.commits:
            return
        with self.step():
            before, self.snapshot = self.snapshot, snapshot.take(self.db, self.now)
            self._checked_commits = self.db.api.commits
            self._see_transactions(before)
            fail(checks.everything(self.snapshot, before, self.provider))
            fail(payout_checks.withdrawals_hold(self.snapshot, self.bank))
            # It reads all again, in nine calls: now and then, and at the end.
            self._checks += 1
            if self._checks % RECONCILED_EVERY == 0:
                self.reconcile()

    def recheck(self) -> None:
        """All that can be wrong of payouts, after something has happened at the provider alone."""
        with self.step():
            fail(payout_checks.withdrawals_hold(self.snapshot, self.bank))

    def reconcile(self) -> None:
        fail(reconcile(self.ctx).differences)

    def _see_transactions(self, before: snapshot.Snapshot) -> None:
        old, new = before["transactions"], self.snapshot["transactions"]
        # Not by id, which is random: an example must go the same way again.
        for key in sorted(new, key=lambda key: tuple(str(new[key][name]) for name in ("createdAt", "userId", "type"))):
            if old.get(key) != new[key]:
                change = Change(f"e{len(self.triggers)}", f"transactions/{key}", {}, old.get(key), new[key], self.now)
                self.triggers.append(Trigger(change))

    def close(self) -> None:
        """Drop the project's documents: the emulator keeps them in memory."""
        host = os.environ["FIRESTORE_EMULATOR_HOST"]
        url = f"http://{host}/emulator/v1/projects/{self.db.project}/databases/(default)/documents"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=60).close()
