"""What spans all of SkillVerse: /api/v1/users/dashboard, /api/v1/users/{id}, /api/v1/gamification/leaderboard."""

from typing import Any

from konnect.gamification import service as gamification
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing

from . import home, leaderboard, profile
from .schemas import Leader, LeaderboardQuery, MemberDashboard, PublicProfile

router = Router("Members")


@router.get("/api/v1/users/dashboard", response=MemberDashboard)
def dashboard(call: Call) -> dict[str, Any]:
    """Read one's dashboard: courses to go on with, certificates, live classes, exchanges, points; and of an educator
    the courses, students and earnings. Looking counts as being here today."""
    return home.of(call.ctx, call.user, now=call.now)


@router.get("/api/v1/users/<user_id>", response=PublicProfile, auth="public", errors=(404,))
def public_profile(call: Call, user_id: str) -> dict[str, Any]:
    """Read a user's public profile: what they teach, exchange and have earned. Never an address."""
    return profile.public(call.ctx, user_id, now=call.now)


@router.get("/api/v1/gamification/leaderboard", response=Listing[Leader], auth="public")
def read_leaderboard(call: Call, query: LeaderboardQuery) -> dict[str, Any]:
    """List the members with the most points, without those who prefer not to be on it."""
    month = gamification.month_of(call.now) if query.period == "month" else None
    found = leaderboard.read(call.ctx.db, month, limit=query.limit, cursor=query.cursor)
    return {"items": found.items, "nextCursor": found.next_cursor}
