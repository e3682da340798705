"""Wire models of disputes. Amounts are INR."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from konnect import text
from konnect.bookings.schemas import BookingDispute, DisputeReason, Reason, Status
from konnect.http.schemas import ListQuery, Schema
from konnect.money import Rupees

Decision = Literal["refund_full", "refund_partial", "no_refund"]


def _said(value: str) -> str:
    value = text.clean(value).strip()
    if text.is_blank(value):
        raise ValueError("must say something")
    return value


class DisputeRequest(Schema):
    """What was wrong, or what is to be said to what the other side has written."""

    reason: DisputeReason
    description: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
        AfterValidator(_said),
    ] = Field(description="The other side reads it.", examples=["The call broke off after ten minutes."])


class DisputesQuery(ListQuery):
    status: Literal["open", "resolved"] | None = None


class Seen(Schema):
    """Of one side, in the booking's call."""

    first_joined_at: datetime
    last_seen_at: datetime
    joins: int
    in_room_at: datetime | None = Field(default=None, description="By Jitsi's own word, where it tells.")


class Attendance(Schema):
    """Who came to the call: took the link while it was open, or was seen there."""

    student: Seen | None = None
    mentor: Seen | None = None


class AdminDispute(BookingDispute):
    """A dispute, the statements as they were written, with what there is to decide it by."""

    id: str
    booking_id: str = Field(validation_alias="id")
    student_id: str
    student_name: str
    mentor_id: str
    mentor_name: str
    scheduled_at: datetime
    ends_at: datetime
    booking_status: Status
    booking_status_reason: str | None
    total: float = Field(description="What the student paid.")
    refundable: float = Field(description="What of it can still be given back.")
    attendance: Attendance
    decided_by: str | None


class RulingRequest(Schema):
    decision: Decision
    amount: Rupees | None = Field(default=None, description="Of a `refund_partial`, at most `refundable`.")
    note: Reason = Field(description="Why; both are told.")
