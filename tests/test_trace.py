"""The trace of the work: read, passed on, stamped on documents, and written in every line of the log."""

import json
import logging
from collections.abc import Iterator

import pytest

from konnect import log, realtime, trace
from konnect.context import Context
from konnect.store import Emit, Tx

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = trace.Trace(ID, SPAN)
ZEROS = "0" * 32


@pytest.fixture(autouse=True)
def no_trace() -> Iterator[None]:
    with trace.within(None):
        yield


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"00-{ID}-{SPAN}-01", GIVEN),
        (f"00-{ID}-{SPAN}-00", trace.Trace(ID, SPAN, "00")),
        (f"01-{ID}-{SPAN}-01-what-a-later-version-adds", GIVEN),
        (f"00-{ID}-{SPAN}-01-more", None),
        (f"ff-{ID}-{SPAN}-01", None),
        (f"00-{ZEROS}-{SPAN}-01", None),
        (f"00-{ID}-{ZEROS[:16]}-01", None),
        (f"00-{ID.upper()}-{SPAN}-01", None),
        (f"00-{ID}-{SPAN}", None),
        (f"00-{ID}-{SPAN}-01\n", None),
        (f"00-{ID}-{SPAN}-01, 00-{ID}-{SPAN}-01", None),
        ("", None),
        (None, None),
    ],
)
def test_traceparent(header: str | None, expected: trace.Trace | None) -> None:
    assert trace.parse(header) == expected


def test_the_older_header_of_google_s_front_ends() -> None:
    number = int(SPAN, 16)
    assert trace.of_request({"X-Cloud-Trace-Context": f"{ID}/{number};o=1"}) == GIVEN
    assert trace.of_request({"X-Cloud-Trace-Context": f"{ID}/{number};o=0"}) == trace.Trace(ID, SPAN, "00")
    alone = trace.of_request({"X-Cloud-Trace-Context": ID.upper()})
    assert alone is not None
    assert (alone.id, len(alone.span)) == (ID, 16)
    for wrong in ("nonsense", f"{ZEROS}/1", f"{ID}/x", f"{ID}/{'9' * 40}"):
        assert trace.of_request({"X-Cloud-Trace-Context": wrong}) is None
    both = {"traceparent": GIVEN.header, "X-Cloud-Trace-Context": f"{'1' * 32}/1"}
    assert trace.of_request(both) == GIVEN


def test_work_without_a_trace_begins_one() -> None:
    first, second = trace.begin(), trace.begin()
    assert first.id != second.id
    assert trace.current() == second
    assert trace.parse(second.header) == second


def test_lines_name_the_trace_as_cloud_logging_wants_it() -> None:
    record = logging.makeLogRecord({"msg": "hello", "levelname": "INFO"})
    formatter = log.JsonFormatter("demo")
    assert "logging.googleapis.com/trace" not in json.loads(formatter.format(record))
    with trace.within(GIVEN):
        line = json.loads(formatter.format(record))
    assert line["logging.googleapis.com/trace"] == f"projects/demo/traces/{ID}"
    assert line["logging.googleapis.com/spanId"] == SPAN
    assert line["logging.googleapis.com/trace_sampled"] is True


def test_events_carry_it_between_servers_and_clients_do_not_see_it() -> None:
    emit = Emit("user:u1", "billing-update", {"duration": 1})
    assert "trace" not in json.loads(realtime.message(emit, host_id="h"))
    with trace.within(GIVEN):
        sent = json.loads(realtime.message(emit, host_id="h"))
        gone = json.loads(realtime.message(Emit("user:u1", realtime.DISCONNECT, None), host_id="h"))
    assert sent["trace"] == gone["trace"] == GIVEN.header
    assert sent["data"] == {"duration": 1}


class TestStamps:
    """Firestore's events carry no trace: the documents whose triggers have effects do."""

    def test_of_documents_that_one_owner_reads(self, ctx: Context) -> None:
        def write(tx: Tx) -> None:
            tx.create(("notifications", "n"), {"title": "t"})
            tx.create(("sessions", "s", "private", "terms"), {"fee": 1})
            tx.create(("sessions", "s"), {"status": "pending"})
            tx.create(("experts", "e"), {"name": "Asha"})

        with trace.within(GIVEN):
            ctx.run(write)
            ctx.db.set(("users", "u"), {"name": "Meera"})
        assert ctx.db.get("notifications", "n") == {"title": "t", "trace": GIVEN.header}
        assert ctx.db.get("sessions", "s", "private", "terms") == {"fee": 1, "trace": GIVEN.header}
        assert ctx.db.get("users", "u") == {"name": "Meera", "trace": GIVEN.header}
        # What others read says nothing of its writers.
        assert ctx.db.get("sessions", "s") == {"status": "pending"}
        assert ctx.db.get("experts", "e") == {"name": "Asha"}

    def test_each_write_has_its_own(self, ctx: Context) -> None:
        with trace.within(GIVEN):
            ctx.run(lambda tx: tx.create(("transactions", "t"), {"status": "pending"}))
        later = trace.new()
        with trace.within(later):
            ctx.run(lambda tx: tx.update(("transactions", "t"), {"status": "completed"}))
        assert ctx.db.get("transactions", "t") == {"status": "completed", "trace": later.header}
