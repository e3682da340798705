"""/api/admin/mentors: find, change, switch; the console's functions."""

from datetime import timedelta
from typing import Any

import pytest

from konnect.admin.mentors import console, index
from konnect.context import Context
from konnect.http.triggers import Change
from konnect.platform import PlatformConfig
from konnect.rehearsal import Rehearsal
from konnect.sessions import attendance
from tests.support import START, kept_events, kept_tasks

from .conftest import Panel

CONFIG = PlatformConfig()


def indexed(panel: Panel) -> None:
    """What the trigger does after each write."""
    for expert in panel.all("experts"):
        change = Change("e", f"experts/{expert['id']}", {"expertId": expert["id"]}, None, expert, START)
        for _ in range(2):
            index.on_mentor_written(panel.ctx, change, START)


@pytest.fixture
def four(panel: Panel) -> Panel:
    """Asha (approved), Ravi (approved), Meera (applied), Kiran (rejected), in this order of time."""
    for days, (name, status, title) in enumerate(
        [
            ("Asha Rao", "approved", "Staff Engineer"),
            ("Ravi Rao", "approved", "Designer"),
            ("Meera", "applied", "Engineering Manager"),
            ("Kiran", "rejected", "Writer"),
        ]
    ):
        email = f"{name.split()[0].lower()}@konnect.test"
        panel.mentor(email, name=name, status=status, title=title, createdAt=START + timedelta(days=days))
    indexed(panel)
    return panel


def names(panel: Panel, **params: Any) -> list[str]:
    found: list[str] = []
    while True:
        answer = panel.admin.get("/api/admin/mentors", **params)
        assert answer.status_code == 200, answer.text
        found += [mentor["name"].split()[0] for mentor in answer.json()["items"]]
        params["cursor"] = answer.json()["nextCursor"]
        if params["cursor"] is None:
            return found


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["Kiran", "Meera", "Ravi", "Asha"]),
    ({"limit": 1}, ["Kiran", "Meera", "Ravi", "Asha"]),
    ({"status": "approved"}, ["Ravi", "Asha"]),
    ({"status": "rejected"}, ["Kiran"]),
    ({"available": "false", "status": "approved"}, ["Ravi", "Asha"]),
    ({"available": "true"}, []),
    ({"search": "rao"}, ["Ravi", "Asha"]),
    ({"search": "Rao as"}, ["Asha"]),
    ({"search": "engineer"}, ["Meera", "Asha"]),
    ({"search": "engineer", "status": "applied"}, ["Meera"]),
    ({"search": "rao", "available": "true"}, []),
    ({"search": "rao", "limit": 1}, ["Ravi", "Asha"]),
    ({"search": "KIRAN@konnect.test"}, ["Kiran"]),
    ({"search": "kiran@konnect.test", "status": "approved"}, []),
    ({"search": "konnect", "status": "approved"}, ["Ravi", "Asha"]),
    ({"search": "…"}, []),
    ({"search": "zz"}, []),
]


class TestList:
    def test_filters(self, four: Panel) -> None:
        for params, expected in FILTERS:
            assert names(four, **params) == expected, params

    def test_what_is_shown(self, four: Panel) -> None:
        [kiran] = four.admin.get("/api/admin/mentors", status="rejected").json()["items"]
        assert (kiran["email"], kiran["mentorStatus"], kiran["firebaseUid"]) == ("kiran@konnect.test", "rejected", None)
        assert (kiran["pricePerMin"], kiran["acceptsSessions"]) == (15, True)

    def test_who_may_and_what(self, panel: Panel) -> None:
        for path in ("/api/admin/mentors", "/api/admin/mentors/export"):
            assert panel.api.user(None).get(path).status_code == 401
            assert panel.api.user("ann", role="expert").get(path).status_code == 403
            assert panel.admin.get(path, status="famous").json()["error"]["details"][0]["field"] == "status"
        assert panel.admin.get("/api/admin/mentors", limit=0).status_code == 400
        assert panel.admin.get("/api/admin/mentors", cursor="x").status_code == 400

    def test_the_export_has_the_same_filters(self, four: Panel) -> None:
        text = four.admin.get("/api/admin/mentors/export", search="rao").content.decode("utf-8-sig")
        assert len(text.strip().splitlines()) == 3

    def test_an_entry_goes_with_its_profile(self, four: Panel) -> None:
        gone = four.all("experts")[0]["id"]
        four.ctx.db.delete("experts", gone)
        change = Change("e", f"experts/{gone}", {"expertId": gone}, {}, None, None)
        index.on_mentor_written(four.ctx, change, START)
        assert four.ctx.db.get("mentorIndex", gone) is None


class TestUpdate:
    def test_valid(self, panel: Panel) -> None:
        expert_id = panel.mentor("asha@konnect.test", name="Asha", phone="+91 98765 43210", bio="old")
        path = f"/api/admin/mentors/{expert_id}"
        body = {"pricePerMin": 20.5, "specialties": ["AI"], "phone": None, "name": "Asha Rao"}
        answer = panel.admin.call("PATCH", path, body)
        mentor = answer.json()
        assert (answer.status_code, mentor["pricePerMin"], mentor["specialties"]) == (200, 20.5, ["AI"])
        assert (mentor["onboardingData"]["phone"], mentor["bio"], mentor["email"]) == (None, "old", "asha@konnect.test")
        assert panel.doc("experts", expert_id)["pricePerMinPaise"] == 2050
        [entry] = panel.all("audit")
        assert (entry["action"], entry["actor"], entry["before"]["pricePerMinPaise"]) == ("mentor.update", "root", 1500)
        assert panel.admin.call("PATCH", path, body).status_code == 200
        assert len(panel.all("audit")) == 1, "a repeat changes nothing"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": None}, "name"),
            ({"pricePerMin": "15"}, "pricePerMin"),
            ({"pricePerMin": None}, "pricePerMin"),
            ({"pricePerMin": 1001}, "pricePerMin"),
            ({"experience": -1}, "experience"),
            ({"specialties": ["x"] * 21}, "specialties"),
            ({"linkedinUrl": "javascript:alert(1)"}, "linkedinUrl"),
            ({"available": True}, "available"),
            ({"mentorStatus": "approved"}, "mentorStatus"),
        ],
    )
    def test_invalid(self, panel: Panel, body: dict[str, Any], field: str) -> None:
        expert_id = panel.mentor("asha@konnect.test", name="Asha")
        before = panel.doc("experts", expert_id)
        refused = panel.admin.call("PATCH", f"/api/admin/mentors/{expert_id}", body)
        assert refused.status_code == 400
        assert field in refused.json()["error"]["details"][0]["field"] + refused.json()["error"]["message"]
        assert panel.doc("experts", expert_id) == before

    def test_who_may(self, panel: Panel) -> None:
        expert_id = panel.mentor("asha@konnect.test", name="Asha", firebaseUid="asha")
        path = f"/api/admin/mentors/{expert_id}"
        assert panel.api.user(None).call("PATCH", path, {}).status_code == 401
        assert panel.api.user("asha", role="expert").call("PATCH", path, {"bio": "x"}).status_code == 403
        assert panel.admin.call("PATCH", "/api/admin/mentors/nobody", {"bio": "x"}).status_code == 404


def connect(ctx: Context, uid: str) -> None:
    ctx.run(lambda tx: attendance.register_expert(tx, uid, "c1", "i1", config=CONFIG, now=START))


class TestToggle:
    @pytest.fixture
    def asha(self, panel: Panel) -> str:
        """An approved mentor whose profile was imported, and who has signed in."""
        expert_id = panel.mentor("asha@konnect.test", name="Asha", firebaseUid="asha")
        panel.ctx.db.set(("expertsByUid", "asha"), {"expertId": expert_id})
        return expert_id

    def toggle(self, panel: Panel, expert_id: str, **body: Any) -> Any:
        return panel.admin.post(f"/api/admin/mentors/{expert_id}/toggle-availability", body)

    def test_off_stays_off_until_switched_on(self, panel: Panel, asha: str) -> None:
        connect(panel.ctx, "asha")
        assert panel.doc("experts", asha)["available"]
        assert self.toggle(panel, asha, reason="complaints").json()["available"] is False
        assert kept_events(panel.ctx).named("expert-offline")
        connect(panel.ctx, "asha")
        assert not panel.doc("experts", asha)["available"], "another connection does not switch on"
        advances = len(kept_tasks(panel.ctx).keyed("advance", asha))
        answer = self.toggle(panel, asha).json()
        assert (answer["available"], answer["acceptsSessions"]) == (True, True)
        assert len(kept_tasks(panel.ctx).keyed("advance", asha)) == advances + 1, "the queue moves"
        entries = [entry for entry in panel.all("audit") if entry["action"] == "mentor.toggle"]
        assert sorted(entry["reason"] or "" for entry in entries) == ["", "complaints"]

    def test_repeats(self, panel: Panel, asha: str) -> None:
        connect(panel.ctx, "asha")
        for _ in range(2):
            assert self.toggle(panel, asha, available=False).json()["available"] is False
        assert len(panel.all("audit")) == 1
        assert panel.doc("counters", "expertsOnline")["count"] == 0

    def test_on_without_a_connection_waits_for_it(self, panel: Panel, asha: str) -> None:
        self.toggle(panel, asha, available=False)
        assert self.toggle(panel, asha, available=True).json()["available"] is False
        connect(panel.ctx, "asha")
        assert panel.doc("experts", asha)["available"]

    def test_refused(self, panel: Panel, asha: str) -> None:
        nobody = panel.mentor("ravi@konnect.test", name="Ravi")
        refused = self.toggle(panel, nobody, available=True)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "MENTOR_HAS_NO_ACCOUNT")
        applied = panel.mentor("kiran@konnect.test", name="Kiran", firebaseUid="kiran", status="applied")
        assert self.toggle(panel, applied, available=True).status_code == 403
        assert self.toggle(panel, "nobody").status_code == 404
        assert self.toggle(panel, asha, available="yes!").json()["error"]["details"][0]["field"] == "available"
        path = f"/api/admin/mentors/{asha}/toggle-availability"
        assert panel.api.user(None).post(path, {}).status_code == 401
        assert panel.api.user("asha", role="expert").post(path, {}).status_code == 403


class TestConsole:
    def test_import_and_toggle(self, panel: Panel) -> None:
        payload = {"csv": "email,name,title\nasha@konnect.test,Asha,Engineer\n"}
        rehearsal = Rehearsal.of(panel.ctx)
        report = rehearsal.report(console.import_mentors(rehearsal, payload, START))
        assert report
        assert panel.all("experts") == panel.all("importJobs") == []
        assert console.import_mentors(panel.ctx, payload, START)["created"] == 1
        [asha] = panel.all("experts")
        off = console.toggle_mentor(panel.ctx, {"mentorId": asha["id"], "available": False, "by": "ann"}, START)
        assert off == {"mentorId": asha["id"], "available": False}
        assert {entry["actor"] for entry in panel.all("audit")} == {"console"}

    @pytest.mark.parametrize("payload", [{}, {"csv": "x", "spreadsheetId": "1AbcDefGhiJ"}, {"csv": "x", "sheet": 1}])
    def test_wrong_payloads(self, panel: Panel, payload: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="Import"):
            console.import_mentors(panel.ctx, payload, START)
