"""/api/v1/admin/dashboard and /api/v1/admin/analytics."""

from datetime import timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.admin import days
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.store import Doc
from tests.admin.conftest import USER, Panel
from tests.admin.test_users import add
from tests.support import give

DASHBOARD, ANALYTICS = "/api/v1/admin/dashboard", "/api/v1/admin/analytics"
DAY = timedelta(days=1)


@pytest.fixture
def school(panel: Panel) -> Panel:
    """A course of which one of two students has completed it, another's that was refunded; exchanges; a class of three:
    all today."""
    now = clock.now()
    add(panel, USER, "Meera")
    put = panel.ctx.db.set
    for status in ("published", "pending"):
        course: Doc = {
            "status": status,
            "title": "Chess",
            "enrolledCount": 2,
            "rating": 4.5,
            "instructor": {"name": "Asha"},
        }
        put(("courses", status), course)
        if status == "published":
            put(("courseListings", status), course)
    for number, (status, paid) in enumerate((("active", 100_00), ("completed", 0), ("revoked", 100_00))):
        enrollment: Doc = {"courseId": "published", "status": status, "pricePaise": paid, "enrolledAt": now}
        put(("enrollments", str(number)), {**enrollment, "completedAt": now if status == "completed" else None})
    for status, ended_at in (("completed", now), ("cancelled", now), ("open", None)):
        put(("exchanges", status), {"status": status, "createdAt": now, "endedAt": ended_at})
    put(("liveSessions", "held"), {"status": "ended", "endedAt": now, "attendedCount": 3})
    put(("liveSessions", "coming"), {"status": "scheduled", "endedAt": None, "attendedCount": None})
    return panel


def sell(panel: Panel) -> None:
    """A course for 100 INR by wallet: 76.40 to the educator."""
    now = clock.now()
    give(panel.ctx, USER, 100_00, now=now)
    legs = (
        Leg(accounts.wallet(USER), -100_00),
        Leg(accounts.wallet("asha"), 76_40, part="earned"),
        Leg(accounts.PLATFORM_FEES, 20_00),
        Leg(accounts.TAX_GST, 3_60),
    )
    panel.ctx.run(lambda tx: ledger.post(tx, Movement("course:1:pay", "course.pay", legs, {"mentor": "asha"}), now=now))


def test_dashboard(school: Panel) -> None:
    sell(school)
    found = school.admin.get(DASHBOARD).json()
    assert (found["users"]["total"], found["users"]["learners"], found["users"]["banned"]) == (1, 1, 0)
    assert (found["courses"]["total"], found["courses"]["pending"], found["courses"]["published"]) == (2, 1, 1)
    enrollments = {"total": 2, "active": 1, "completed": 1, "today": 3, "completedToday": 1, "completionRate": 50}
    assert found["enrollments"] == enrollments
    assert found["liveSessions"] == {"scheduled": 1, "live": 0, "ended": 1, "cancelled": 0}
    assert (found["exchanges"]["open"], found["exchanges"]["completed"]) == (1, 1)
    for span in ("today", "month"):
        assert (found["revenue"][span]["gross"], found["revenue"][span]["net"]) == (100, 20)


def test_analytics(school: Panel) -> None:
    sell(school)
    today = clock.business_day(clock.now())
    found = school.admin.get(ANALYTICS, **{"from": str(today - DAY), "to": str(today)}).json()
    assert [item["date"] for item in found["items"]] == [str(today - DAY), str(today)]
    before, item = found["items"]
    assert (before["enrollments"], before["gross"]) == (0, 0)
    counted = {
        "newUsers": 0,
        "enrollments": 3,
        "completions": 1,
        "exchanges": 3,
        "exchangesCompleted": 1,
        "classes": 1,
        "attendances": 3,
        "grossPaise": 100_00,
        "feePaise": 20_00,
        "gstPaise": 3_60,
    }
    for sums in (item, found["total"]):
        assert {name: sums[name] for name in counted} == counted
    assert (found["exchangeCompletionRate"], found["averageAttendance"]) == (33.3, 3)
    [course] = found["courses"]
    assert (course["courseId"], course["students"], course["completed"]) == ("published", 2, 1)
    assert (course["completionRate"], course["sales"], course["salesPaise"]) == (50, 100, 100_00)


def test_days_that_are_over_are_read_as_they_were_written(school: Panel) -> None:
    now = clock.now()
    days.roll_up(school.ctx, {"days": 1}, now + DAY)
    today = clock.business_day(now)
    stored = school.doc("metricsDays", today.isoformat())["counts"]
    assert (stored["enrollments"], stored["classes"], stored["attendances"]) == (3, 1, 3)
    # One that was written before there was SkillVerse.
    old: Doc = {"day": str(today - DAY), "counts": {"newUsers": 2, "sessions": 1}, "money": {}, "rolledUpAt": now}
    school.ctx.db.set(("metricsDays", str(today - DAY)), old)
    found = school.admin.get(ANALYTICS, **{"from": str(today - DAY)}).json()
    assert [(item["newUsers"], item["enrollments"]) for item in found["items"]] == [(2, 0), (0, 3)]
    assert school.admin.get("/api/admin/metrics/history", days=2).json()["items"][0]["consults"] == 0


def test_nothing_yet(panel: Panel) -> None:
    found: dict[str, Any] = panel.admin.get(ANALYTICS).json()
    assert (len(found["items"]), found["courses"], found["averageAttendance"]) == (30, [], None)
    assert panel.admin.get(DASHBOARD).json()["enrollments"]["completionRate"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [({"from": "x"}, "from"), ({"from": "2026-02-02", "to": "2026-02-01"}, "from"), ({"from": "2020-01-01"}, "from")],
)
def test_bad_ranges(panel: Panel, query: dict[str, str], field: str) -> None:
    answer = panel.admin.get(ANALYTICS, **query)
    assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, field)
