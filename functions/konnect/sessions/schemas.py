"""Wire models of sessions."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from konnect.http.schemas import DocumentId, ListQuery, Moment, Schema
from konnect.money import Rupees

Status = Literal["pending", "confirmed", "in_progress", "completed", "cancelled"]
Type = Literal["chat", "call", "video"]


class Session(Schema):
    """A session as its two participants see it. Amounts are INR. By the minute, `duration` counts the minutes charged
    so far; of a booked one it is what was booked, and `totalAmount` its price."""

    id: str
    user_id: str
    user_name: str
    expert_id: str
    expert_name: str
    type: Type
    mode: Literal["perMinute", "booked"] = "perMinute"
    status: Status
    price_per_min: float
    free_minutes: int = Field(default=0, description="The first minutes of a user's first session, where offered.")
    promotional_minutes: int = Field(default=0, description="Minutes after the free ones that have their own price.")
    promotional_price_per_min: float | None = None
    duration: int
    duration_seconds: int | None = None
    total_amount: float
    refunded_amount: float = Field(default=0, description="What came back of it: in the end, or by a refund.")
    transaction_id: str | None = None
    accept_until: datetime | None = Field(
        default=None, description="Of a request that waits for the expert's acceptance, or has waited for it."
    )
    warning: Literal["low-balance", "zero-balance"] | None = None
    grace_until: datetime | None = None
    end_reason: str | None = Field(
        default=None, examples=["completed", "user-ended", "expert-no-show", "user-no-show", "user-cancelled"]
    )
    scheduled_at: datetime | None = Field(default=None, description="Of a booked one: when it begins.")
    ends_at: datetime | None = Field(default=None, description="Of a booked one: when it ends, whenever it began.")
    cancelled_at: datetime | None = None
    cancelled_by: Literal["user", "expert", "platform"] | None = None
    cancel_reason: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    created_at: datetime


class SessionsQuery(ListQuery):
    status: Status | None = None
    type: Type | None = None
    when: Literal["upcoming"] | None = Field(
        default=None, description="Booked ones that have not begun, the next one first."
    )

    @model_validator(mode="after")
    def _upcoming(self) -> "SessionsQuery":
        if self.when is not None and self.status not in {None, "confirmed"}:
            raise ValueError("what is upcoming has the status confirmed")
        return self


class BookingRequest(Schema):
    """A session at a time: price = the expert's price a minute × duration, paid from the wallet at once."""

    expert_id: DocumentId
    type: Type
    scheduled_at: Moment = Field(description="With its zone.", examples=["2026-01-05T10:00:00Z"])
    duration: int = Field(
        strict=True, ge=5, le=24 * 60, description="Minutes, at most the platform's longest session.", examples=[30]
    )
    price: Rupees | None = Field(
        default=None, description="What the user has been shown: should it differ, the answer is 409 PRICE_CHANGED."
    )

    @field_validator("scheduled_at")
    @classmethod
    def _imaginable(cls, value: datetime) -> datetime:
        # Times at the ends of the calendar can't be reckoned with.
        if not 2000 <= value.year < 2200:
            raise ValueError("must be in this century")
        return value


class Cancellation(Schema):
    """`reason`: what the other side is to know."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] | None = None
