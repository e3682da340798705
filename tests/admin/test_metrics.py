"""/api/admin/metrics: now, history, peak, realtime."""

from datetime import timedelta

import pytest

from konnect import clock
from konnect.admin import days
from konnect.sessions import queue
from konnect.store import measure
from tests.admin.conftest import EXPERT, USER, Panel
from tests.admin.test_users import add
from tests.support import START, give

PATHS = [f"/api/admin/metrics{suffix}" for suffix in ("", "/history", "/peak", "/realtime")]


@pytest.mark.parametrize("path", PATHS)
def test_admins_only(panel: Panel, path: str) -> None:
    assert panel.api.user(None).get(path).status_code == 401
    assert panel.api.user(USER).get(path).status_code == 403
    assert panel.api.user(EXPERT, role="expert").get(path).status_code == 403
    assert panel.admin.get(path).status_code == 200


@pytest.mark.parametrize("path", PATHS[1:3])
def test_bad_days(panel: Panel, path: str) -> None:
    for number in ("0", "366", "x"):
        response = panel.admin.get(path, days=number)
        assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (400, "days")


def test_now(panel: Panel) -> None:
    now = clock.now()
    add(panel, USER, "Meera")
    add(panel, EXPERT, "Asha", role="expert")
    stage = panel.stage()
    stage.started(USER, 100)
    panel.ctx.run(lambda tx: queue.join(tx, EXPERT, "ravi", "Ravi", "chat", now=START))
    give(panel.ctx, "ravi", 5000, now=now)
    found = panel.admin.get("/api/admin/metrics").json()
    assert found["users"] == {"total": 2, "experts": 1, "newToday": 0}
    assert found["experts"] == {"approved": 1, "online": 1}
    assert found["capacity"] == {"online": 1, "maxConcurrentMentors": 50}
    assert (found["sessions"]["active"], found["waiting"]) == (1, 1)
    assert (found["today"]["date"], found["today"]["deposits"]) == (clock.business_day(now).isoformat(), 50)


def test_history_is_read_a_document_a_day(panel: Panel) -> None:
    later = START + timedelta(days=40)
    panel.paid_session(3)
    days.roll_up(panel.ctx, {"days": 60}, later)
    first, last = clock.business_day(START) - timedelta(days=5), clock.business_day(START) + timedelta(days=5)
    with measure() as usage:
        found = days.of_range(panel.ctx.db, first, last, now=later)
    assert usage.reads == len(found) == 11
    assert [day.counts["sessions"] for day in found] == [0] * 5 + [1] + [0] * 5
    items = panel.admin.get("/api/admin/metrics/history", days=3).json()["items"]
    assert len(items) == 3
    assert items[-1]["date"] == clock.business_day(clock.now()).isoformat()
    assert {"newUsers", "sessions", "gross", "fee", "refunds", "net", "deposits", "peakActive"} <= set(items[0])


def test_peaks(panel: Panel) -> None:
    now = clock.now()
    stage = panel.stage()
    days.sample(panel.ctx, {}, now)
    session_id = stage.started(USER, 100)
    days.sample(panel.ctx, {}, now)
    stage.end(session_id, USER, stage.at(0, 30))
    days.sample(panel.ctx, {}, now)
    found = panel.admin.get("/api/admin/metrics/peak", days=1).json()
    assert found["sessions"] == {"value": 1, "at": clock.iso(now)}
    assert found["experts"]["value"] == 1
    hour = found["hours"][now.astimezone(clock.INDIA).hour]
    assert (hour["sessions"], hour["sessionsMax"], hour["experts"]) == (0.33, 1, 1)


def test_realtime(panel: Panel) -> None:
    stage = panel.stage()
    session_id = stage.started(USER, 100)
    panel.ctx.run(lambda tx: queue.join(tx, EXPERT, "ravi", "Ravi", "chat", now=START))
    found = panel.admin.get("/api/admin/metrics/realtime").json()
    assert found["counts"] == {"online": 1, "active": 1, "waiting": 1, "consults": 0}
    assert [(one["id"], one["busy"]) for one in found["experts"]] == [(EXPERT, True)]
    assert found["consults"] == []
    assert [one["id"] for one in found["sessions"]] == [session_id]
    assert found["queues"] == [{"expertId": EXPERT, "waiting": 1}]
    listed = panel.admin.get("/api/admin/sessions/active").json()["items"]
    assert [one["id"] for one in listed] == [session_id]


def test_consults(panel: Panel) -> None:
    """Of kundlinow: they run, and keep an expert busy, as sessions do."""
    now = clock.now()
    panel.stage()
    consult = {
        "status": "active",
        "type": "video",
        "userId": USER,
        "userName": "Meera",
        "expertId": EXPERT,
        "expertName": "Asha",
        "durationMinutes": 30,
        "price": 300,
        "pricePaise": 300_00,
        "startedAt": now,
        "endsAt": now + timedelta(minutes=30),
        "createdAt": now,
        "endedAt": None,
    }
    panel.ctx.db.set(("consults", "c1"), consult)
    panel.ctx.db.set(("consults", "c2"), {**consult, "status": "completed", "endedAt": now})
    panel.ctx.db.set(("liveSessions", "l1"), {"status": "live", "host": {"id": "ravi"}, "endedAt": None})
    panel.ctx.db.set(("experts", "ravi"), {**panel.doc("experts", EXPERT), "firebaseUid": "ravi"})
    found = panel.admin.get("/api/admin/metrics/realtime").json()
    assert (found["counts"]["consults"], [one["id"] for one in found["consults"]]) == (1, ["c1"])
    # A live class keeps its host busy, too.
    assert {one["id"]: one["busy"] for one in found["experts"]} == {EXPERT: True, "ravi": True}
    days.sample(panel.ctx, {}, now)
    assert panel.admin.get("/api/admin/metrics/peak", days=1).json()["consults"] == {"value": 1, "at": clock.iso(now)}
    assert panel.admin.get("/api/admin/metrics").json()["consults"] == {"active": 1, "today": 2, "endedToday": 1}


def test_runs() -> None:
    first = clock.business_day(START)
    wanted = [first + timedelta(days=number) for number in (0, 1, 4, 6, 7)]
    assert [(a.day, b.day) for a, b in days.runs(wanted)] == [(5, 6), (9, 9), (11, 12)]


class TestSessions:
    @pytest.mark.parametrize("path", ["/api/admin/sessions", "/api/admin/sessions/active"])
    def test_admins_only(self, panel: Panel, path: str) -> None:
        assert panel.api.user(None).get(path).status_code == 401
        assert panel.api.user(USER).get(path).status_code == 403

    def test_filters_and_pages(self, panel: Panel) -> None:
        stage = panel.stage()
        ended = panel.paid_session(1, stage=stage)
        running = stage.started("ravi", 100)

        def listed(**query: str) -> set[str]:
            return {item["id"] for item in panel.admin.get("/api/admin/sessions", **query).json()["items"]}

        assert listed() == {ended, running}
        assert listed(status="completed") == {ended}
        assert listed(type="chat") == {ended, running}
        assert listed(type="video") == set()
        assert listed(userId="ravi") == {running}
        assert listed(expertId=EXPERT, status="in_progress") == {running}
        assert listed(expertId=EXPERT) == {ended, running}
        day = clock.business_day(START).isoformat()
        assert listed(**{"from": day, "to": day}) == {ended, running}
        assert listed(to="2026-01-04") == set()
        page = panel.admin.get("/api/admin/sessions", limit=1).json()
        rest = panel.admin.get("/api/admin/sessions", limit=1, cursor=page["nextCursor"]).json()
        assert {page["items"][0]["id"], rest["items"][0]["id"]} == {ended, running}
        assert rest["nextCursor"] is None

    def test_bad_queries(self, panel: Panel) -> None:
        for name, value in (("status", "over"), ("type", "mail"), ("from", "x"), ("userId", "a/b")):
            response = panel.admin.get("/api/admin/sessions", **{name: value})
            assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (400, name)
