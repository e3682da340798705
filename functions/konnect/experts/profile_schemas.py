"""Wire models of writing a profile."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from konnect import clock
from konnect.http.schemas import Schema
from konnect.money import Rupees

from .schemas import Line, Link, Registration

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9 -]{7,20}$")]


def _time_zone(value: str) -> str:
    clock.zone(value)
    return value


class ProfileEdit(Schema):
    """What is left out stays as it is; null empties an optional field."""

    name: Line | None = None
    title: Line | None = None
    company: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)] | None = None
    experience: Annotated[int, Field(ge=0, le=70)] | None = None
    bio: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] | None = None
    specialties: Annotated[list[Line], Field(max_length=20)] | None = None
    languages: Annotated[list[Line], Field(max_length=20)] | None = None
    price_per_min: Annotated[Rupees, Field(ge=1, le=1000)] | None = None
    image_url: Link | None = None
    phone: Phone | None = None
    linkedin_url: Link | None = None
    portfolio_url: Link | None = None
    resume_url: Link | None = None
    time_zone: Annotated[str, AfterValidator(_time_zone)] | None = Field(
        default=None, max_length=64, description="By its IANA name: of the dashboard's days, weeks and months."
    )
    available: bool | None = Field(
        default=None, strict=True, description="The portal's online switch. Switched on, it ends a break."
    )
    on_break: bool | None = Field(
        default=None,
        strict=True,
        description="Stay online and take nobody: a running session goes on, requests wait in the queue.",
    )
    accepts_by_hand: bool | None = Field(
        default=None, strict=True, description="Requests wait for `accept-chat`, for as long as the platform allows."
    )
    intro_offer: bool | None = Field(
        default=None, strict=True, description="Whether the platform's introductory price holds with this expert."
    )
    accepts_bookings: bool | None = Field(
        default=None, strict=True, description="Whether sessions can be booked for a time. What is booked stays so."
    )


class NewExpert(Registration):
    """An expert by an admin: approved at once. Whoever signs in with `email`, verified, gets the profile; `firebaseUid`
    gives it to an account that is there.
    """

    email: (
        Annotated[str, StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None
    ) = None
    firebase_uid: (
        Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")] | None
    ) = None

    @model_validator(mode="after")
    def _one_account(self) -> "NewExpert":
        if self.email is not None and self.firebase_uid is not None:
            raise ValueError("give email or firebaseUid, not both")
        return self


class Resume(Schema):
    """`resumeUrl`: of a file that the caller has uploaded here."""

    resume_url: Link
