"""Wire models of points and badges."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from konnect.http.schemas import Schema
from konnect.store import Doc

from . import policy
from .policy import Badge, Reason


class EarnedBadge(Schema):
    id: Badge
    name: str
    icon: str = Field(description="An emoji.")
    criteria: str
    earned_at: datetime


class BadgeKind(Schema):
    """A badge that there is. `earnedAt`: null while the caller has not earned it."""

    id: Badge
    name: str
    icon: str = Field(description="An emoji.")
    criteria: str
    earned_at: datetime | None


class BadgeList(Schema):
    items: list[BadgeKind]


class NextLevel(Schema):
    level: int
    name: str
    points: int = Field(description="From so many points on.")
    points_to_go: int


class Award(Schema):
    reason: Reason
    points: int
    earned_at: datetime


class Standing(Schema):
    """What everybody may see of it."""

    points: int
    level: int
    level_name: str
    badges: list[EarnedBadge]
    current_streak: int = Field(description="Days in a row, in India, up to today or yesterday.")
    longest_streak: int


class OwnStanding(Standing):
    """`nextLevel`: null on the last one. `rank` and `monthRank`: null while one is not on the leaderboard. `recent`:
    the last awards."""

    next_level: NextLevel | None
    month_points: int
    rank: int | None
    month_rank: int | None
    last_active_day: date | None = Field(description="In India.")
    completed_courses: int
    completed_exchanges: int
    perfect_quizzes: int
    recent: list[Award]


def badges(state: Doc) -> list[dict[str, Any]]:
    """Those that were earned, the first one first."""
    return [{**_kind(one["id"]), "earnedAt": one["earnedAt"]} for one in state["badges"]]


def all_badges(state: Doc) -> list[dict[str, Any]]:
    earned = {one["id"]: one["earnedAt"] for one in state["badges"]}
    return [{**_kind(badge), "earnedAt": earned.get(badge)} for badge in policy.BADGES]


def standing(state: Doc, today: date) -> dict[str, Any]:
    """`Standing` of a user's state, as of `today` in India."""
    last_day = state["lastActiveDay"]
    current = policy.standing_streak(state["currentStreak"], date.fromisoformat(last_day) if last_day else None, today)
    shown = {name: state[name] for name in ("points", "level", "levelName", "longestStreak")}
    return {**shown, "badges": badges(state), "currentStreak": current}


def next_level(points: int) -> dict[str, Any] | None:
    level = policy.level(points)
    if level.next_at is None:
        return None
    following = policy.level(level.next_at)
    return {
        "level": following.number,
        "name": following.name,
        "points": level.next_at,
        "pointsToGo": level.next_at - points,
    }


def _kind(badge: Badge) -> dict[str, Any]:
    kind = policy.BADGE_KINDS[badge]
    return {"id": badge, "name": kind.name, "icon": kind.icon, "criteria": kind.criteria}
