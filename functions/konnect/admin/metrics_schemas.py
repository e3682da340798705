"""Wire models of the platform's metrics."""

from datetime import date, datetime

from pydantic import Field

from konnect.http.schemas import Schema

from .schemas import AdminSession, RevenueSums


class DaysQuery(Schema):
    days: int = Field(default=30, ge=1, le=365, description="Business days in Asia/Kolkata, today included.")


class Money(RevenueSums):
    deposits: float
    withdrawals: float


class Today(Money):
    date: date


class UserCounts(Schema):
    total: int
    experts: int
    new_today: int


class ExpertCounts(Schema):
    approved: int
    online: int


class Capacity(Schema):
    online: int
    max_concurrent_mentors: int


class SessionCounts(Schema):
    active: int
    today: int
    ended_today: int


class ConsultCounts(Schema):
    active: int
    today: int
    ended_today: int


class Metrics(Schema):
    users: UserCounts
    experts: ExpertCounts
    capacity: Capacity
    sessions: SessionCounts
    consults: ConsultCounts
    waiting: int
    today: Today
    currency: str
    at: datetime


class MetricsDay(Money):
    date: date
    new_users: int
    sessions: int
    sessions_ended: int
    consults: int
    consults_ended: int
    peak_online: int
    peak_active: int
    peak_waiting: int
    peak_consults: int


class MetricsHistory(Schema):
    items: list[MetricsDay]


class Reached(Schema):
    value: int
    at: datetime | None


class Hour(Schema):
    hour: int
    sessions: float = Field(description="On average of the minutes sampled.")
    experts: float
    waiting: float
    consults: float
    sessions_max: int


class Peaks(Schema):
    days: int
    experts: Reached
    sessions: Reached
    waiting: Reached
    consults: Reached
    hours: list[Hour] = Field(description="The usual course of a day, in Asia/Kolkata.")


class OnlineExpert(Schema):
    id: str
    name: str
    title: str | None = None
    price_per_min: float
    busy: bool


class QueueLength(Schema):
    expert_id: str
    waiting: int


class LiveCounts(Schema):
    online: int
    active: int
    waiting: int
    consults: int


class ActiveConsult(Schema):
    id: str
    type: str
    user_id: str
    user_name: str
    expert_id: str
    expert_name: str
    duration_minutes: int
    price: float
    price_paise: int
    started_at: datetime
    ends_at: datetime


class Realtime(Schema):
    counts: LiveCounts
    experts: list[OnlineExpert]
    sessions: list[AdminSession]
    consults: list[ActiveConsult]
    queues: list[QueueLength]
    at: datetime


class Measured(Schema):
    """A number beside its target."""

    value: float | None = Field(description="Null where there is nothing to measure yet.")
    target: float
    reached: bool


class RecurringRevenue(Measured):
    """In INR, with GST: what the subscriptions' months that run are worth."""

    subscribers: int


class MonthlyRevenue(Schema):
    """Of sessions, bookings and subscriptions in the last 30 days; see the revenue report."""

    gross: float
    commission: float
    net: float


class WeeklySessions(Measured):
    """Bookings that were paid for in the last seven days."""

    week_before: int


class AverageRating(Measured):
    """Of the reviews of the last 30 days, without hidden ones."""

    reviews: int


class RepeatRate(Measured):
    """Percent of the students with a completed booking who have had a second one."""

    students: int
    repeating: int


class Success(Schema):
    mrr: RecurringRevenue
    monthly_revenue: MonthlyRevenue
    sessions_per_week: WeeklySessions
    active_mentors: Measured = Field(
        description="Approved, and with a booking to come, or one that was held in the last 30 days."
    )
    average_rating: AverageRating
    repeat_rate: RepeatRate
    currency: str
    at: datetime
