"""Wire models of experts."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from konnect.http.schemas import ListQuery, Schema
from konnect.money import Rupees

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
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
    rating: float = 0
    orders: int = 0
    price_per_min: float
    specialties: list[str] | None = None
    languages: list[str] | None = None
    image_url: str | None = None
    bio: str | None = None
    available: bool
    created_at: datetime


class OnboardingData(Schema):
    phone: str | None = None
    linkedin_url: str | None = None
    portfolio_url: str | None = None
    resume_url: str | None = None
    applied_at: datetime | None = None
    admin_notes: str | None = None
    rejection_reason: str | None = None


class OwnExpert(Expert):
    """The owner's view: with the application behind the profile."""

    email: str | None = None
    firebase_uid: str | None
    mentor_status: MentorStatus
    onboarding_data: OnboardingData


class ExpertsQuery(ListQuery):
    available: bool | None = None


class ApplicationStatus(Schema):
    """An admin's decision."""

    status: Literal["approved", "rejected"]
    admin_notes: Annotated[str, StringConstraints(max_length=2000)] | None = None
    rejection_reason: Annotated[str, StringConstraints(max_length=1000)] | None = None


class Application(Schema):
    id: str
    name: str
    mentor_status: MentorStatus
