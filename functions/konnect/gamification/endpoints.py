"""Points and badges: /api/v1/gamification."""

from typing import Any

from konnect import clock
from konnect.http.routing import Call, Router

from . import board, schemas, service
from .schemas import BadgeList, OwnStanding

router = Router("Points and badges")


@router.get("/api/v1/gamification/me", response=OwnStanding)
def own_standing(call: Call) -> dict[str, Any]:
    """What one has come to: points, level, badges, streak, place on the leaderboard. Looking counts as being here
    today."""
    uid, now, db = call.user.uid, call.now, call.ctx.db
    state = call.ctx.run(lambda tx: service.touch(tx, uid, now=now) or service.find(tx, uid))
    month = service.month_of(now)
    counted = {name: state[name] for name in ("completedCourses", "completedExchanges", "perfectQuizzes")}
    return {
        **schemas.standing(state, clock.business_day(now)),
        **counted,
        "nextLevel": schemas.next_level(state["points"]),
        "monthPoints": board.points_of_month(state, now),
        "rank": board.rank(db, state, None),
        "monthRank": board.rank(db, state, month),
        "lastActiveDay": state["lastActiveDay"],
        "recent": board.recent(db, uid),
    }


@router.get("/api/v1/gamification/badges", response=BadgeList)
def list_badges(call: Call) -> dict[str, Any]:
    """All badges that there are, and which of them one has earned."""
    return {"items": schemas.all_badges(service.read(call.ctx.db, call.user.uid))}
