"""The dashboard's numbers: now, by day, at their peaks, and live."""

from datetime import datetime, timedelta
from typing import Any

from konnect import clock
from konnect.consults import figures as consults
from konnect.context import Context
from konnect.experts import service as experts
from konnect.ledger import days as ledger_days
from konnect.ledger.days import Sums
from konnect.live import figures as live
from konnect.money import CURRENCY, rupees
from konnect.platform import platform_config
from konnect.sessions import listing
from konnect.store import Database, Query

from . import days, revenue

LIVE = 100


def now_(ctx: Context, *, now: datetime) -> dict[str, Any]:
    """The platform at this moment and its business day so far: some ten reads, and the day's sums."""
    db, today = ctx.db, clock.business_day(now)
    money = ledger_days.of_range(db, today, today).get(today.isoformat(), Sums())
    counts, at_work = days.count(db, today), days.measure_now(db)
    return {
        "users": {"total": _count_users(db), "experts": _count_users(db, "expert"), "newToday": counts["newUsers"]},
        "experts": {"approved": experts.count_approved(db), "online": at_work["online"]},
        "capacity": {"online": at_work["online"], "maxConcurrentMentors": platform_config(db).maxConcurrentMentors},
        "sessions": {"active": at_work["active"], "today": counts["sessions"], "endedToday": counts["sessionsEnded"]},
        "consults": {
            "active": at_work["consults"],
            "today": counts["consults"],
            "endedToday": counts["consultsEnded"],
        },
        "waiting": at_work["waiting"],
        "today": {"date": today.isoformat(), **_money(money)},
        "currency": CURRENCY,
        "at": now,
    }


def history(ctx: Context, number: int, *, now: datetime) -> list[dict[str, Any]]:
    """The last `number` business days, today included, oldest first."""
    today = clock.business_day(now)
    return [
        {
            "date": day.day,
            "newUsers": day.counts.get("newUsers", 0),
            "sessions": day.counts.get("sessions", 0),
            "sessionsEnded": day.counts.get("sessionsEnded", 0),
            "consults": day.counts.get("consults", 0),
            "consultsEnded": day.counts.get("consultsEnded", 0),
            **_money(day.money),
            "peakOnline": day.peaks.get("online", {}).get("value", 0),
            "peakActive": day.peaks.get("active", {}).get("value", 0),
            "peakWaiting": day.peaks.get("waiting", {}).get("value", 0),
            "peakConsults": day.peaks.get("consults", {}).get("value", 0),
        }
        for day in days.of_range(ctx.db, today - timedelta(days=number - 1), today, now=now)
    ]


def peak(ctx: Context, number: int, *, now: datetime) -> dict[str, Any]:
    """The highest numbers of the last `number` days with their times, and the usual course of a day by hour."""
    today = clock.business_day(now)
    found = days.of_range(ctx.db, today - timedelta(days=number - 1), today, now=now, counted=False)
    peaks: dict[str, dict[str, Any]] = {name: {"value": 0, "at": None} for name in days.MEASURES}
    hours = [{"samples": 0, "activeMax": 0, **dict.fromkeys(days.MEASURES, 0)} for _ in range(24)]
    for day in found:
        for name, reached in day.peaks.items():
            peaks[name] = max(peaks[name], reached, key=lambda one: one["value"])
        for hour, sums in day.hours.items():
            total = hours[int(hour)]
            for name in (*days.MEASURES, "samples"):
                total[name] += sums.get(name, 0)
            total["activeMax"] = max(total["activeMax"], sums["activeMax"])
    return {
        "days": number,
        "experts": peaks["online"],
        "sessions": peaks["active"],
        "waiting": peaks["waiting"],
        "consults": peaks["consults"],
        "hours": [
            {
                "hour": hour,
                "sessions": _average(total, "active"),
                "experts": _average(total, "online"),
                "waiting": _average(total, "waiting"),
                "consults": _average(total, "consults"),
                "sessionsMax": total["activeMax"],
            }
            for hour, total in enumerate(hours)
        ],
    }


def realtime(ctx: Context, *, now: datetime) -> dict[str, Any]:
    """Who is online, which sessions and consults run, who waits: the first LIVE of each, and how many there are."""
    active = listing.listed(ctx.db, status="in_progress", limit=LIVE, cursor=None).items
    talking = consults.active(ctx.db, LIVE)
    online = experts.online(ctx.db, limit=LIVE)
    busy = {*(one["expertId"] for one in (*active, *talking)), *live.hosts(ctx.db, LIVE)}
    queues = listing.queues(ctx.db)
    return {
        "counts": days.measure_now(ctx.db),
        "experts": [{**expert, "busy": expert["id"] in busy} for expert in online],
        "sessions": active,
        "consults": talking,
        "queues": queues[:LIVE],
        "at": now,
    }


def _count_users(db: Database, role: str | None = None) -> int:
    query = Query(("userIndex",))
    return (query.filter("role", "==", role) if role else query).count(db)


def _money(sums: Any) -> dict[str, Any]:
    return {
        **revenue.of(sums).as_json(),
        "deposits": rupees(revenue.deposits(sums)),
        "withdrawals": rupees(revenue.withdrawals(sums)),
    }


def _average(total: dict[str, int], name: str) -> float:
    return round(total[name] / total["samples"], 2) if total["samples"] else 0.0
