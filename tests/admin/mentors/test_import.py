"""The bulk import: every row checked, all or nothing, safe to repeat, and the way back by the export."""

from typing import Any

import pytest

from konnect.admin.mentors import jobs, usecases
from konnect.errors import Unavailable
from konnect.experts.linking import imported_id
from tests.payments.api import error_code
from tests.support import START, at_once, kept_tasks

from .conftest import Panel

HEADER = "email,name,title,pricePerMin,specialties,phone"
ASHA = "Asha@Konnect.test,Asha Rao,Staff Engineer,15.50,System Design; Tech Interviews,+91 98765 43210"
RAVI = "ravi@konnect.test,Ravi,Designer,,,"


def table(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


class TestValid:
    def test_new_mentors(self, panel: Panel) -> None:
        report = panel.upload(table(ASHA, RAVI)).json()
        assert (report["total"], report["created"], report["failed"], report["dryRun"]) == (2, 2, 0, False)
        assert [row["status"] for row in report["rows"]] == ["created", "created"]
        expert_id = imported_id("asha@konnect.test")
        assert report["rows"][0] | {"row": 2, "expertId": expert_id, "email": "asha@konnect.test"} == report["rows"][0]
        asha, private = panel.doc("experts", expert_id), panel.private(expert_id)
        assert (asha["name"], asha["pricePerMinPaise"], asha["pricePerMin"]) == ("Asha Rao", 1550, 15.5)
        assert asha["specialties"] == ["System Design", "Tech Interviews"]
        assert (asha["mentorStatus"], asha["firebaseUid"], asha["available"]) == ("approved", None, False)
        assert (private["email"], private["phone"]) == ("asha@konnect.test", "+91 98765 43210")
        assert not {"email", "phone"} & set(asha)
        ravi = panel.doc("experts", imported_id("ravi@konnect.test"))
        assert (ravi["pricePerMinPaise"], ravi["specialties"], ravi["experience"]) == (1000, [], 0)
        job = panel.doc("importJobs", report["jobId"])
        assert (job["status"], job["processed"], job["created"]) == ("done", 2, 2)
        actions = sorted(entry["action"] for entry in panel.all("audit"))
        assert actions == ["mentor.import", "mentor.import", "mentors.import"]

    def test_a_repeat_changes_nothing(self, panel: Panel) -> None:
        panel.upload(table(ASHA, RAVI))
        before = panel.all("experts"), len(panel.all("audit"))
        report = panel.upload(table(ASHA, RAVI)).json()
        assert [row["status"] for row in report["rows"]] == ["unchanged", "unchanged"]
        assert panel.all("experts") == before[0]
        assert len(panel.all("audit")) == before[1] + 1, "the import itself, and no mentor"

    def test_cells_clear_and_columns_left_out_stay(self, panel: Panel) -> None:
        panel.upload(table(ASHA))
        report = panel.upload(table("asha@konnect.test,,Principal", header="email,phone,title")).json()
        assert report["updated"] == 1
        expert_id = imported_id("asha@konnect.test")
        asha = panel.doc("experts", expert_id)
        assert (asha["title"], asha["name"], asha["pricePerMinPaise"]) == ("Principal", "Asha Rao", 1550)
        assert panel.private(expert_id)["phone"] is None
        [entry] = [entry for entry in panel.all("audit") if (entry["before"] or {}).get("title")]
        assert entry["before"] == {"title": "Staff Engineer", "phone": "+91 98765 43210"}
        assert entry["after"] == {"title": "Principal", "phone": None}
        assert (entry["actor"], entry["target"]) == ("root", f"experts/{expert_id}")

    def test_a_user_who_has_a_profile_gets_no_second_one(self, panel: Panel) -> None:
        panel.mentor("meera@konnect.test", name="Meera")
        panel.ctx.db.set(("users", "u1"), {"email": "ravi@konnect.test", "name": "Ravi"})
        panel.ctx.db.set(("users", "u2"), {"email": "kiran@konnect.test", "name": "Kiran"})
        panel.ctx.db.set(("expertsByUid", "u2"), {"expertId": "kiran-1"})
        for expert_id, email in (("u1", "ravi@konnect.test"), ("kiran-1", "kiran@konnect.test")):
            self_registered = panel.doc("experts", imported_id("meera@konnect.test"))
            panel.ctx.db.set(("experts", expert_id), self_registered)
            panel.ctx.db.set(("experts", expert_id, "private", "onboarding"), {"email": email})
        report = panel.upload(table("ravi@konnect.test,Ravi K", "kiran@konnect.test,Kiran", header="email,name")).json()
        assert [row["expertId"] for row in report["rows"]] == ["u1", "kiran-1"]
        assert [row["status"] for row in report["rows"]] == ["updated", "updated"]
        assert len(panel.all("experts")) == 3

    def test_the_forms_of_a_body(self, panel: Panel) -> None:
        def send(data: bytes, content_type: str) -> Any:
            path = "/api/admin/mentors/bulk"
            return panel.admin.send("POST", path, data=data, content_type=content_type, dryRun="true").json()

        form = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="m.csv"\r\nContent-Type: text/csv\r\n\r\n'
            + table(ASHA).encode()
            + b"\r\n--b--\r\n"
        )
        assert send(form, "multipart/form-data; boundary=b")["created"] == 1
        assert send(table(ASHA).encode(), "text/csv")["created"] == 1
        assert panel.admin.post("/api/admin/mentors/bulk?dryRun=true", {"csv": table(ASHA)}).json()["created"] == 1
        assert panel.all("experts") == panel.all("importJobs") == panel.all("audit") == []

    def test_several_chunks(self, panel: Panel) -> None:
        rows = [f"m{number}@konnect.test,Mentor {number},Engineer" for number in range(jobs.CHUNK_ROWS * 2 + 1)]
        report = panel.upload(table(*rows, header="email,name,title")).json()
        assert (report["created"], len(panel.all("experts"))) == (len(rows), len(rows))
        assert [row["row"] for row in report["rows"]] == list(range(2, len(rows) + 2))

    def test_the_same_file_from_two_admins_at_once(self, panel: Panel) -> None:
        reports = at_once(4, lambda _: panel.upload(table(ASHA, RAVI)).json())
        assert len(panel.all("experts")) == 2
        assert sum(report["created"] for report in reports if isinstance(report, dict)) == 2


class TestErrors:
    @pytest.mark.parametrize(
        ("header", "row", "field"),
        [
            ("email,name,title", ",Asha,Engineer", "email"),
            ("email,name,title", "asha,Asha,Engineer", "email"),
            ("email,name,title", "asha@konnect.test,,Engineer", "name"),
            ("email,name", "asha@konnect.test,Asha", "title"),
            ("email,name,title,pricePerMin", "a@b.test,Asha,E,cheap", "pricePerMin"),
            ("email,name,title,pricePerMin", "a@b.test,Asha,E,0", "pricePerMin"),
            ("email,name,title,pricePerMin", "a@b.test,Asha,E,1001", "pricePerMin"),
            ("email,name,title,pricePerMin", "a@b.test,Asha,E,1.005", "pricePerMin"),
            ("email,name,title,experience", "a@b.test,Asha,E,5.5", "experience"),
            ("email,name,title,experience", "a@b.test,Asha,E,71", "experience"),
            ("email,name,title,linkedinUrl", "a@b.test,Asha,E,javascript:alert(1)", "linkedinUrl"),
            ("email,name,title,phone", "a@b.test,Asha,E,call me", "phone"),
            ("email,name,title,specialties", "a@b.test,Asha,E," + ";".join("abcdefghijklmnopqrstu"), "specialties"),
            ("email,name,title,mentorStatus", "a@b.test,Asha,E,call_done", "mentorStatus"),
            ("email,name,title,mentorStatus", "meera@konnect.test,Meera,E,rejected", "mentorStatus"),
            ("id,email,name,title", "nobody,a@b.test,Asha,E", "id"),
            ("id,email,name,title", "../users,a@b.test,Asha,E", "id"),
            ("email,name,title", "a@b.test,Rao, Asha,E", "row"),
        ],
    )
    def test_a_wrong_cell_is_named_and_nothing_is_written(
        self, panel: Panel, header: str, row: str, field: str
    ) -> None:
        meera = panel.mentor("meera@konnect.test", name="Meera")
        good = ",".join(
            {"email": "good@konnect.test", "name": "Good", "title": "E"}.get(n, "") for n in header.split(",")
        )
        refused = panel.upload(table(good, row, header=header))
        assert (refused.status_code, error_code(refused)) == (400, "INVALID_ROWS")
        faults = [d for d in refused.json()["error"]["details"] if d["row"] == 3]
        assert field in {fault["field"] for fault in faults}, faults
        assert [expert["id"] for expert in panel.all("experts")] == [meera]
        assert panel.all("importJobs") == []

    def test_partial_imports_the_valid_rows(self, panel: Panel) -> None:
        report = panel.upload(table(ASHA, "nonsense,,,,,", RAVI), partial="true").json()
        assert [row["status"] for row in report["rows"]] == ["created", "error", "created"]
        assert {error["field"] for error in report["rows"][1]["errors"]} == {"email", "name", "title"}
        job = panel.doc("importJobs", report["jobId"])
        assert (job["status"], job["total"], job["processed"], job["failed"]) == ("done", 3, 3, 1)
        assert job["errors"][0]["row"] == 3

    def test_one_mentor_twice(self, panel: Panel) -> None:
        expert_id = panel.mentor("asha@konnect.test", name="Asha")
        rows = table(f"{expert_id},,Asha A", ",ASHA@konnect.test,Asha B", header="id,email,name")
        [fault] = panel.upload(rows).json()["error"]["details"]
        assert fault == {"row": 3, "field": "email", "message": "is the mentor of row 2 too"}

    def test_an_id_and_the_address_of_another(self, panel: Panel) -> None:
        expert_id = panel.mentor("asha@konnect.test", name="Asha")
        refused = panel.upload(table(f"{expert_id},ravi@konnect.test", header="id,email"))
        assert refused.json()["error"]["details"][0]["field"] == "email"

    def test_who_may(self, panel: Panel) -> None:
        path = "/api/admin/mentors/bulk"
        assert panel.api.user(None).post(path, {"csv": table(ASHA)}).status_code == 401
        for role in ("user", "expert"):
            assert panel.api.user("ann", role=role).post(path, {"csv": table(ASHA)}).status_code == 403
        assert panel.all("experts") == []

    @pytest.mark.parametrize(
        "body", [b"", b"\n", b"name,title\nAsha,Engineer\n", b"email,name,title\n" + b"x" * 1_000_001]
    )
    def test_what_is_no_table(self, panel: Panel, body: bytes) -> None:
        assert panel.upload(body).status_code == 400
        assert panel.upload(b"x" * 2_000_001).status_code == 413

    def test_a_header_alone_is_no_error(self, panel: Panel) -> None:
        report = panel.upload(HEADER + "\n").json()
        assert (report["total"], report["rows"]) == (0, [])


class TestCrash:
    def test_what_a_crash_left_is_finished_by_the_task(self, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = [f"m{number}@konnect.test,Mentor {number},Engineer" for number in range(jobs.CHUNK_ROWS * 3)]
        apply_next, calls = jobs.apply_next, []

        def crash(*args: Any, **options: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                raise Unavailable("the process is gone")
            return apply_next(*args, **options)

        monkeypatch.setattr(jobs, "apply_next", crash)
        data = table(*rows, header="email,name,title").encode()
        with pytest.raises(Unavailable):
            usecases.import_csv(panel.ctx, data, by="root", partial=False, dry_run=False, now=START)
        assert len(panel.all("experts")) == jobs.CHUNK_ROWS
        [resume] = kept_tasks(panel.ctx).keyed("import")
        assert resume.at is not None
        panel.run_tasks()
        [job] = panel.all("importJobs")
        assert (job["status"], job["created"], len(panel.all("experts"))) == ("done", len(rows), len(rows))

    def test_a_mentor_deleted_between_check_and_write(self, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
        panel.upload(table(ASHA))
        plan = jobs.plan

        def delete_first(tx: Any, *args: Any, **options: Any) -> Any:
            panel.ctx.db.delete("experts", imported_id("asha@konnect.test"))
            return plan(tx, *args, **options)

        monkeypatch.setattr(jobs, "plan", delete_first)
        report = panel.upload(table("asha@konnect.test,Other", header="email,name")).json()
        assert (report["failed"], report["rows"][0]["status"]) == (1, "error")


def test_export_and_import_change_nothing(panel: Panel) -> None:
    panel.mentor(
        "asha@konnect.test",
        name="=cmd|' /C calc'!A0",
        bio='He said "hi",\nand left; +1',
        specialties=["AI, ML", "C++", "a;b"],
        languages=["English"],
        phone="+91 98765 43210",
        imageUrl="https://example.com/a.png",
    )
    panel.mentor("ravi@konnect.test", name="Ravi", status="call_done", pricePerMinPaise=1050)
    panel.mentor(None, name="Nobody's")
    before = panel.all("experts"), [panel.private(expert["id"]) for expert in panel.all("experts")]
    exported = panel.admin.get("/api/admin/mentors/export")
    assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in exported.headers["Content-Disposition"]
    report = panel.upload(exported.content).json()
    assert [row["status"] for row in report["rows"]] == ["unchanged"] * 3
    assert (panel.all("experts"), [panel.private(expert["id"]) for expert in panel.all("experts")]) == before
