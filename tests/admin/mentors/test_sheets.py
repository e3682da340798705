"""The import of a spreadsheet as a job, over the Sheets client on the sandbox."""

from datetime import timedelta
from typing import Any

import pytest
import requests

from konnect.admin.mentors import jobs, tasks
from konnect.errors import BadRequest, Forbidden, NotFound, Unavailable
from konnect.integrations.sheets.client import Sheets, sheets
from local.person import wait_until
from tests import people
from tests.support import START, at_once, kept_tasks

from .conftest import SHEET, Panel

HEADER = ["email", "name", "title", "pricePerMin", "specialties"]
ROWS: list[list[Any]] = [
    ["asha@konnect.test", "Asha", "Engineer", 15.5, "System Design, C++"],
    [],
    ["ravi@konnect.test", "Ravi", "Designer"],
]
URL = f"https://docs.google.com/spreadsheets/d/{SHEET}/edit#gid=0"


def start(panel: Panel, **body: Any) -> dict[str, Any]:
    response = panel.admin.post("/api/admin/mentors/import-sheet", {"spreadsheetId": SHEET, **body})
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def status(panel: Panel, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = panel.admin.get(f"/api/admin/mentors/import-status/{job['id']}").json()
    return found


class TestJob:
    def test_from_queued_to_done(self, panel: Panel) -> None:
        panel.put_sheet([HEADER, *ROWS])
        job = start(panel, spreadsheetId=URL)
        assert (job["status"], job["source"]["spreadsheetId"]) == ("queued", SHEET)
        assert panel.run_tasks() == 2
        done = status(panel, job)
        assert (done["status"], done["total"], done["processed"], done["created"]) == ("done", 2, 2, 2)
        assert done["finishedAt"]
        assert {expert["name"] for expert in panel.all("experts")} == {"Asha", "Ravi"}
        again = start(panel)
        panel.run_tasks()
        assert status(panel, again)["unchanged"] == 2

    def test_progress_chunk_by_chunk(self, panel: Panel) -> None:
        count = jobs.CHUNK_ROWS * 2 + 3
        panel.put_sheet([HEADER, *([f"m{n}@konnect.test", f"Mentor {n}", "E"] for n in range(count))])
        job = start(panel)
        seen = []
        done: set[str] = set()
        while waiting := [task for task in kept_tasks(panel.ctx).keyed("import") if task.name not in done]:
            done.add(waiting[0].name)
            tasks.advance_import(panel.ctx, waiting[0].payload, START)
            seen.append(status(panel, job)["processed"])
        assert seen == [0, jobs.CHUNK_ROWS, jobs.CHUNK_ROWS * 2, count]

    def test_each_task_many_times_and_at_once(self, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jobs, "CHUNK_ROWS", 3)
        count = jobs.CHUNK_ROWS * 2
        panel.put_sheet([HEADER, *([f"m{n}@konnect.test", f"Mentor {n}", "E"] for n in range(count))])
        job = start(panel)
        done: set[str] = set()
        while waiting := [task for task in kept_tasks(panel.ctx).keyed("import") if task.name not in done]:
            payload = waiting[0].payload
            done.add(waiting[0].name)
            assert at_once(3, lambda _, payload=payload: tasks.advance_import(panel.ctx, payload, START)) == [None] * 3
        for task in kept_tasks(panel.ctx).keyed("import"):
            tasks.advance_import(panel.ctx, task.payload, START)
        found = status(panel, job)
        assert (found["status"], found["created"], found["unchanged"]) == ("done", count, 0)
        assert len([entry for entry in panel.all("audit") if entry["action"] == "mentor.import"]) == count

    def test_rows_with_errors(self, panel: Panel) -> None:
        panel.put_sheet([HEADER, *ROWS, ["nonsense", "X", "Y", "free"]])
        job = start(panel)
        panel.run_tasks()
        failed = status(panel, job)
        assert (failed["status"], failed["failed"], failed["created"]) == ("failed", 1, 0)
        assert {(error["row"], error["field"]) for error in failed["errors"]} == {(5, "email"), (5, "pricePerMin")}
        assert panel.all("experts") == []
        partial = start(panel, partial=True)
        panel.run_tasks()
        found = status(panel, partial)
        assert (found["status"], found["created"], found["failed"], found["processed"]) == ("done", 2, 1, 3)

    def test_what_the_sheet_refuses_fails_the_job(self, panel: Panel) -> None:
        missing = start(panel, spreadsheetId="1NoSuchSpreadsheet")
        panel.put_sheet([HEADER], "1NotSharedWithUs", shared=False)
        closed = start(panel, spreadsheetId="1NotSharedWithUs")
        panel.put_sheet([HEADER, *ROWS])
        nowhere = start(panel, range="Nowhere!A1:B2")
        panel.put_sheet([], "1EmptySpreadsheet")
        empty = start(panel, spreadsheetId="1EmptySpreadsheet")
        panel.run_tasks()
        assert status(panel, missing)["message"] == "there is no such spreadsheet"
        assert "not shared" in status(panel, closed)["message"]
        assert status(panel, nowhere)["errors"][0]["field"] == "range"
        assert "empty" in status(panel, empty)["message"]
        assert {job["status"] for job in panel.all("importJobs")} == {"failed"}

    def test_a_quota_is_waited_for(self, panel: Panel) -> None:
        panel.put_sheet([HEADER, *ROWS])
        job = start(panel)
        [task] = kept_tasks(panel.ctx).keyed("import")
        panel.fault(status=429, times=2)
        for _ in range(2):
            with pytest.raises(Unavailable):
                tasks.advance_import(panel.ctx, task.payload, START)
        assert status(panel, job)["status"] == "running"
        panel.run_tasks()
        assert status(panel, job)["status"] == "done"

    def test_a_source_that_stays_away_is_given_up(self, panel: Panel) -> None:
        job = start(panel)
        [task] = kept_tasks(panel.ctx).keyed("import")
        panel.fault(status=503)
        later = panel.doc("importJobs", job["id"])["createdAt"] + timedelta(seconds=jobs.LONGEST_S)
        tasks.advance_import(panel.ctx, task.payload, later)
        assert status(panel, job)["status"] == "failed"

    def test_who_may_and_what(self, panel: Panel) -> None:
        path, body = "/api/admin/mentors/import-sheet", {"spreadsheetId": SHEET}
        assert panel.api.user(None).post(path, body).status_code == 401
        assert panel.api.user("ann", role="expert").post(path, body).status_code == 403
        for wrong in ({}, {"spreadsheetId": "../x"}, {"spreadsheetId": "https://example.com/spreadsheets/d/abc"}):
            refused = panel.admin.post(path, wrong)
            assert refused.status_code == 400
            assert refused.json()["error"]["details"][0]["field"] == "spreadsheetId"
        assert panel.admin.get("/api/admin/mentors/import-status/none").status_code == 404
        assert panel.api.user("ann").get("/api/admin/mentors/import-status/none").status_code == 403
        assert panel.api.user(None).get("/api/admin/mentors/import-status/none").status_code == 401


class TestClient:
    @pytest.fixture
    def client(self, panel: Panel) -> Sheets:
        return sheets(panel.ctx.settings)

    def test_ranges(self, panel: Panel, client: Sheets) -> None:
        rows: list[list[Any]] = [["a", 1, True], ["b", None, 2.5], [], ["", ""]]
        requests.put(
            f"{panel.sheets_url}/sandbox/spreadsheets/{SHEET}",
            json={"sheets": {"First": rows, "It's two": [["x"]]}},
            timeout=60,
        ).raise_for_status()
        assert client.values(SHEET, "A1:C10") == [["a", 1, True], ["b", "", 2.5]]
        assert client.values(SHEET, "First") == [["a", 1, True], ["b", "", 2.5]]
        assert client.values(SHEET, "First!B1:B") == [[1]]
        assert client.values(SHEET, "'It''s two'!A1:Z9") == [["x"]]
        assert client.values(SHEET, "First!A3:C9") == []

    def test_errors(self, panel: Panel, client: Sheets) -> None:
        panel.put_sheet([["a"]])
        with pytest.raises(NotFound):
            client.values("1NoSuchSpreadsheet", "A1")
        with pytest.raises(BadRequest) as refused:
            client.values(SHEET, "A0:ZZZZ")
        assert refused.value.details[0]["field"] == "range"
        for code, kind in ((401, Unavailable), (403, Forbidden), (429, Unavailable), (500, Unavailable)):
            panel.fault(status=code)
            with pytest.raises(kind):
                client.values(SHEET, "A1")

    def test_too_slow_and_not_there(self, panel: Panel) -> None:
        slow = sheets(panel.ctx.settings.model_copy(update={"sheets_timeout_s": 0.1}))
        panel.fault(timeout_ms=300)
        with pytest.raises(Unavailable):
            slow.values(SHEET, "A1")
        nobody = sheets(panel.ctx.settings.model_copy(update={"sheets_url": "http://127.0.0.1:1"}))
        with pytest.raises(Unavailable):
            nobody.values(SHEET, "A1")

    def test_a_range_that_holds_too_much(self, panel: Panel, client: Sheets) -> None:
        panel.put_sheet([["x" * 90_000] * 10 for _ in range(12)])
        with pytest.raises(BadRequest):
            client.values(SHEET, "Sheet1")


def test_a_sheet_through_the_whole_stack(stack_env: dict[str, str]) -> None:
    admin = people.admin(stack_env)
    email = f"sheet-{admin.uid.lower()}@konnect.test"
    requests.put(
        f"{stack_env['SHEETS_URL']}/sandbox/spreadsheets/1{admin.uid}",
        json={"values": [["email", "name", "title"], *([f"{n}-{email}", f"Mentor {n}", "E"] for n in range(25))]},
        timeout=60,
    ).raise_for_status()
    job = admin.post("/api/admin/mentors/import-sheet", {"spreadsheetId": f"1{admin.uid}"})

    def status() -> Any:
        found = admin.get(f"/api/admin/mentors/import-status/{job['id']}")
        return found if found["status"] in {"done", "failed"} else None

    done = wait_until("the import", status)
    assert (done["status"], done["created"], done["errors"]) == ("done", 25, [])
