"""The Sheets sandbox as HTTP: Google's shapes, and its own paths. The client's suite is in tests/admin/mentors."""

from collections.abc import Iterator

import pytest
import requests

from local.sandboxes import background
from local.sandboxes.sheets import SheetsSandbox

TOKEN = {"Authorization": "Bearer any"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SheetsSandbox]:
    made = SheetsSandbox(0)
    with background(made):
        yield made


def values(sandbox: SheetsSandbox, cells: str, book: str = "book", **params: str) -> requests.Response:
    url = f"{sandbox.url}/v4/spreadsheets/{book}/values/{cells}"
    return requests.get(url, params=params, headers=TOKEN, timeout=60)


def put(sandbox: SheetsSandbox, body: object, book: str = "book") -> requests.Response:
    return requests.put(f"{sandbox.url}/sandbox/spreadsheets/{book}", json=body, timeout=60)


def test_values_in_their_shapes(sandbox: SheetsSandbox) -> None:
    put(sandbox, {"values": [["name", "price"], ["Asha", 15.5], [True, None]]})
    found = values(sandbox, "A1:Z").json()
    assert found == {
        "range": "Sheet1!A1:Z1000",
        "majorDimension": "ROWS",
        "values": [["name", "price"], ["Asha", "15.5"], ["TRUE"]],
    }
    assert values(sandbox, "B2", valueRenderOption="UNFORMATTED_VALUE").json()["values"] == [[15.5]]
    columns = values(sandbox, "A1:B2", majorDimension="COLUMNS").json()["values"]
    assert columns == [["name", "Asha"], ["price", "15.5"]]
    assert "values" not in values(sandbox, "D1:E9").json()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("Nowhere!A1", "Unable to parse range: Nowhere!A1"),
        ("1A", "Unable to parse range: 1A"),
        ("B2:A1", "Unable to parse range"),
        ("A5000", "exceeds grid limits"),
    ],
)
def test_a_bad_range(sandbox: SheetsSandbox, cells: str, message: str) -> None:
    put(sandbox, {"values": [["x"]]})
    refused = values(sandbox, cells)
    assert refused.status_code == 400
    assert refused.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert message in refused.json()["error"]["message"]


def test_refusals(sandbox: SheetsSandbox) -> None:
    put(sandbox, {"values": [], "shared": False}, "closed")
    assert values(sandbox, "A1", "closed").json()["error"] == {
        "code": 403,
        "message": "The caller does not have permission",
        "status": "PERMISSION_DENIED",
    }
    assert values(sandbox, "A1", "nothing").json()["error"]["status"] == "NOT_FOUND"
    unsigned = requests.get(f"{sandbox.url}/v4/spreadsheets/book/values/A1", timeout=60)
    assert unsigned.json()["error"]["status"] == "UNAUTHENTICATED"


def test_faults_on_request(sandbox: SheetsSandbox) -> None:
    put(sandbox, {"values": [["x"]]})
    faults = f"{sandbox.url}/sandbox/faults"
    requests.post(faults, json={"status": 429, "times": 2, "spreadsheet_id": "book"}, timeout=60).raise_for_status()
    assert [values(sandbox, "A1").status_code for _ in range(3)] == [429, 429, 200]
    requests.post(faults, json={"status": 503}, timeout=60).raise_for_status()
    requests.delete(faults, timeout=60).raise_for_status()
    assert values(sandbox, "A1").ok
    assert requests.post(faults, json={"status": 418}, timeout=60).status_code == 400


def test_what_can_be_set(sandbox: SheetsSandbox) -> None:
    for wrong in ([], {"cells": []}, {"values": ["x"]}, {"values": [[{}]]}, {"sheets": {}}):
        assert put(sandbox, wrong).status_code == 400
    put(sandbox, {"title": "<Mentors>", "sheets": {"One": [["<b>"]], "Two": []}})
    page = requests.get(sandbox.url, timeout=60).text
    assert "&lt;Mentors&gt;" in page
    assert "<b>" not in page
    restored = SheetsSandbox(0)
    restored.restore(sandbox.snapshot())
    assert restored.snapshot() == sandbox.snapshot()
    requests.delete(f"{sandbox.url}/sandbox/spreadsheets/book", timeout=60).raise_for_status()
    assert values(sandbox, "A1").status_code == 404
