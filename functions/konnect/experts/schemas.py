"""Wire models of experts."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, Field, StringConstraints, field_validator

from konnect import text
from konnect.http.schemas import ListQuery, Schema
from konnect.money import Rupees

from .search import Sort, sort_of
from .service import TIME_ZONE

Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
    AfterValidator(text.visible_line),
]
Link = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^https?://[^\s]+$")]
MentorStatus = Literal["applied", "documents_verified", "call_scheduled", "call_done", "approved", "rejected"]


class Registration(Schema):
    """The mentor portal's wizard: profile, links, résumé. `pricePerMin` in INR; left out, the platform's default."""

    name: Line
    title: Line
    company: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)] = ""
    experience: Annotated[int, Field(ge=0, le=70)] = 0
    bio: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = ""
    specialties: Annotated[list[Line], Field(max_length=20)] = Field(default_factory=list)
    languages: Annotated[list[Line], Field(max_length=20)] = Field(default_factory=list)
    price_per_min: Annotated[Rupees, Field(ge=1, le=1000)] | None = None
    image_url: Link | None = None
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9 -]{7,20}$")] | None = None
    linkedin_url: Link | None = None
    portfolio_url: Link | None = None
    resume_url: Link | None = None


class Expert(Schema):
    """The public profile."""

    id: str
    name: str
    title: str | None = None
    company: str | None = None
    experience: int | None = None
    rating: float = Field(default=0, description="The average of the reviews, to two decimals; 0 without any.")
    review_count: int = 0
    orders: int = Field(default=0, description="Completed sessions.")
    price_per_min: float
    specialties: list[str] | None = None
    languages: list[str] | None = None
    image_url: str | None = None
    bio: str | None = None
    available: bool
    on_break: bool = Field(default=False, description="Online, and takes nobody for now: requests wait in the queue.")
    accepts_by_hand: bool = Field(default=False, description="A request begins once the expert has accepted it.")
    intro_offer: bool = Field(default=True, description="New users' first minutes are at the introductory price here.")
    accepts_bookings: bool = Field(default=True, description="Sessions can be booked for a time.")
    created_at: datetime


class OnboardingData(Schema):
    phone: str | None = None
    linkedin_url: str | None = None
    portfolio_url: str | None = None
    resume_url: str | None = None
    applied_at: datetime | None = None
    call_scheduled_at: datetime | None = None
    admin_notes: str | None = None
    rejection_reason: str | None = None


class OwnExpert(Expert):
    """The owner's view: with the application behind the profile."""

    email: str | None = None
    firebase_uid: str | None
    mentor_status: MentorStatus
    accepts_sessions: bool = Field(
        default=True, description="The portal's own switch. Online (`available`) is who is switched on and connected."
    )
    time_zone: str = Field(default=TIME_ZONE, description="By its IANA name: of the dashboard's days, weeks, months.")
    onboarding_data: OnboardingData


class ExpertsQuery(ListQuery):
    """Filters that are left out filter nothing. Where words are combined with each other or with a specialty, a page
    can be short, or empty, and have a `nextCursor` all the same.
    """

    search: str = Field(
        default="",
        max_length=100,
        validation_alias=AliasChoices("search", "q", "query"),
        description="Words, or their beginnings, of name, title, company, specialties and bio: all of them are found.",
    )
    specialty: str | None = Field(
        default=None,
        max_length=120,
        validation_alias=AliasChoices("specialty", "category"),
        description="A specialty's id or name; `all` for any.",
    )
    available: bool | None = Field(
        default=None, validation_alias=AliasChoices("available", "online"), description="Online now, or offline."
    )
    min_rating: float | None = Field(default=None, ge=0, le=5)
    max_price: float | None = Field(default=None, ge=0, le=100_000, description="INR a minute.")
    sort: Sort = Field(
        default="rating",
        validation_alias=AliasChoices("sort", "sortBy"),
        description="`online` puts those who are online first. Other spellings, as `price-low` or `popular`, work too.",
    )

    @field_validator("sort", mode="before")
    @classmethod
    def _spelled(cls, value: object) -> object:
        return (sort_of(value) or value) if isinstance(value, str) else value
