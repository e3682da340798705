"""Connections whose commit was in doubt: the transaction is run again, and finds its own writes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

import pytest

from konnect import clock
from konnect.auth import Principal
from konnect.context import Context
from konnect.sessions import attendance
from konnect.store import Emit, Tx
from konnect.tasks import Task
from signaling.auth import Connection
from signaling.metrics import Metrics
from signaling.presence import Presence
from tests.sessions.bookings import SLOT, USER, Bookings
from tests.sessions.conftest import EXPERT, PACE, Stage
from tests.support import kept_tasks

T = TypeVar("T")


class Unflushed(Context):
    def flush(self, tasks: list[Task], emits: list[Emit]) -> None:
        pass


class Doubtful(Context):
    """Each commit is answered with a fault although it stands, so that its transaction is run again."""

    def run(self, function: Callable[[Tx], T]) -> T:
        Unflushed(self.settings, self.db, self.tasks, self.realtime).run(function)
        return super().run(function)


def doubtful(ctx: Context) -> Context:
    return Doubtful(ctx.settings, ctx.db, ctx.tasks, ctx.realtime)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_a_booked_session_that_a_connection_starts_has_its_end(ctx: Context) -> None:
    stage = Bookings(ctx)
    stage.expert_online()
    session_id = stage.booked()
    stage.progress(session_id, SLOT)
    kept_tasks(ctx).by_name.clear()
    doubtful(ctx).run(lambda tx: attendance.connected(tx, USER, "c1", "i1", pace=PACE, now=stage.slot(2)))
    session = stage.session(session_id)
    assert (session["status"], session["startedAt"]) == ("in_progress", stage.slot(2))
    [ends] = kept_tasks(ctx).keyed("booked", session_id)
    assert ends.at == stage.slot(30)


def test_a_return_has_its_timers(ctx: Context, monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor) -> None:
    """Also through an instance, which takes the time once for all runs of a transaction."""
    stage = Stage(ctx)
    stage.expert_online()
    session_id = stage.started("meera", 100)
    stage.leave("meera", stage.at(0, 50))
    stage.progress(session_id, stage.at(1), 1)
    kept_tasks(ctx).by_name.clear()
    times = iter(stage.at(1, second) for second in range(20, 60))
    monkeypatch.setattr(clock, "now", lambda: next(times))
    connection = Connection("c1", "e1", Principal("meera", None, False, None, "user", stage.at(60)), "token")
    instance = Presence(doubtful(ctx), pool, "i1", Metrics())
    instance._write_connected(connection)
    assert connected_since(ctx, "meera") == {"c1": stage.at(1, 20)}
    session = stage.session(session_id)
    assert (session["userAbsentSince"], session["minutesCharged"]) == (None, 2)
    [tick] = kept_tasks(ctx).keyed("tick", session_id)
    assert tick.at == stage.at(2)


def test_a_second_socket_changes_nothing(ctx: Context) -> None:
    """The user was there from the beginning, whatever is run twice."""
    stage = Bookings(ctx)
    stage.expert_online()
    stage.gone(EXPERT, now=stage.slot(-1))
    session_id = stage.booked()
    stage.here(USER, now=stage.slot(-1))
    doubtful(ctx).run(lambda tx: attendance.connected(tx, USER, "c2", "i1", pace=PACE, now=stage.slot(5)))
    stage.progress(session_id, stage.slot(6))
    assert stage.session(session_id)["waitedMs"] == 6 * 60_000


def connected_since(ctx: Context, uid: str) -> dict[str, datetime]:
    found = (ctx.db.get("presence", uid) or {})["connections"]
    return {connection_id: connection["since"] for connection_id, connection in found.items()}
