"""The pipeline alone: every status to every status."""

from datetime import timedelta
from typing import get_args

import pytest

from konnect.errors import BadRequest, Conflict
from konnect.experts import pipeline
from konnect.experts.pipeline import Kind, Move, Status
from tests.support import START

# Rows: from; columns: to. s step, x express, = repeat, ! refused, # decided already.
TABLE = """
                   | applied | documents_verified | call_scheduled | call_done | approved | rejected
applied            | =       | s                  | !              | !         | x        | x
documents_verified | !       | =                  | s              | !         | x        | x
call_scheduled     | !       | !                  | =              | s         | x        | x
call_done          | !       | !                  | !              | =         | s        | s
approved           | #       | #                  | #              | #         | =        | #
rejected           | #       | #                  | #              | #         | #        | =
"""
KINDS: dict[str, Kind] = {"s": "step", "x": "express", "=": "repeat"}
LATER = START + timedelta(days=1)


def cells() -> list[tuple[Status, Status, str]]:
    header, *rows = ([cell.strip() for cell in line.split("|")] for line in TABLE.strip("\n").splitlines())
    return [(row[0], after, cell) for row in rows for after, cell in zip(header[1:], row[1:], strict=True)]


def move(before: Status, after: Status, **given: object) -> Move:
    values = {"call_at": LATER, "planned_call_at": LATER, "reason": "unsuitable", "now": START, **given}
    return pipeline.move(before, after, **values)


@pytest.mark.parametrize(("before", "after", "cell"), cells())
def test_every_move(before: Status, after: Status, cell: str) -> None:
    if cell in KINDS:
        assert move(before, after).kind == KINDS[cell]
        assert cell == "=" or after in pipeline.allowed(before)
        return
    with pytest.raises(Conflict) as refused:
        move(before, after)
    assert refused.value.code == ("ALREADY_DECIDED" if cell == "#" else "INVALID_TRANSITION")
    assert after not in pipeline.allowed(before)
    if cell == "!":
        assert refused.value.details == [{"from": before, "to": after, "allowed": list(pipeline.allowed(before))}]


def test_the_table_is_complete() -> None:
    assert {(before, after) for before, after, _ in cells()} == {
        (before, after) for before in get_args(Status) for after in get_args(Status)
    }


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_rejection_has_a_reason(reason: str | None) -> None:
    with pytest.raises(BadRequest) as refused:
        move("call_done", "rejected", reason=reason)
    assert refused.value.details[0]["field"] == "rejectionReason"


@pytest.mark.parametrize("call_at", [None, START, START - timedelta(hours=1)])
def test_a_call_is_in_the_future(call_at: object) -> None:
    with pytest.raises(BadRequest) as refused:
        move("documents_verified", "call_scheduled", call_at=call_at)
    assert refused.value.details[0]["field"] == "callScheduledAt"


def test_a_call_can_be_moved() -> None:
    moved = move("call_scheduled", "call_scheduled", call_at=LATER + timedelta(hours=1))
    assert (moved.kind, moved.call_at) == ("reschedule", LATER + timedelta(hours=1))
    assert move("call_scheduled", "call_scheduled", call_at=None).kind == "repeat"
    with pytest.raises(BadRequest):
        move("call_scheduled", "call_scheduled", call_at=START - timedelta(hours=1))


def test_what_does_not_belong_to_a_move_is_left_out() -> None:
    assert move("call_done", "approved") == Move("step", "call_done", "approved")
