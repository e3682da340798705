"""The index check itself, as a table; what the suite's queries need is checked at its end (conftest)."""

import json

import pytest

from tests.indexes import Index, Shape, load, problems

INDEXES = [
    Index("t", False, (("user", "asc"), ("at", "desc"))),
    Index("t", False, (("user", "asc"), ("type", "asc"), ("at", "desc"))),
    Index("t", False, (("user", "asc"), ("status", "asc"), ("at", "desc"))),
]
OVERRIDES = {("t", "exempt"): {"indexes": []}, ("e", "at"): {"indexes": [{"queryScope": "COLLECTION_GROUP"}]}}


def shape(where: list[list[str]], order: list[list[str]], collection: str = "t", group: bool = False) -> Shape:
    return Shape.parse(json.dumps({"collection": collection, "group": group, "where": where, "order": order}))


@pytest.mark.parametrize(
    ("query", "served"),
    [
        (shape([["user", "=="]], []), True),
        (shape([["user", "=="], ["type", "=="]], []), True),
        (shape([], [["at", "desc"], ["__name__", "desc"]]), True),
        (shape([["at", ">="]], [["at", "asc"]]), True),
        (shape([["user", "=="]], [["at", "desc"], ["__name__", "desc"]]), True),
        (shape([["user", "=="]], [["at", "asc"]]), False),
        (shape([["user", "=="], ["type", "=="]], [["at", "desc"]]), True),
        (shape([["user", "=="], ["type", "=="], ["status", "=="]], [["at", "desc"]]), True),
        (shape([["type", "=="]], [["at", "desc"]]), False),
        (shape([["user", "=="], ["at", "<"]], []), False),
        (shape([["exempt", "=="]], []), False),
        (shape([], [["at", "asc"]], "e", True), True),
        (shape([], [["at", "asc"]], "t", True), False),
        (shape([], [], "t", True), True),
    ],
)
def test_served(query: Shape, served: bool) -> None:
    assert (problems([query], INDEXES, OVERRIDES, complete=False) == []) is served


def test_an_unused_index_is_named() -> None:
    [problem] = problems([shape([["user", "=="]], [["at", "desc"]])], INDEXES[:2], {}, complete=True)
    assert "type asc" in problem


def test_the_file_can_be_read() -> None:
    indexes, overrides = load()
    assert indexes
    assert overrides
