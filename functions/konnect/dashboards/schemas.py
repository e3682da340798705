"""Wire models of dashboards, public profiles and the leaderboard. Amounts are INR, each with its twin in paise."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from konnect.gamification.schemas import NextLevel, Standing
from konnect.http.schemas import ListQuery, Schema
from konnect.live.schemas import LiveSession
from konnect.members.schemas import MemberRating, MemberSkill, SkillExchangeProfile
from konnect.members.service import Role

AnyRole = Literal["learner", "educator", "skillExchanger", "admin"]


class LeaderboardQuery(ListQuery):
    period: Literal["all", "month"] = Field(default="all", description="month: the running one, in India.")


class MemberCard(Schema):
    id: str
    name: str
    profile_image: str | None
    role: AnyRole


class Leader(Schema):
    """Who has as many points has the same rank. `level` is that of all time."""

    rank: int
    points: int = Field(description="Of the period.")
    level: int
    level_name: str
    badge_count: int
    user: MemberCard


class EducatorProfile(Schema):
    """`id`: the one that courses and other products know the educator by."""

    id: str
    expertise: list[str]
    total_courses: int = Field(description="Published ones.")
    total_students: int
    rating: MemberRating = Field(description="Of the courses.")


class PublicProfile(Schema):
    """What everybody may see of a user. `educatorProfile`: of who teaches, else null."""

    id: str
    name: str
    profile_image: str | None
    bio: str
    role: Role
    skills: list[MemberSkill]
    interests: list[str]
    completed_courses: int
    skill_exchange_profile: SkillExchangeProfile
    educator_profile: EducatorProfile | None
    gamification: Standing
    member_since: datetime


class OwnPoints(Standing):
    next_level: NextLevel | None
    rank: int | None


class ContinuedCourse(Schema):
    course_id: str
    title: str
    thumbnail_url: str | None
    progress: int = Field(description="Percent.")
    last_lecture_id: str | None
    last_active_at: datetime


class EarnedCertificate(Schema):
    id: str
    course_id: str
    course_title: str
    issued_at: datetime
    status: Literal["valid", "revoked"]


class Learning(Schema):
    """`continue`: the courses last used; `certificates`: the newest."""

    active_courses: int
    completed_courses: int
    continue_: list[ContinuedCourse] = Field(alias="continue")
    certificate_count: int = Field(description="Valid ones.")
    certificates: list[EarnedCertificate]


class OpenExchange(Schema):
    """`with`: the other's name. `isMine`: the caller has asked for it."""

    id: str
    status: str
    is_mine: bool
    with_: str | None = Field(alias="with")
    offered_skill: str
    requested_skill: str
    next_session_at: datetime | None
    created_at: datetime


class Exchanges(Schema):
    """The newest that go on, and that wait for an answer."""

    active: list[OpenExchange]
    pending: list[OpenExchange]


class CoursesByStatus(Schema):
    draft: int
    pending: int
    published: int
    rejected: int
    archived: int


class TaughtCourse(Schema):
    id: str
    title: str
    status: str
    enrolled_count: int
    rating: float
    review_count: int
    updated_at: datetime


class EducatorEarnings(Schema):
    """Of everything that goes to the wallet, less what refunds took back; `month`: the running one, in India."""

    currency: str
    total: float
    total_paise: int
    month: float
    month_paise: int
    withdrawable: float
    withdrawable_paise: int
    pending_withdrawals: float
    pending_withdrawals_paise: int


class Teaching(Schema):
    """`courses`: the last changed."""

    total_students: int
    total_courses: int
    courses_by_status: CoursesByStatus
    rating: MemberRating
    courses: list[TaughtCourse]
    earnings: EducatorEarnings


class MemberDashboard(Schema):
    """`upcomingLiveSessions`: those that the caller hosts or has a place in. `educator`: of who may write courses, else
    null."""

    user: MemberCard
    unread_notifications: int
    gamification: OwnPoints
    learning: Learning
    upcoming_live_sessions: list[LiveSession]
    exchanges: Exchanges
    educator: Teaching | None
