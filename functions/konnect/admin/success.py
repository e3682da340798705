"""What the product is measured by, each number with its target (PRD, Goals & Success Metrics).

About 50 reads, most of them days of the ledger, and one more for each thousand reviews of the month, students and
mentors: everything else is counted when it happens, or by an index.
"""

from datetime import datetime, timedelta
from typing import Any

from konnect import clock
from konnect.bookings import repository as bookings
from konnect.context import Context
from konnect.mentors import activity
from konnect.money import CURRENCY, rupees
from konnect.reviews import service as reviews
from konnect.subscriptions import repository as subscriptions

from . import days, revenue

MRR_RUPEES, SESSIONS_A_WEEK, ACTIVE_MENTORS, RATING, REPEAT_PERCENT = 50_000, 30, 15, 4.5, 40
MONTH, WEEK = timedelta(days=30), timedelta(days=7)


def metrics(ctx: Context, *, now: datetime) -> dict[str, Any]:
    db, today = ctx.db, clock.business_day(now)
    subscribers, mrr_paise = subscriptions.monthly_value(db, now)
    month = days.of_range(db, today - MONTH + timedelta(days=1), today, now=now, counted=False)
    sold = sum((revenue.of(day.money) for day in month), revenue.Revenue())
    count, stars = reviews.rated(db, now - MONTH)
    students, repeating = (activity.count_students(db, completed=times) for times in (1, 2))
    return {
        "mrr": {**_against(rupees(mrr_paise), MRR_RUPEES), "subscribers": subscribers},
        "monthlyRevenue": {"gross": rupees(sold.gross), "commission": rupees(sold.commission), "net": rupees(sold.net)},
        "sessionsPerWeek": {
            **_against(bookings.count_confirmed(db, now - WEEK, now), SESSIONS_A_WEEK),
            "weekBefore": bookings.count_confirmed(db, now - 2 * WEEK, now - WEEK),
        },
        "activeMentors": _against(activity.count_active(db, now), ACTIVE_MENTORS),
        "averageRating": {**_against(round(stars / count, 2) if count else None, RATING), "reviews": count},
        "repeatRate": {
            **_against(round(100 * repeating / students, 1) if students else None, REPEAT_PERCENT),
            "students": students,
            "repeating": repeating,
        },
        "currency": CURRENCY,
        "at": now,
    }


def _against(value: float | None, target: float) -> dict[str, Any]:
    """`value` None: there is nothing to measure yet."""
    return {"value": value, "target": target, "reached": value is not None and value >= target}
