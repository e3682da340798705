"""Wire models of accounts."""

import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from konnect import text
from konnect.http.schemas import Schema

from . import phones
from .options import GOALS, INTERESTS

Phone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=30), AfterValidator(phones.e164)]
Born = Annotated[date, Field(ge=date(1900, 1, 1))]
TimeOfDay = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Place = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), AfterValidator(text.visible_line)
]


class Profile(Schema):
    id: str
    email: str | None
    name: str | None
    role: str
    disabled: bool
    created_at: datetime
    updated_at: datetime


class Account(Schema):
    """The owner's view of their account."""

    id: str
    email: str | None
    verified: bool = Field(description="Whether the e-mail address is verified.")
    name: str | None
    phone: str | None = Field(default=None, description="E.164. Nobody else reads it.")
    date_of_birth: date | None = Field(
        default=None, description="The birth details are shown to nobody but, during a consult, its consultant."
    )
    time_of_birth: str | None = Field(default=None, description="HH:MM, where it was.")
    place_of_birth: str | None = None
    bio: str | None = None
    interests: list[str] = Field(default_factory=list, description="Ids of /api/onboarding/options.")
    goals: list[str] = Field(default_factory=list, description="Ids of /api/onboarding/options.")
    role: str
    refresh_token: bool = Field(
        description="The ID token is older than the account's role or address: fetch a new one."
    )
    created_at: datetime
    updated_at: datetime


def _each_of(options: dict[str, str]) -> Callable[[list[str]], list[str]]:
    def check(given: list[str]) -> list[str]:
        unknown = [item for item in given if item not in options]
        if unknown:
            raise ValueError(f"must be of {', '.join(options)}")
        return list(dict.fromkeys(given))

    return check


Interests = Annotated[list[str], Field(max_length=len(INTERESTS)), AfterValidator(_each_of(INTERESTS))]
Goals = Annotated[list[str], Field(max_length=len(GOALS)), AfterValidator(_each_of(GOALS))]


def _one_spelling(email: str) -> str:
    """Attempts are counted by it: no invisible or compatibility characters, which write one address in many ways."""
    if not email.isprintable() or unicodedata.normalize("NFKC", email) != email:
        raise ValueError("is no e-mail address")
    return email


Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$"),
    AfterValidator(_one_spelling),
]


class AccountChange(Schema):
    """What is left out stays; null clears phone, birth details and bio. `email` and `password` need a sign-in of the
    last 5 minutes (403 RECENT_LOGIN_REQUIRED) and end the other sign-ins; a new address has to be verified again."""

    name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), AfterValidator(text.visible_line)
    ] = ""
    phone: Phone | None = Field(
        default=None,
        description="One account each (409 PHONE_TAKEN); without its country an Indian mobile number.",
    )
    date_of_birth: Born | None = None
    time_of_birth: TimeOfDay | None = Field(default=None, description="HH:MM, where it was.")
    place_of_birth: Place | None = None
    bio: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] | None = None
    interests: Interests = Field(default_factory=list)
    goals: Goals = Field(default_factory=list)
    email: Email = ""
    password: Annotated[str, StringConstraints(min_length=8, max_length=256)] = ""


class Option(Schema):
    id: str
    label: str


class OnboardingOptions(Schema):
    interests: list[Option]
    goals: list[Option]
