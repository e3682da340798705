"""gamification/{uid}: what a user has come to, for them to listen to; points/{digest}: one an award, for no client.

gamification: {points, level, levelName, month ("2026-11", in India), monthPoints (of that month), badges: [{id,
earnedAt}], currentStreak, longestStreak, lastActiveDay ("2026-11-21", in India), completedCourses, completedExchanges,
perfectQuizzes, listed (on the leaderboard: members of SkillVerse who have not opted out), createdAt, updatedAt}.
points: {uid, reason, subject, points, earnedAt}.

Every function is called in the transaction of what earns it. Points are not taken back. A closed account earns nothing,
so that nothing of it comes back once it is erased.
"""

from datetime import date, datetime
from typing import Any

from konnect import clock, ids
from konnect.identity import service as identity
from konnect.store import Database, Doc, Tx

from . import messages, policy
from .policy import Badge, Counter, Reason

COLLECTION = "gamification"


def award(tx: Tx, uid: str, reason: Reason, subject: str, *, is_here: bool = True, now: datetime) -> int:
    """Give the points of `reason` (policy.POINTS) for `subject` (the id of the lecture, course, …) once. Returns how
    many were given now: 0 for a repeat. It is an activity too (`touch`), unless somebody else has done it (`is_here`
    false)."""
    tx.prefetch((COLLECTION, uid), _award_path(uid, reason, subject))
    if is_here:
        touch(tx, uid, now=now)
    return _award(tx, uid, reason, subject, now=now)


def touch(tx: Tx, uid: str, *, now: datetime) -> Doc | None:
    """Note that a user is here: the first time of a day in India it counts for the streak, and gives points. Returns
    their state, None for a closed account."""
    state = _state(tx, uid, now)
    if state is None:
        return None
    today = clock.business_day(now)
    last_day = day(state["lastActiveDay"])
    if last_day is not None and today <= last_day:
        return state
    current = policy.streak(state["currentStreak"], last_day, today)
    tx.update(
        (COLLECTION, uid),
        {
            "currentStreak": current,
            "longestStreak": max(state["longestStreak"], current),
            "lastActiveDay": today.isoformat(),
            "updatedAt": now,
        },
    )
    _award(tx, uid, "daily_streak", today.isoformat(), now=now)
    if current >= policy.STREAK_BADGE_DAYS:
        earn_badge(tx, uid, "seven_day_streak", now=now)
    return _state(tx, uid, now)


def count(tx: Tx, uid: str, counter: Counter, *, now: datetime) -> int:
    """Count one more, and give the badges that it has come to; returns the count. The caller sees to it that nothing is
    counted twice."""
    state = _state(tx, uid, now)
    if state is None:
        return 0
    counted = int(state[counter]) + 1
    tx.update((COLLECTION, uid), {counter: counted, "updatedAt": now})
    for badge in policy.earned(counter, counted):
        earn_badge(tx, uid, badge, now=now)
    return counted


def earn_badge(tx: Tx, uid: str, badge: Badge, *, now: datetime) -> bool:
    """Give a badge once, and tell its owner. Returns whether it is new."""
    state = _state(tx, uid, now)
    if state is None or any(one["id"] == badge for one in state["badges"]):
        return False
    tx.update((COLLECTION, uid), {"badges": [*state["badges"], {"id": badge, "earnedAt": now}], "updatedAt": now})
    messages.badge_earned(tx, uid, badge, now=now)
    return True


def show_on_leaderboard(tx: Tx, uid: str, listed: bool, *, now: datetime) -> None:
    """Whether others find them there. Nobody is on it until somebody says so."""
    if not listed and tx.get(COLLECTION, uid) is None:
        return
    state = _state(tx, uid, now)
    if state is not None and state["listed"] != listed:
        tx.update((COLLECTION, uid), {"listed": listed, "updatedAt": now})


def find(tx: Tx, uid: str) -> Doc:
    """A user's state; who has done nothing yet has that of a beginner."""
    return _with_defaults(tx.get(COLLECTION, uid))


def read(db: Database, uid: str) -> Doc:
    """The same outside of a transaction."""
    return _with_defaults(db.get(COLLECTION, uid))


def day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def month_of(moment: datetime) -> str:
    """The month in India that `moment` belongs to: 2026-11."""
    return f"{clock.business_day(moment):%Y-%m}"


def _award(tx: Tx, uid: str, reason: Reason, subject: str, *, now: datetime) -> int:
    path = _award_path(uid, reason, subject)
    state = _state(tx, uid, now)
    if state is None or tx.get(*path) is not None:
        return 0
    points = policy.POINTS[reason]
    tx.create(path, {"uid": uid, "reason": reason, "subject": subject, "points": points, "earnedAt": now})
    month = month_of(now)
    # A transaction that was late at the turn of the month counts for the new one.
    month, before = (state["month"], state["monthPoints"]) if state["month"] >= month else (month, 0)
    after = policy.level(state["points"] + points)
    changed = {
        "points": state["points"] + points,
        "level": after.number,
        "levelName": after.name,
        "month": month,
        "monthPoints": before + points,
        "updatedAt": now,
    }
    tx.update((COLLECTION, uid), changed)
    if after.number > state["level"]:
        messages.level_up(tx, uid, after, now=now)
    return points


def _award_path(uid: str, reason: Reason, subject: str) -> tuple[str, str]:
    return ("points", ids.digest(uid, reason, subject))


def _state(tx: Tx, uid: str, now: datetime) -> Doc | None:
    """A user's state, begun at the first look; None for a closed account that has none (any more)."""
    found = tx.get(COLLECTION, uid)
    if found is None:
        if identity.is_closed(tx, uid):
            return None
        tx.create((COLLECTION, uid), {**_with_defaults(None), "createdAt": now, "updatedAt": now})
    return _with_defaults(tx.get(COLLECTION, uid))


def _with_defaults(state: Doc | None) -> Doc:
    first = policy.level(0)
    beginner: dict[str, Any] = {
        "points": 0,
        "level": first.number,
        "levelName": first.name,
        "month": "",
        "monthPoints": 0,
        "badges": [],
        "currentStreak": 0,
        "longestStreak": 0,
        "lastActiveDay": None,
        **dict.fromkeys(policy.COUNTERS, 0),
        "listed": False,
    }
    return {**beginner, **(state or {})}
