"""Wire models of the expert's dashboard. Amounts are INR, each with its twin in paise."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from konnect.http.schemas import Schema

from .schemas import Session, Type


class Earnings(Schema):
    """The expert's share, less what refunds took back in that time: a day of refunds alone is below zero."""

    today: float
    today_paise: int
    week: float = Field(description="Since Monday.")
    week_paise: int
    month: float
    month_paise: int
    total: float
    total_paise: int


class RecentSession(Session):
    earning: float = Field(description="The expert's share, net of refunds.")
    earning_paise: int


class PendingRequest(Schema):
    """Somebody who waits: in the queue, at `position` from 1, or for the expert's word (`accept-chat`)."""

    kind: Literal["request", "queue"]
    chat_id: str | None
    user_id: str
    user_name: str
    type: Type
    position: int | None
    since: datetime
    expires_at: datetime


class PendingRequests(Schema):
    count: int = Field(description="All who wait; the items are the first of them.")
    items: list[PendingRequest]


class QuickStats(Schema):
    sessions: int = Field(description="Completed ones.")
    sessions_this_month: int
    minutes: int = Field(description="Of all completed sessions together, as they took.")
    average_session_minutes: float
    acceptance_rate: int | None = Field(
        description="Percent of requests that were taken, not declined or left unanswered; null without any."
    )
    completion_rate: int | None = Field(
        description="Percent of sessions that the expert neither called off, nor missed, nor left; null without any."
    )
    rating: float
    review_count: int
    withdrawable: float
    withdrawable_paise: int
    pending_withdrawals: float
    pending_withdrawals_paise: int


class Dashboard(Schema):
    time_zone: str = Field(description="The expert's, by whose days, weeks and months it is reckoned.")
    currency: str
    earnings: Earnings
    recent_sessions: list[RecentSession]
    pending_requests: PendingRequests
    upcoming_sessions: list[Session]
    quick_stats: QuickStats
