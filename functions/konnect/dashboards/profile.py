"""What SkillVerse shows everybody of a user."""

from datetime import datetime
from typing import Any

from konnect import clock
from konnect.context import Context
from konnect.courses import totals
from konnect.experts import educators
from konnect.gamification import schemas as points
from konnect.gamification import service as gamification
from konnect.identity import standing
from konnect.members import service as members
from konnect.store import Doc, Tx


def public(ctx: Context, uid: str, *, now: datetime) -> dict[str, Any]:
    """A user's public profile, with what they teach, exchange and have earned.

    Educators have one also if they came by another product and have never been here. Raises NotFound (USER_NOT_FOUND)
    also for who is deleted, suspended or banned.
    """
    member, expert = ctx.run(lambda tx: _found(tx, uid, now))
    state = gamification.read(ctx.db, uid)
    return {
        **member,
        "completedCourses": state["completedCourses"],
        "skillExchangeProfile": {**member, "rating": member["exchangeRating"]},
        "educatorProfile": None if expert is None else _educator(ctx, expert, uid),
        "gamification": points.standing(state, clock.business_day(now)),
        "memberSince": member["createdAt"],
    }


def _found(tx: Tx, uid: str, now: datetime) -> tuple[Doc, Doc | None]:
    member, user, expert = members.get(tx, uid), tx.get("users", uid), educators.find(tx, uid)
    if user is None or standing.of(user) in standing.CLOSED:
        raise members.not_found()
    if member is None:
        if expert is None or expert["mentorStatus"] != "approved":
            raise members.not_found()
        made = {"profileImage": expert.get("imageUrl"), "createdAt": user.get("createdAt") or now}
        member = {**members.draft(tx, uid, now), **made}
    return member, expert


def _educator(ctx: Context, expert: Doc, uid: str) -> dict[str, Any] | None:
    """Who has only applied is an educator once a course is published."""
    found = totals.of_instructor(ctx.db, uid)
    if expert["mentorStatus"] != "approved" and not found["byStatus"]["published"]:
        return None
    return {
        "id": expert["id"],
        "expertise": expert.get("specialties") or [],
        "totalCourses": found["byStatus"]["published"],
        "totalStudents": found["students"],
        "rating": {"average": found["rating"], "count": found["reviewCount"]},
    }
