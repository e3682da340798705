"""One local stack for a run, shared by its workers; a project of its own in it for each test that asks for `ctx`.

KONNECT_STACK=.local/env runs the tests against a stack that is up already (`make up`), which saves the start. At the
end of a run each query that was made, by the tests or by the stack's processes, is checked against
firestore.indexes.json.
"""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from konnect import clock, trace
from konnect.context import Context
from konnect.log import JsonFormatter
from local.environment import read_export_lines
from local.manifest import ROOT
from local.running import running_stack
from tests import captures, indexes, people, support

MINUTE_S = 2.0
"""The stack's minute: long enough to act within one, short enough to wait for several."""
DAY, A_TEST = timedelta(days=1), timedelta(seconds=30)
FOLDER = ROOT / ".local" / "test"
LOGS = FOLDER / "logs"

_run = ExitStack()

# How long an example takes says what the machine is doing meanwhile.
hypothesis_settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Start the stack before the workers, which inherit its environment."""
    worker = getattr(config, "workerinput", {}).get("workerid", "main")
    LOGS.mkdir(parents=True, exist_ok=True)
    if worker == "main" and not config.option.collectonly:
        for old in LOGS.glob("queries-*.log"):
            old.unlink()
        os.environ.update(_stack_env())
    if folder := os.environ.get("KONNECT_CAPTURES"):
        captures.install(Path(folder))
    queries = logging.FileHandler(LOGS / f"queries-{worker}.log", mode="w")
    queries.setFormatter(JsonFormatter())
    logger = logging.getLogger("konnect.store.query")
    logger.addHandler(queries)
    logger.setLevel("INFO")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that none is left running alone at the end."""
    items.sort(key=lambda item: "/simulation/" not in item.nodeid)


def pytest_unconfigure(config: pytest.Config) -> None:
    _run.close()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail the run for a query without an index, for a mail of the stack's whose template did not fit what it tells of
    and, after a run of everything, for an index without a query."""
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly or exitstatus:
        return
    complete = not config.option.keyword and config.args in ([], ["tests"], [str(ROOT / "tests")])
    found = indexes.problems(indexes.logged(LOGS), *indexes.load(), complete=complete)
    found = [f"firestore.indexes.json: {problem}" for problem in found] + _failed_mails()
    config.stash[_PROBLEMS] = found
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for problem in config.stash.get(_PROBLEMS, []):
        terminalreporter.write_line(problem, red=True)


def _failed_mails() -> list[str]:
    """The stack sends them all the same, with less in them."""
    if os.environ.get("KONNECT_STACK"):
        return []
    lines = (LOGS / "functions.log").read_text(encoding="utf-8", errors="replace").splitlines()
    failed = (json.loads(line) for line in lines if '"mail template failed"' in line)
    return sorted({f"mail template of {one['type']}: {one['error']}" for one in failed})


_PROBLEMS = pytest.StashKey[list[str]]()


def _stack_env() -> dict[str, str]:
    if running := os.environ.get("KONNECT_STACK"):
        return read_export_lines(Path(running).read_text())
    # What the defaults leave of an absence and of the time to accept, two seconds, and of the grace, one, is too little
    # for a browser that reconnects, for who accepts by hand, or for a deposit, on a machine that is busy.
    settings = {"ABSENCE_S": "300", "GRACE_S": "300"}
    env = _run.enter_context(running_stack(signaling=2, minute_s=MINUTE_S, folder=FOLDER, settings=settings))
    people.admin(env).call("PATCH", "/api/admin/config", {"acceptSeconds": 300})
    return env


@pytest.fixture(scope="session")
def stack_env() -> dict[str, str]:
    """The environment of the run's stack: URLs, emulator hosts, and the settings of its functions."""
    return dict(os.environ)


@pytest.fixture(autouse=True, scope="session")
def counted() -> Iterator[None]:
    """A request is counted also where Firestore takes longer than the second after which it would pass uncounted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("konnect.store.database.ADD_TIMEOUT_S", 60.0)
        yield


@pytest.fixture(autouse=True)
def one_day() -> None:
    """A test that goes by the clock is not on both sides of midnight, in India or in UTC."""
    now = clock.now()
    left = min(clock.day_begins(now.astimezone(zone).date() + DAY, zone) - now for zone in (clock.INDIA, UTC))
    if left < A_TEST:
        time.sleep(left.total_seconds())


@pytest.fixture(autouse=True)
def no_trace() -> Iterator[None]:
    """What a test before this one has begun in this process is over."""
    with trace.within(None):
        yield


@pytest.fixture
def ctx() -> Context:
    """A context on an empty project in the run's Firestore emulator."""
    return support.new_context()
