"""Wire models of consults. Amounts are INR."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from konnect.http.schemas import DocumentId, Schema
from konnect.money import Rupees

from .policy import LONGEST_MINS, SHORTEST_MINS

Status = Literal["pending", "active", "completed", "cancelled"]
Type = Literal["chat", "call", "video"]


class ConsultRequest(Schema):
    """A consult now: its price, the consultant's rate of a minute × minutes, is held until it ends."""

    user_id: Annotated[str, StringConstraints(max_length=128)] | None = Field(
        default=None, description="The caller's own; another is 403."
    )
    consultant_id: DocumentId
    duration_minutes: int = Field(
        strict=True, ge=SHORTEST_MINS, le=LONGEST_MINS, description="At most the platform's longest.", examples=[30]
    )
    price: Rupees | None = Field(
        default=None, description="What the user has been shown: should it differ, the answer is 409 PRICE_CHANGED."
    )
    type: Type = "chat"


class ConsultStarted(Schema):
    """`expiresAt`: until then the consultant has to accept it."""

    consult_id: str
    status: Status
    expires_at: datetime


class Extension(Schema):
    minutes: int = Field(strict=True, ge=1, le=LONGEST_MINS, description="So many more.", examples=[10])
    price: Rupees | None = Field(default=None, description="Of these minutes; should it differ, 409 PRICE_CHANGED.")


class ConsultUser(Schema):
    """`joined`: has come (join_consult) and has not left; whoever is not connected is not there all the same."""

    id: str
    name: str
    joined: bool


class Consultant(ConsultUser):
    """`id` is the one that consults are asked for with, `userId` the account's, by which messages name their sender."""

    user_id: str


class Birth(Schema):
    """Of the user, for the consultant while the consult is active; null without any."""

    date_of_birth: date | None
    time_of_birth: str | None = Field(description="HH:MM, by the clocks of the place.")
    place_of_birth: str | None


class Consult(Schema):
    """A consult as its two and admins see it. `pending`: it waits for the consultant's acceptance until `expiresAt`,
    and then, `acceptedAt` being set, until then for both to join. `active` from `startedAt` to `endsAt`. `seconds`:
    those in which both were there, once it has ended, with the `amount` that they cost."""

    id: str
    status: Status
    type: Type
    user: ConsultUser
    consultant: Consultant
    price: float
    price_paise: int
    price_per_min: float
    duration_minutes: int
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    started_at: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None = Field(
        examples=["completed", "user-ended", "expert-absent", "not-accepted", "declined", "user-no-show"]
    )
    ended_by: str | None = Field(description='The id of who has ended it, or "system".')
    seconds: int | None
    amount: float | None
    refunded_amount: float | None
    birth: Birth | None = None


class Stay(Schema):
    joined_at: datetime
    left_at: datetime | None


class BothStays(Schema):
    user: list[Stay]
    consultant: list[Stay]


class ConsultReceipt(Schema):
    """`held` is `amount` and `released` together. Fee and earning, which make up the amount, are for the consultant and
    admins. `attendance` counts from the acceptance on."""

    number: str
    consult_id: str
    status: Status
    end_reason: str
    ended_by: str
    user_name: str
    consultant_name: str
    started_at: datetime | None
    ended_at: datetime
    duration_minutes: int
    attendance: BothStays
    seconds: int = Field(description="In which both were there, short absences of the user included.")
    price_per_min: float
    rule: str = Field(description="How the amount comes about.")
    currency: str
    held: float
    held_paise: int
    amount: float
    amount_paise: int
    released: float
    released_paise: int
    platform_fee: float | None
    platform_fee_paise: int | None
    earning: float | None
    earning_paise: int | None
    transaction_id: str | None = Field(description="The entry in the reader's own wallet; null if there is none.")
