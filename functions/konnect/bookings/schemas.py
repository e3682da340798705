"""Wire models of bookings. Amounts are INR."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from konnect import text
from konnect.http.schemas import ListQuery, NumberedQuery, Schema
from konnect.money import Rupees

Status = Literal["pending", "confirmed", "in_progress", "completed", "cancelled"]
DocumentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(text.visible_line)
]


def _agreed(value: bool | None) -> bool | None:
    if value is False:
        raise ValueError("must be agreed to")
    return value


class BookingRequest(Schema):
    """A session with a mentor, at a time that `GET /api/mentors/{id}/slots` shows as open."""

    mentor_id: DocumentId
    scheduled_at: AwareDatetime = Field(description="With its zone.", examples=["2026-06-01T09:30:00+05:30"])
    duration: Literal[30, 60] = Field(description="Minutes.")
    topic: Annotated[str, StringConstraints(max_length=120), AfterValidator(text.visible_line)] = Field(
        description="One of the mentor's topics, or `Custom`.", examples=["Mock Interview"]
    )
    agenda: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(text.clean)] = ""
    agreed_to_policy: Annotated[bool | None, Field(strict=True), AfterValidator(_agreed)] = Field(
        default=None, description="The cancellation policy; recorded when it is sent."
    )
    price: Rupees | None = Field(
        default=None, description="What the student has been shown to pay: should it differ, 409 PRICE_CHANGED."
    )


class BookingPayment(Schema):
    status: Literal["pending", "paid", "failed", "refunded", "partially_refunded"]
    order_id: str | None
    payment_id: str | None
    paid_at: datetime | None


class BookingRefund(Schema):
    amount: float
    amount_paise: int
    status: Literal["processing", "processed"]
    reason: str
    processed_at: datetime | None
    razorpay_refund_id: str | None


class Booking(Schema):
    """A booking as its two participants see it. `price` is the mentor's; `total` what the student pays, more where GST
    is added to the bill."""

    id: str
    booking_id: str = Field(validation_alias="id", description="The same, by the name that the mails use.")
    student_id: str
    student_name: str
    mentor_id: str
    mentor_name: str
    mentor_slug: str | None
    scheduled_at: datetime
    ends_at: datetime
    duration: int
    topic: str
    agenda: str
    policy_agreed_at: datetime | None
    status: Status
    status_reason: str | None = Field(
        examples=["expired", "payment-failed", "student-cancelled", "mentor-cancelled", "completed"]
    )
    held_until: datetime | None = Field(description="Of a pending one: paid later, it may be somebody else's slot.")
    price: float
    total: float
    total_paise: int
    currency: str
    payment: BookingPayment
    refund: BookingRefund | None
    cancelled_by: Literal["student", "mentor", "admin"] | None
    cancelled_at: datetime | None
    cancellation_reason: str | None
    rescheduled_from: datetime | None
    created_at: datetime
    updated_at: datetime
    confirmed_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None


class Earnings(Schema):
    """What the price is divided into; of a cancelled booking, what was kept of it."""

    mentor: float
    commission: float
    gst: float = Field(description="Contained in the commission, unless it is added to the student's bill.")
    gateway_fee: float
    settled_at: datetime | None


class BookingDetail(Booking):
    earnings: Earnings | None = Field(default=None, description="For the mentor alone.")


class Order(Schema):
    """What the browser opens the checkout with."""

    booking_id: str
    status: Literal["pending", "paid", "failed", "refunded", "partially_refunded"] = Field(
        description="Of the booking's payment."
    )
    order_id: str | None = Field(description="Razorpay's; the checkout's `order_id`.")
    receipt: str
    amount: float
    amount_paise: int
    currency: str
    key_id: str = Field(description="The checkout's `key`.")
    expires_at: datetime | None = Field(description="Until then the slot is held.")


class Booked(Schema):
    booking: Booking
    order: Order


class OrderRequest(Schema):
    booking_id: DocumentId


class BookingsQuery(NumberedQuery):
    as_: Literal["student", "mentor"] | None = Field(
        default=None, alias="as", description="Left out: as a mentor for who is one, else as a student."
    )
    when: Literal["upcoming", "past"] | None = Field(
        default=None, description="upcoming: not over, the next first; past: completed or cancelled, the latest first."
    )
    status: Status | None = None


class CancelRequest(Schema):
    reason: Reason = Field(description="The other side is told.")


class Move(Schema):
    scheduled_at: AwareDatetime = Field(description="With its zone.", examples=["2026-06-02T09:30:00+05:30"])


class AdminBookingsQuery(ListQuery):
    status: Status | None = None
    mentor_id: DocumentId | None = None
    student_id: DocumentId | None = None
    from_: AwareDatetime | None = Field(default=None, alias="from", description="Scheduled at that time or later.")
    to: AwareDatetime | None = Field(default=None, description="Scheduled before that time.")


class AdminBooking(BookingDetail):
    mentor_uid: str
