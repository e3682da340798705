"""A member's dashboard: what they learn, exchange and have earned; and of who teaches, their courses and earnings.

Read piece by piece: what happens meanwhile may show in one and not yet in another.
"""

from datetime import datetime
from functools import partial
from typing import Any

from konnect import clock, parallel
from konnect.auth import Principal
from konnect.context import Context
from konnect.courses import service as courses
from konnect.courses import totals
from konnect.exchange import service as exchanges
from konnect.gamification import board
from konnect.gamification import schemas as points
from konnect.learning import certificates, enrollments
from konnect.learning import progress as learning
from konnect.live import service as live
from konnect.members import accounts
from konnect.money import CURRENCY, rupees
from konnect.notifications import service as notifications
from konnect.sessions import dashboard as sessions
from konnect.store import Database, Doc
from konnect.wallet import transactions

SHOWN = 5
"""Of each list."""


def of(ctx: Context, principal: Principal, *, now: datetime) -> dict[str, Any]:
    """Looking counts as being here today. Raises Forbidden (ACCOUNT_DISABLED)."""
    db, uid = ctx.db, principal.uid
    member = accounts.own(ctx, principal, now=now)
    state = member["gamification"]
    teaches = member["educatorStatus"] not in {None, "rejected"}
    found = parallel.together(
        unreadNotifications=partial(notifications.unread_count, db, uid),
        rank=partial(board.rank, db, state, None),
        learning=partial(_learning, db, uid),
        upcomingLiveSessions=partial(live.upcoming, db, uid, now, limit=SHOWN),
        exchanges=partial(_exchanges, db, uid),
        educator=partial(_educator, db, uid, now) if teaches else lambda: None,
    )
    standing = {
        **points.standing(state, clock.business_day(now)),
        "nextLevel": points.next_level(state["points"]),
        "rank": found.pop("rank"),
    }
    return {"user": member, "gamification": standing, **found}


def _learning(db: Database, uid: str) -> dict[str, Any]:
    current = enrollments.of_learner(db, uid, status="active", limit=SHOWN, cursor=None).items
    counts = totals.of_learner(db, uid)
    return {
        "activeCourses": counts["active"],
        "completedCourses": counts["completed"],
        "continue": [
            {**enrollment, "title": course["title"], "thumbnailUrl": course["thumbnailUrl"]}
            for enrollment, course in learning.with_courses(db, current)
        ],
        "certificateCount": totals.certificates(db, uid),
        "certificates": certificates.of_learner(db, uid, limit=SHOWN, cursor=None).items,
    }


def _exchanges(db: Database, uid: str) -> dict[str, Any]:
    """Those that go on; and those that wait for an answer, the caller's (`isMine` false) or the other's."""
    return {
        name: [_exchange(one, uid) for one in exchanges.of_member(db, uid, status=status, limit=SHOWN).items]
        for name, status in (("active", "accepted"), ("pending", "pending"))
    }


def _exchange(exchange: Doc, uid: str) -> dict[str, Any]:
    is_mine = exchange["requesterId"] == uid
    return {
        **exchange,
        "isMine": is_mine,
        "with": exchange["providerName"] if is_mine else exchange["requesterName"],
        "nextSessionAt": min(
            (one["scheduledAt"] for one in exchange["sessions"] if one["status"] == "scheduled"), default=None
        ),
    }


def _educator(db: Database, uid: str, now: datetime) -> dict[str, Any]:
    found = totals.of_instructor(db, uid)
    month = clock.day_begins(clock.business_day(now).replace(day=1))
    earned = {"total": transactions.earned(db, uid), "month": transactions.earned(db, uid, month)}
    return {
        "totalStudents": found["students"],
        "totalCourses": sum(found["byStatus"].values()),
        "coursesByStatus": found["byStatus"],
        "rating": {"average": found["rating"], "count": found["reviewCount"]},
        "courses": courses.of_instructor(db, uid, limit=SHOWN).items,
        "earnings": {
            "currency": CURRENCY,
            **{name: rupees(paise) for name, paise in earned.items()},
            **{f"{name}Paise": paise for name, paise in earned.items()},
            **sessions.money_of(db, uid),
        },
    }
