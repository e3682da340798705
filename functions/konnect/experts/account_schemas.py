"""Wire models of accounts by address and password (specs of kundlinow)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from konnect import text
from konnect.http.schemas import Schema
from konnect.identity.schemas import Born, Email, Phone, Place, TimeOfDay
from konnect.identity.sign_in import MIN_PASSWORD

from .schemas import MentorStatus

Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class NewAccount(Schema):
    name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), AfterValidator(text.visible_line)
    ]
    email: Email
    password: Annotated[Password, Field(json_schema_extra={"minLength": MIN_PASSWORD})]
    role: Literal["user", "consultant"] = Field(
        default="user", description="A consultant applies, and works once an admin has approved the application."
    )
    phone: Phone | None = Field(default=None, description="Without its country an Indian mobile number.")
    date_of_birth: Born | None = None
    time_of_birth: TimeOfDay | None = Field(default=None, description="HH:MM, where it was.")
    place_of_birth: Place | None = None


class Credentials(Schema):
    email: Email
    password: Password


class SignedInUser(Schema):
    id: str
    name: str | None
    email: str | None
    role: Literal["user", "consultant", "admin"]
    consultant_status: MentorStatus | None = Field(
        default=None, description="Of a consultant's application; only `approved` ones consult."
    )
    has_birth_details: bool = False


class SignedIn(Schema):
    id: str = Field(description="The user's.")
    token: str = Field(
        description="A Firebase session cookie: send it as Bearer token, and in the handshake of sockets, for a week. "
        "A change of password or address ends it, as the disabling of the account does."
    )
    token_expires_in: int = Field(description="Seconds.")
    user: SignedInUser
    id_token: str = Field(description="Firebase's, for its SDKs and wherever an ID token is asked for.")
    refresh_token: str = Field(description="Firebase's: exchange it for the next ID token.")
    expires_in: int = Field(description="Seconds until `idToken` expires.")
