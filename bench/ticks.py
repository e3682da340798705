"""What a billing tick costs: the handler in this process, and many sessions' ticks through Cloud Tasks."""

import json
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from konnect import clock
from konnect.context import Context
from konnect.sessions.tasks import progress
from konnect.store import Doc, Query, measure

from . import sessions
from .table import Table, median, ms, percentile

MAX_READS, MAX_WRITES = 2, 3
# In this process
WARM_UP = 2
ALONE, TICKS = 10, 30
THREADS, PARALLEL = 8, 32
AHEAD = timedelta(days=10)
"""Sessions run in the future, so that the tasks that their ticks schedule do not come due while others are measured."""
# Through Cloud Tasks
MINUTE_S = 6.0
SPREAD, SPREAD_MINUTES = 120, 3
BURST = 200
DRAIN_TIMEOUT_S = 90.0


@dataclass
class Cost:
    """What ticks of one kind took and how many documents they read and wrote."""

    elapsed_s: list[float] = field(default_factory=list)
    tasks_s: list[float] = field(default_factory=list)
    events_s: list[float] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)


class Timed:
    """A scheduler or emitter that passes on to another one and adds up the time it takes, for each thread."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._local = threading.local()

    def create(self, task: Any) -> None:
        with self._timed():
            self._inner.create(task)

    def emit(self, emits: Any) -> None:
        with self._timed():
            self._inner.emit(emits)

    def take_s(self) -> float:
        """The time since it was last asked for."""
        taken = getattr(self._local, "seconds", 0.0)
        self._local.seconds = 0.0
        return taken

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._local.seconds = getattr(self._local, "seconds", 0.0) + time.perf_counter() - started


def run(env: Mapping[str, str], logs: Path) -> list[Table]:
    return [_handler(env), _through_tasks(env, logs)]


# In this process


def _handler(env: Mapping[str, str]) -> Table:
    """One session after the other, then THREADS of them at a time. Documents are in a project of their own."""
    ctx = sessions.context({**env, "MINUTE_S": "60"}, f"demo-{uuid.uuid4().hex[:12]}")
    ctx = replace(ctx, tasks=Timed(ctx.tasks), realtime=Timed(ctx.realtime))
    now = clock.now() + AHEAD
    pairs = sessions.prepare(ctx, WARM_UP + ALONE + PARALLEL, TICKS, now)
    made = sessions.together(lambda index: sessions.start(ctx, pairs[index], now, 120), len(pairs))
    for session in made[:WARM_UP]:
        _play(ctx, session, defaultdict(Cost))
    costs: dict[str, Cost] = defaultdict(Cost)
    started, cpu = time.perf_counter(), time.process_time()
    for session in made[WARM_UP : WARM_UP + ALONE]:
        _play(ctx, session, costs)
    count = sum(len(cost.elapsed_s) for cost in costs.values())
    rate, cpu_s = count / (time.perf_counter() - started), (time.process_time() - cpu) / count
    started = time.perf_counter()
    crowd = sessions.together(lambda index: _played(ctx, made[WARM_UP + ALONE + index]), PARALLEL, THREADS)
    many = [seconds for played in crowd for cost in played.values() for seconds in cost.elapsed_s]
    many_rate = len(many) / (time.perf_counter() - started)
    rows = [_row(kind, costs[kind]) for kind in ("charged", "charged, warns", "not covered, grace begins", "repeated")]
    rows.append((f"all, {THREADS} threads", ms(median(many)), ms(percentile(many, 99)), "", "", "", "", ""))
    note = (
        f"`konnect.sessions.tasks.progress` called directly: {ALONE} sessions of {TICKS} minutes, one tick after the "
        f"other ({rate:.0f} ticks/s, each {cpu_s * 1000:.1f} ms of this process's CPU), then {PARALLEL} sessions in "
        f"{THREADS} threads of one process ({many_rate:.0f} ticks/s)."
    )
    columns = ("tick", "ms", "p99", "Firestore ms", "task ms", "events ms", "reads", "writes")
    everything = [*costs.values(), *(cost for played in crowd for cost in played.values())]
    return Table("Tick handler", columns, rows, note, _too_many(everything))


def _played(ctx: Context, session: Doc) -> dict[str, Cost]:
    costs: dict[str, Cost] = defaultdict(Cost)
    _play(ctx, session, costs)
    return costs


def _play(ctx: Context, session: Doc, costs: dict[str, Cost]) -> None:
    """Every tick of a session until its wallet, which covers TICKS minutes, is empty; one of them twice."""
    for minute in range(1, TICKS + 1):
        _tick(ctx, session, minute, costs[_kind(minute)])
        if minute == TICKS // 2:
            _tick(ctx, session, minute, costs["repeated"])
    charged = (ctx.db.get("sessions", session["id"]) or {})["minutesCharged"]
    if charged != TICKS:
        raise RuntimeError(f"{charged} minutes were charged, not {TICKS}: something else was measured")


def _kind(minute: int) -> str:
    if minute == TICKS:
        return "not covered, grace begins"
    # The first that leaves less than three minutes.
    return "charged, warns" if minute == TICKS - 3 else "charged"


def _tick(ctx: Context, session: Doc, minute: int, cost: Cost) -> None:
    due = session["startedAt"] + timedelta(seconds=ctx.settings.minute_s * minute)
    payload = {"sessionId": session["id"], "userId": session["userId"], "due": due.isoformat()}
    assert isinstance(ctx.tasks, Timed)
    assert isinstance(ctx.realtime, Timed)
    ctx.tasks.take_s()
    ctx.realtime.take_s()
    with measure() as usage:
        started = time.perf_counter()
        progress(ctx, payload, due)
        cost.elapsed_s.append(time.perf_counter() - started)
    cost.tasks_s.append(ctx.tasks.take_s())
    cost.events_s.append(ctx.realtime.take_s())
    cost.reads.append(usage.reads)
    cost.writes.append(usage.writes)


def _row(kind: str, cost: Cost) -> tuple[str, ...]:
    firestore = [
        total - task - events for total, task, events in zip(cost.elapsed_s, cost.tasks_s, cost.events_s, strict=True)
    ]
    times = (ms(median(values)) for values in (firestore, cost.tasks_s, cost.events_s))
    return (
        kind,
        ms(median(cost.elapsed_s)),
        ms(percentile(cost.elapsed_s, 99)),
        *times,
        str(max(cost.reads)),
        str(max(cost.writes)),
    )


def _too_many(costs: list[Cost]) -> list[str]:
    reads = max(max(cost.reads) for cost in costs if cost.reads)
    writes = max(max(cost.writes) for cost in costs if cost.writes)
    if reads <= MAX_READS and writes <= MAX_WRITES:
        return []
    return [f"a tick cost {reads} reads and {writes} writes; at most {MAX_READS} and {MAX_WRITES} are allowed"]


# Through Cloud Tasks


def _through_tasks(env: Mapping[str, str], logs: Path) -> Table:
    """Sessions of short minutes on the stack's own project: their ticks come from the queue, to the functions."""
    ctx = sessions.context(env)
    assert ctx.settings.minute_s == MINUTE_S
    log = logs / "functions.log"
    even = _live(ctx, log, "spread evenly", SPREAD, SPREAD_MINUTES, timedelta(seconds=MINUTE_S) / SPREAD)
    burst = _live(ctx, log, "due at one moment", BURST, 1, timedelta())
    note = (
        f"{SPREAD} sessions through {SPREAD_MINUTES} minutes, then {BURST} sessions through one; a minute has "
        f"{MINUTE_S:g} s here. Due → begun is how late the handler starts, due → committed how late the minute's "
        "movement is in Firestore. All functions are one process here."
    )
    columns = ("ticks", "count", "ticks/s", "due → begun ms", "p99", "due → committed ms", "p99", "handler ms")
    return Table("Ticks through Cloud Tasks", columns, [even, burst], note)


def _live(ctx: Context, log: Path, name: str, count: int, minutes: int, apart: timedelta) -> tuple[str, ...]:
    """`count` sessions begun `apart`, and their ticks 1 to `minutes`; returns when all of them have ended."""
    read_from = log.stat().st_size
    pairs = sessions.prepare(ctx, count, minutes + 2, clock.now())
    # Begun a moment ahead: seeding is over when the first of them is due.
    begin = clock.now() + timedelta(seconds=1)

    def start(index: int) -> Doc:
        # The last minute is the longest length, so sessions end by themselves, after what is measured.
        return sessions.start(ctx, pairs[index], begin + index * apart, minutes + 1)

    made: list[Doc] = sessions.together(start, count)
    charged = _wait_charged(ctx, {session["id"]: session for session in made}, minutes)
    handled = _handled(log, read_from)
    _wait_ended(ctx, [session["id"] for session in made])
    return _delivered(name, charged, handled, count / MINUTE_S if apart else None)


@dataclass(frozen=True)
class Charged:
    """One charged minute: when it was due, when its handler began, when it was committed."""

    due: datetime
    begun: datetime
    committed: datetime


def _wait_charged(ctx: Context, by_id: dict[str, Doc], minutes: int) -> list[Charged]:
    """The ticks 1 to `minutes` of each session, read from the movements when the last has come."""
    deadline = time.monotonic() + DRAIN_TIMEOUT_S
    last_due = max(session["startedAt"] for session in by_id.values()) + timedelta(seconds=minutes * MINUTE_S)
    while True:
        time.sleep(max(0.5, (last_due - clock.now()).total_seconds() + 0.5))
        found = [charged for charged in _charged(ctx, by_id) if charged[1] <= minutes]
        if len(found) >= len(by_id) * minutes:
            return [charged[0] for charged in found]
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(found)} of {len(by_id) * minutes} minutes were charged")


def _charged(ctx: Context, by_id: dict[str, Doc]) -> Iterator[tuple[Charged, int]]:
    for snapshot in Query(("movements",)).filter("kind", "==", "session.minute").build(ctx.db).stream():
        movement = snapshot.to_dict() or {}
        session, minute = by_id.get(movement["subject"]["session"]), movement["subject"]["minute"]
        if session is not None and minute > 0:
            due = session["startedAt"] + timedelta(seconds=minute * MINUTE_S)
            yield Charged(due, movement["createdAt"], snapshot.create_time), minute


def _wait_ended(ctx: Context, session_ids: list[str]) -> None:
    """Until the last session has ended, so that it doesn't run into the next measurement."""
    deadline = time.monotonic() + DRAIN_TIMEOUT_S
    while True:
        found = ctx.db.get_many([("sessions", session_id) for session_id in session_ids])
        if all(doc is not None and doc["status"] == "completed" for doc in found.values()):
            return
        if time.monotonic() > deadline:
            raise TimeoutError("sessions did not end")
        time.sleep(1)


def _handled(log: Path, start: int) -> list[dict[str, Any]]:
    """The log lines of ticks that charged one minute."""
    with log.open(encoding="utf-8") as file:
        file.seek(start)
        lines = [json.loads(text) for text in file if text.startswith("{")]
    ticks = [line for line in lines if line.get("message") == "task" and line["path"] == "/sessions/progress"]
    # A repeat writes nothing, a late tick charges two minutes at once, the last one ends the session.
    return [tick for tick in ticks if tick["status"] == 204 and tick["writes"] == MAX_WRITES]


def _delivered(
    name: str, charged: list[Charged], handled: list[dict[str, Any]], offered: float | None
) -> tuple[str, ...]:
    begun = [(one.begun - one.due).total_seconds() for one in charged]
    committed = [(one.committed - one.due).total_seconds() for one in charged]
    drained_s = (max(one.committed for one in charged) - min(one.due for one in charged)).total_seconds()
    rate = f"{offered:.0f} offered" if offered else f"{len(charged) / drained_s:.0f}"
    handler_s = [line["ms"] / 1000 for line in handled]
    return (
        name,
        str(len(charged)),
        rate,
        ms(median(begun)),
        ms(percentile(begun, 99)),
        ms(median(committed)),
        ms(percentile(committed, 99)),
        ms(median(handler_s)),
    )
