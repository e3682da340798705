"""Wire models of mentors. Amounts are INR."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from konnect import text
from konnect.availability.schemas import AvailabilityChange, Day, Zone
from konnect.experts import mentoring, slugs
from konnect.experts.mentoring import Area, Topic
from konnect.experts.mentoring_schemas import Expertise, PastRole
from konnect.experts.schemas import Line, Link, MentorStatus
from konnect.http.schemas import CalendarDate, NumberedQuery, Schema
from konnect.money import Rupees

from .discovery import Sort, sort_of
from .standing_policy import Reason

Bio = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(text.clean)
]
LinkedIn = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=200, pattern=r"^https?://([a-z]{2,3}\.)?linkedin\.com/[^\s?#]+[^\s]*$"
    ),
]
SlugText = Annotated[
    str,
    StringConstraints(min_length=3, max_length=slugs.LENGTH_MAX, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$"),
]
Role = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120), AfterValidator(text.line)]


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _once(found: list[Expertise]) -> list[Expertise]:
    if len({one.name for one in found}) < len(found):
        raise ValueError("must name an area once")
    return found


ExpertiseList = Annotated[
    list[Annotated[Expertise, BeforeValidator(_named)]], Field(min_length=1, max_length=7), AfterValidator(_once)
]
Topics = Annotated[
    list[Topic], Field(min_length=1, max_length=8), AfterValidator(lambda found: list(dict.fromkeys(found)))
]
Languages = Annotated[list[Line], Field(max_length=20)]


class Experience(Schema):
    """What is left out stays as it is."""

    current_company: Role | None = None
    current_role: Role | None = None
    years: Annotated[int, Field(ge=0, le=70)] | None = Field(default=None, description="Of experience, in all.")
    past: Annotated[list[PastRole], Field(max_length=20)] | None = None


class WholeExperience(Experience):
    years: Annotated[int, Field(ge=0, le=70)]


class Pricing(Schema):
    """By the length of a session in minutes, within the bounds of the configuration (300 to 3,000 INR). One without
    a price can't be booked; null takes the price away.
    """

    thirty: Rupees | None = Field(default=None, alias="30", examples=[499])
    sixty: Rupees | None = Field(default=None, alias="60", examples=[899])


class MentorFields(Schema):
    """What can be said of a mentor, whoever it is written by."""

    session_topics: Topics | None = Field(default=None, description="Without any: the five of the booking's form.")
    photo: Link | None = Field(default=None, validation_alias=AliasChoices("photo", "avatar"))
    linkedin_url: LinkedIn | None = Field(default=None, description="For verification: it is not shown.")
    languages: Languages | None = None
    time_zone: Zone | None = Field(default=None, description="By its IANA name.")


class MentorApplication(MentorFields):
    """The form of somebody who wants to be a mentor."""

    name: Line | None = Field(default=None, description="Left out, the account's.")
    headline: Line = Field(examples=["SDE-2 at Google"])
    bio: Bio
    expertise: ExpertiseList = Field(description="Names, or objects with `name` and `proficiency`.")
    experience: WholeExperience
    pricing: Pricing
    availability: Annotated[list[Day], Field(max_length=7)] | None = Field(
        default=None, description="The week, as for `PUT /api/mentors/availability`."
    )

    @property
    def week(self) -> dict[str, Any]:
        """The week as its document has it."""
        return AvailabilityChange(availability=self.availability).fields()


class MentorProfileEdit(MentorFields):
    """What is left out stays as it is; null empties what may be empty."""

    slug: SlugText | None = Field(
        default=None, description="Of the mentor's page; the one before leads on to it.", examples=["asha-rao"]
    )
    name: Line | None = None
    headline: Line | None = None
    bio: Bio | None = None
    expertise: ExpertiseList | None = None
    experience: Experience | None = None
    pricing: Pricing | None = None


class ShownExperience(Schema):
    current_company: str | None
    current_role: str | None
    years: int | None
    past: list[PastRole]


class ShownPricing(Schema):
    thirty: float | None = Field(alias="30")
    sixty: float | None = Field(alias="60")


class MentorCard(Schema):
    """A mentor in the list. `id` is what bookings and slots go by, `slug` what the page does."""

    id: str
    slug: str | None
    name: str
    headline: str | None
    photo: str | None
    company: str | None
    current_role: str | None
    years: int | None
    expertise: list[Expertise]
    session_topics: list[str]
    languages: list[str]
    pricing: ShownPricing | None
    starting_price: float | None = Field(description="Of the shortest session.")
    rating: float
    review_count: int
    total_sessions: int
    repeat_student_rate: float = Field(description="Percent of the students who came again.")
    response_mins: float | None = Field(description="On average, until the first answer to a student. Null: not known.")
    verified: bool = Field(description="The badge.")
    is_online: bool
    is_accepting_bookings: bool


class Mentor(MentorCard):
    """A mentor's page. No address, no phone number."""

    bio: str | None
    experience: ShownExperience
    time_zone: str
    created_at: datetime


class BookingsStopped(Schema):
    """The platform has stopped a mentor's bookings; an admin lifts that."""

    reason: Reason
    at: datetime


class OwnMentor(Mentor):
    """The mentor's own view, with the application behind it."""

    application_status: Literal["pending", "approved", "rejected"]
    mentor_status: MentorStatus = Field(description="The application's step.")
    application_note: str | None = Field(description="Why it was rejected.")
    bookings_stopped: BookingsStopped | None = Field(description="Nobody can book the mentor until an admin lifts it.")
    warned_for: list[Reason] = Field(description="What will stop the bookings, should it get worse.")
    linkedin_url: str | None
    email: str | None


def _listed(value: Any) -> Any:
    """Repeated, or with commas; the area with a slash may be written as a slug is."""
    if not isinstance(value, list):
        return value
    names = {mentoring.company_id(area): area for area in mentoring.AREAS}
    given = [part.strip() for one in value for part in str(one).split(",") if part.strip()]
    return [names.get(mentoring.company_id(one), one) for one in given]


def _sort(value: Any) -> Any:
    return (sort_of(value) or value) if isinstance(value, str) else value


def _stars(value: Any) -> Any:
    """ "4+", whose plus a query string makes a space."""
    return value.rstrip("+ ") if isinstance(value, str) else value


class MentorsQuery(NumberedQuery):
    """Filters that are left out filter nothing. With `availability` a page can be short, or empty, and have a
    `nextCursor` all the same.
    """

    expertise: list[Area] | None = Field(
        default=None,
        max_length=7,
        validation_alias=AliasChoices("expertise", "expertise[]"),
        description="Any of these: repeated, or with commas.",
    )
    company: str = Field(default="", max_length=120, description="The current one, however it is written.")
    price_min: float | None = Field(default=None, ge=0, le=100_000, description="INR, of the shortest session.")
    price_max: float | None = Field(default=None, ge=0, le=100_000)
    rating: Annotated[float, Field(ge=0, le=5), BeforeValidator(_stars)] | None = Field(
        default=None, validation_alias=AliasChoices("rating", "minRating"), description="At least."
    )
    availability: CalendarDate | None = Field(
        default=None,
        validation_alias=AliasChoices("availability", "availableOn", "date"),
        description="Has an open slot on that day (YYYY-MM-DD).",
    )
    tz: Zone = Field(default="Asia/Kolkata", description="Of that day, by its IANA name.")
    sort: Annotated[Sort, BeforeValidator(_sort)] = Field(
        default="relevance",
        validation_alias=AliasChoices("sort", "sortBy"),
        description="Other spellings, as `price-low` or `most-sessions`, work too.",
    )

    @field_validator("expertise", mode="before")
    @classmethod
    def _areas(cls, value: Any) -> Any:
        return _listed(value)

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.price_min is not None and self.price_max is not None and self.price_min > self.price_max:
            raise ValueError("priceMin must not be more than priceMax")
        return self


class MentorEarnings(Schema):
    """What bookings have brought, after all fees."""

    this_month: float
    total: float
    this_month_paise: int
    total_paise: int


class MentorStats(Schema):
    """A mentor's dashboard. The month is the present one of the mentor's own time zone."""

    time_zone: str
    currency: str
    earnings: MentorEarnings
    total_sessions: int = Field(description="Completed ones: booked, and by the minute.")
    sessions_this_month: int = Field(description="Of those that were booked.")
    completed_bookings: int
    upcoming_bookings: int
    rating: float
    review_count: int
    response_mins: float | None = Field(description="On average, until the first answer to a student. Null: not known.")
    students: int = Field(description="With a completed booking.")
    repeat_student_rate: float = Field(description="Percent of them who came again.")
    cancellation_rate: float = Field(description="Percent of the bookings that are over, called off by the mentor.")
    bookings_stopped: BookingsStopped | None = Field(description="Nobody can book the mentor until an admin lifts it.")
    warned_for: list[Reason] = Field(description="What will stop the bookings, should it get worse.")
