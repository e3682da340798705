"""metricsDays/{day}: the numbers of one business day (Asia/Kolkata), so that history is read at a document a day.

{day, peaks: {online, active, waiting, consults: {value, at}}, hours: {"13": {samples, active, online, waiting,
consults: sums, activeMax}}, rolledUpAt, counts, money}; a day may be older than one of its measures or counts. Peaks
are sampled each minute; counts and money (the ledger's sums of the day) are written by the nightly roll-up. A day that
was not rolled up yet is computed from the ledger's own sums, which are exact.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from konnect import clock
from konnect.consults import figures as consults
from konnect.context import Context
from konnect.errors import BadRequest
from konnect.exchange import figures as exchanges
from konnect.experts import service as experts
from konnect.learning import figures as courses
from konnect.ledger import days as ledger_days
from konnect.ledger.days import Sums
from konnect.live import figures as live
from konnect.sessions import listing
from konnect.store import Database, Doc, Query, Tx

from .revenue import each_day

log = logging.getLogger(__name__)

COLLECTION = "metricsDays"
MAX_DAYS = 731
ROLLED_UP_WITHIN = 7
"""Days that the nightly roll-up makes good by itself."""
MEASURES = ("online", "active", "waiting", "consults")
"""Sampled each minute: experts, sessions by the minute, people in queues, kundlinow's consults."""


@dataclass(frozen=True)
class Day:
    day: str
    counts: Mapping[str, int] = field(default_factory=dict)
    money: Mapping[str, int] = field(default_factory=dict)
    peaks: Mapping[str, Doc] = field(default_factory=dict)
    hours: Mapping[str, Doc] = field(default_factory=dict)


def of_range(db: Database, first: date, last: date, *, now: datetime, counted: bool = True) -> list[Day]:
    """Each day from `first` to `last`, oldest first. `counted` False: without the counts of days not rolled up."""
    stored = db.get_many((COLLECTION, day.isoformat()) for day in each_day(first, last))
    docs = {path[1]: doc for path, doc in stored.items() if doc is not None}
    moved: dict[str, Sums] = {}
    is_open = [day for day in each_day(first, last) if "rolledUpAt" not in docs.get(day.isoformat(), {})]
    for begin, end in runs(is_open):
        moved |= ledger_days.of_range(db, begin, end)
    today = clock.business_day(now)
    found: list[Day] = []
    for day in each_day(first, last):
        name = day.isoformat()
        doc = docs.get(name, {})
        counts, money = doc.get("counts", {}), doc.get("money", {})
        if "rolledUpAt" not in doc:
            money = moved.get(name, Sums())
            # A day long past without a movement is one before the platform began: not worth three reads.
            lively = bool(money) or today - timedelta(days=ROLLED_UP_WITHIN) <= day <= today
            counts = count(db, day) if counted and lively else {}
        found.append(Day(name, counts, money, doc.get("peaks", {}), doc.get("hours", {})))
    return found


def span(first: date | None, last: date | None, *, default: int, most: int, now: datetime) -> tuple[date, date]:
    """The days asked for; today is the last, and `default` days the length, where nothing is said.

    Raises BadRequest."""
    last = last or clock.business_day(now)
    first = first or last - timedelta(days=default - 1)
    if first > last:
        raise BadRequest.field("from", "must not be after `to`")
    if (last - first).days >= most:
        raise BadRequest.field("from", f"must be less than {most} days before `to`")
    return first, last


def runs(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days in order as first and last of each unbroken run. Pure."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and day - found[-1][1] == timedelta(days=1):
            found[-1] = found[-1][0], day
        else:
            found.append((day, day))
    return found


def count(db: Database, day: date) -> dict[str, int]:
    """What was begun and ended on a day, by counting index entries (a read a thousand)."""
    since, until = clock.day_begins(day), clock.day_begins(day + timedelta(days=1))
    classes, attendances = live.held(db, since, until)
    return {
        "newUsers": Query(("userIndex",)).filter("createdAt", ">=", since).filter("createdAt", "<", until).count(db),
        "sessions": listing.count_created(db, since, until),
        "sessionsEnded": listing.count_ended(db, since, until),
        "consults": consults.count_created(db, since, until),
        "consultsEnded": consults.count_ended(db, since, until),
        "enrollments": courses.count_enrolled(db, since, until),
        "completions": courses.count_completed(db, since, until),
        "exchanges": exchanges.count_created(db, since, until),
        "exchangesCompleted": exchanges.count_completed(db, since, until),
        "classes": classes,
        "attendances": attendances,
    }


def roll_up(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Nightly: write the counts and sums of the days before today that have none. {"days": how many to look back}.

    Safe to repeat: a day that is over does not change. Returns the days written.
    """
    back = payload.get("days", ROLLED_UP_WITHIN)
    if not isinstance(back, int) or not 1 <= back <= MAX_DAYS:
        raise BadRequest.field("days", f"must be a whole number from 1 to {MAX_DAYS}")
    today = clock.business_day(now)
    first, last = today - timedelta(days=back), today - timedelta(days=1)
    stored = ctx.db.get_many((COLLECTION, day.isoformat()) for day in each_day(first, last))
    missing = [day for day in each_day(first, last) if "rolledUpAt" not in (stored[COLLECTION, day.isoformat()] or {})]
    moved = ledger_days.of_range(ctx.db, missing[0], missing[-1]) if missing else {}
    for day in missing:
        name = day.isoformat()
        fields = {"day": name, "counts": count(ctx.db, day), "money": dict(moved.get(name, {})), "rolledUpAt": now}
        ctx.db.set((COLLECTION, name), fields, merge=True)
    return {"days": [day.isoformat() for day in missing]}


def measure_now(db: Database) -> dict[str, int]:
    """How many experts are online, sessions run and people wait, at this moment."""
    return {
        "online": experts.count_online(db),
        "active": listing.count_active(db),
        "waiting": listing.count_waiting(db),
        "consults": consults.count_active(db),
    }


def sample(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, int]:
    """Each minute: keep the day's peaks, and the sums that its hours' averages come from."""
    values = measure_now(ctx.db)
    day, hour = clock.business_day(now).isoformat(), str(now.astimezone(clock.INDIA).hour)

    def work(tx: Tx) -> None:
        before = tx.get(COLLECTION, day) or {}
        peaks, hours = dict(before.get("peaks", {})), dict(before.get("hours", {}))
        for name, value in values.items():
            if name not in peaks or value > peaks[name]["value"]:
                peaks[name] = {"value": value, "at": now}
        so_far = hours.get(hour, {"samples": 0, "activeMax": 0, **dict.fromkeys(MEASURES, 0)})
        hours[hour] = {
            "samples": so_far["samples"] + 1,
            "activeMax": max(so_far["activeMax"], values["active"]),
            **{name: so_far.get(name, 0) + values[name] for name in MEASURES},
        }
        tx.set((COLLECTION, day), {**before, "day": day, "peaks": peaks, "hours": hours})

    ctx.run(work)
    log.info("sample", extra=values)
    return values
