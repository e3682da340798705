"""Wire models of SkillVerse's dashboard and analytics. Amounts are INR."""

from datetime import date, datetime

from pydantic import Field

from konnect.http.schemas import Schema

from .schemas import RevenueSums, Span


class MemberCounts(Schema):
    total: int
    learners: int
    educators: int
    skill_exchangers: int
    admins: int
    inactive: int
    suspended: int
    banned: int
    new_today: int


class CourseCounts(Schema):
    total: int
    draft: int
    pending: int = Field(description="Waiting for an admin's approval.")
    published: int
    rejected: int
    archived: int


class EnrollmentCounts(Schema):
    """Those that stand: one that was refunded does not."""

    total: int
    active: int
    completed: int
    today: int
    completed_today: int
    completion_rate: float | None = Field(description="Percent; null without an enrolment.")


class LiveSessionCounts(Schema):
    scheduled: int
    live: int
    ended: int
    cancelled: int


class ExchangeCounts(Schema):
    open: int
    pending: int
    accepted: int
    completed: int
    rejected: int
    cancelled: int


class CourseRevenue(Schema):
    """Of courses; see /api/admin/revenue for all that is sold."""

    today: RevenueSums
    month: RevenueSums = Field(description="The calendar month so far, in Asia/Kolkata.")


class LearningDashboard(Schema):
    users: MemberCounts
    courses: CourseCounts
    enrollments: EnrollmentCounts
    live_sessions: LiveSessionCounts
    exchanges: ExchangeCounts
    revenue: CourseRevenue
    currency: str
    at: datetime


class AnalyticsQuery(Span):
    """The last 30 days, if nothing is said."""


class AnalyticsSums(RevenueSums):
    new_users: int
    enrollments: int
    completions: int
    exchanges: int = Field(description="Offers and requests made.")
    exchanges_completed: int
    classes: int = Field(description="Live classes that ended.")
    attendances: int = Field(description="People who were in them, the hosts not counted.")


class AnalyticsDay(AnalyticsSums):
    date: date


class CourseFigures(Schema):
    """Of all time."""

    course_id: str
    title: str
    instructor: str
    rating: float | None
    students: int
    completed: int
    completion_rate: float | None = Field(description="Percent; null without a student.")
    sales: float = Field(description="What those who have it have paid, refunds left out.")
    sales_paise: int


class Analytics(Schema):
    from_: date = Field(alias="from")
    to: date
    items: list[AnalyticsDay]
    total: AnalyticsSums
    exchange_completion_rate: float | None = Field(description="Percent: completed of those made; null without any.")
    average_attendance: float | None = Field(description="People a class; null without a class.")
    courses: list[CourseFigures] = Field(description="The ten with the most students.")
    currency: str
