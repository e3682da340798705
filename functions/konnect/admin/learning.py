"""SkillVerse's numbers: now, and over a range of days with the days' own. Money is of courses alone; that of all that
is sold is in metrics.py and in /api/admin/revenue."""

from datetime import date, datetime
from typing import Any

from konnect import clock
from konnect.context import Context
from konnect.exchange import figures as exchanges
from konnect.learning import figures as courses
from konnect.ledger import days as ledger_days
from konnect.ledger.days import Sums
from konnect.live import figures as live
from konnect.money import CURRENCY, rupees
from konnect.store import Database, Query

from . import days, revenue
from .user_index import COLLECTION as USER_INDEX

COURSES = "courses"
"""The source of revenue."""
TOP = 10
ROLES = {"learners": "learner", "educators": "educator", "skillExchangers": "skillExchanger", "admins": "admin"}
CLOSED = ("inactive", "suspended", "banned")


def dashboard(ctx: Context, *, now: datetime) -> dict[str, Any]:
    """SkillVerse at this moment, its business day and its month so far: some 30 reads, and the month's sums."""
    db, today = ctx.db, clock.business_day(now)
    counts = days.count(db, today)
    month = ledger_days.of_range(db, today.replace(day=1), today)
    of_courses, enrolled = courses.by_status(db), courses.enrolled(db)
    standing = sum(enrolled.values())
    return {
        "users": {**_users(db), "newToday": counts["newUsers"]},
        "courses": {**of_courses, "total": sum(of_courses.values())},
        "enrollments": {
            "total": standing,
            **enrolled,
            "today": counts["enrollments"],
            "completedToday": counts["completions"],
            "completionRate": _percent(enrolled["completed"], standing),
        },
        "liveSessions": live.by_status(db),
        "exchanges": exchanges.by_status(db),
        "revenue": {
            "today": revenue.of(month.get(today.isoformat(), Sums()), COURSES).as_json(),
            "month": revenue.of(ledger_days.total(month.values()), COURSES).as_json(),
        },
        "currency": CURRENCY,
        "at": now,
    }


def analytics(ctx: Context, first: date, last: date, *, now: datetime) -> dict[str, Any]:
    """What happened from `first` to `last`, and by day (a document a day, see days.py); and the TOP courses with the
    most students, whose numbers are of all time."""
    found = days.of_range(ctx.db, first, last, now=now)
    items = [{"date": day.day, **_counts(day.counts), **_money(day.money)} for day in found]
    counted = {name: sum(item[name] for item in items) for name in _NAMES}
    return {
        "from": first,
        "to": last,
        "items": items,
        "total": {**counted, **_money(ledger_days.total(Sums(day.money) for day in found))},
        "exchangeCompletionRate": _percent(counted["exchangesCompleted"], counted["exchanges"]),
        "averageAttendance": round(counted["attendances"] / counted["classes"], 1) if counted["classes"] else None,
        "courses": [_course(ctx.db, one) for one in courses.most_taken(ctx.db, TOP)],
        "currency": CURRENCY,
    }


_NAMES = (
    *("newUsers", "enrollments", "completions", "exchanges", "exchangesCompleted"),
    *("classes", "attendances"),
)


def _counts(counts: Any) -> dict[str, int]:
    """Days that were rolled up before SkillVerse have none."""
    return {name: counts.get(name, 0) for name in _NAMES}


def _money(sums: Any) -> dict[str, Any]:
    return revenue.of(sums, COURSES).as_json()


def _users(db: Database) -> dict[str, int]:
    query = Query((USER_INDEX,))
    return {
        "total": query.count(db),
        **{name: query.filter("memberRole", "==", role).count(db) for name, role in ROLES.items()},
        **{status: query.filter("status", "==", status).count(db) for status in CLOSED},
    }


def _course(db: Database, listing: dict[str, Any]) -> dict[str, Any]:
    found = courses.of_course(db, listing["id"])
    return {
        "courseId": listing["id"],
        "title": listing["title"],
        "instructor": listing["instructor"]["name"],
        "rating": listing["rating"],
        "students": found["enrolled"],
        "completed": found["completed"],
        "completionRate": _percent(found["completed"], found["enrolled"]),
        "sales": rupees(found["paidPaise"]),
        "salesPaise": found["paidPaise"],
    }


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None
