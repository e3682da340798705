"""Wire models of writing a profile."""

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from konnect.http.schemas import Schema
from konnect.money import Rupees

from .schemas import Line, Link, Registration

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9 -]{7,20}$")]


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
    available: bool | None = Field(default=None, strict=True, description="The portal's online switch.")


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
