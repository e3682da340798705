"""The client's channel: whoever reads waits for the answer in their own thread; projects share one connection."""

import threading
from typing import Any

import pytest

from konnect.context import Context
from konnect.store import Query
from konnect.store.client import Client


def test_a_read_starts_no_thread(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx.db.set(("things", "a"), {"n": 1})
    started: list[str] = []
    start = threading.Thread.start

    def recorded(thread: threading.Thread, *args: Any) -> None:
        started.append(thread.name)
        start(thread, *args)

    monkeypatch.setattr(threading.Thread, "start", recorded)
    assert ctx.db.get("things", "a") == {"n": 1}
    assert Query(("things",)).run(ctx.db) == [{"n": 1, "id": "a"}]
    assert ctx.run(lambda tx: tx.get("things", "a")) == {"n": 1}
    assert started == []


def test_projects_of_an_emulator_share_its_connection() -> None:
    assert Client(project="demo-one")._channel() is Client(project="demo-two")._channel()
