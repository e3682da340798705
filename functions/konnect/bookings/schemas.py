"""Wire models of bookings. Amounts are INR."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from konnect import text
from konnect.availability.schemas import Zone
from konnect.http.schemas import DocumentId, ListQuery, Moment, NumberedQuery, Schema, document_id
from konnect.money import RupeesOrZero

Status = Literal["pending", "confirmed", "in_progress", "completed", "cancelled"]
DisputeReason = Literal["no_show", "late_or_short", "technical", "quality", "conduct", "payment", "other"]
CouponCode = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z0-9_-]{3,32}$", max_length=32),
    AfterValidator(document_id),
]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(text.visible_line)
]

ActionItem = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(text.visible_line)
]


def _agreed(value: bool | None) -> bool | None:
    if value is False:
        raise ValueError("must be agreed to")
    return value


class BookingRequest(Schema):
    """A session with a mentor, at a time that `GET /api/mentors/{id}/slots` shows as open."""

    mentor_id: DocumentId
    scheduled_at: Moment = Field(description="With its zone.", examples=["2026-06-01T09:30:00+05:30"])
    duration: Literal[30, 60] = Field(description="Minutes.")
    topic: Annotated[str, StringConstraints(max_length=120), AfterValidator(text.visible_line)] = Field(
        description="One of the mentor's topics, or `Custom`.", examples=["Mock Interview"]
    )
    agenda: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(text.clean)] = ""
    agreed_to_policy: Annotated[bool | None, Field(strict=True), AfterValidator(_agreed)] = Field(
        default=None, description="The cancellation policy; recorded when it is sent."
    )
    price: RupeesOrZero | None = Field(
        default=None,
        description="What the student has been shown: what it costs (`total`), or what is to pay of it in cash "
        "(`payable`). Should it be neither, 409 PRICE_CHANGED.",
    )
    coupon_code: CouponCode | None = Field(
        default=None, description="Taken off what is left after a subscription's minutes and discount."
    )
    package_purchase_id: DocumentId | None = Field(
        default=None, description="Of a package of the caller's: the booking takes one of its sessions."
    )
    time_zone: Zone | None = Field(
        default=None, description="The student's own, by its IANA name: mails then tell times in it. Left out: India's."
    )


class BookingBenefit(Schema):
    """What the student does not pay in cash; the mentor is paid as if they did."""

    kind: Literal["package", "subscription-minutes", "subscription-discount", "coupon"]
    id: str = Field(description="Of the purchase or the subscription's period; of a coupon a key, not its code.")
    amount: float
    amount_paise: int
    label: str


class BookingPayment(Schema):
    status: Literal["pending", "paid", "failed", "refunded", "partially_refunded"]
    order_id: str | None
    payment_id: str | None
    paid_at: datetime | None
    refunded: float = Field(default=0, description="What has been paid back of it, in all.")


class BookingRefund(Schema):
    """The last refund, in cash."""

    amount: float
    amount_paise: int
    status: Literal["processing", "processed"]
    reason: str
    processed_at: datetime | None
    razorpay_refund_id: str | None


class Statement(Schema):
    """What one side says in a dispute."""

    reason: DisputeReason
    description: str = Field(description="Without mail addresses and phone numbers, as in messages.")
    at: datetime


class BookingDispute(Schema):
    """A dispute as both sides see it. `amount` is what the student was given back, None before it is decided."""

    status: Literal["open", "resolved"]
    opened_by: Literal["student", "mentor"]
    reason: DisputeReason
    description: str
    opened_at: datetime
    answer: Statement | None = Field(description="Of the other side.")
    decision: Literal["refund_full", "refund_partial", "no_refund"] | None
    amount: float | None
    note: str | None = Field(description="Why it was decided so.")
    resolved_at: datetime | None


class BookingReview(Schema):
    id: str
    rating: int


class SessionNotes(Schema):
    content: str
    action_items: list[str]
    updated_at: datetime


class Booking(Schema):
    """A booking as its two participants see it. `price` is the mentor's; `total` what it costs, more where GST is added
    to the bill; `payable` what the student pays of that in cash, the rest comes from `benefits`."""

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
        examples=["expired", "payment-failed", "student-cancelled", "mentor-cancelled", "mentor-no-show", "completed"]
    )
    held_until: datetime | None = Field(description="Of a pending one: paid later, it may be somebody else's slot.")
    price: float
    total: float
    total_paise: int
    benefits: list[BookingBenefit]
    payable: float
    payable_paise: int
    currency: str
    payment: BookingPayment
    refund: BookingRefund | None
    dispute: BookingDispute | None = None
    cancelled_by: Literal["student", "mentor", "admin"] | None
    cancelled_at: datetime | None
    cancellation_reason: str | None
    rescheduled_from: datetime | None
    recording: Literal["processing", "available", "failed", "expired"] | None = Field(
        default=None, description="Of the call, at `GET /api/bookings/{id}/recording`; null without one."
    )
    review: BookingReview | None = Field(default=None, description="The student's; null before.")
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
    session_notes: SessionNotes | None = Field(default=None, description="The mentor's, for both.")
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
    customer_id: str | None = Field(
        description="The checkout's `customer_id`, if the student has one: it offers the saved methods."
    )
    expires_at: datetime | None = Field(description="Until then the slot is held.")


class Booked(Schema):
    booking: Booking
    order: Order | None = Field(description="null if benefits cover it all: then the booking is confirmed.")


class CouponRequest(Schema):
    code: CouponCode
    mentor_id: DocumentId
    duration: Literal[30, 60] = Field(description="Minutes.")


class CouponValue(Schema):
    """What a booking comes to with a coupon, after what a subscription takes off."""

    code: str
    price: float = Field(description="The mentor's.")
    total: float
    discount: float = Field(description="What the coupon takes off; 0 if nothing is left for it.")
    benefits: list[BookingBenefit]
    payable: float
    payable_paise: int
    currency: str


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
    scheduled_at: Moment = Field(description="With its zone.", examples=["2026-06-02T09:30:00+05:30"])


class CalendarFeed(Schema):
    active: bool
    created_at: datetime | None


class NewCalendarFeed(CalendarFeed):
    path: str = Field(
        description="Of the feed, on this API's origin. With `webcal://` instead of `https://` calendars offer to "
        "subscribe. It is a secret, and is not told again.",
        examples=["/api/calendar/pV3x…8Q.ics"],
    )


class Notes(Schema):
    content: Annotated[str, StringConstraints(strip_whitespace=True, max_length=5000), AfterValidator(text.clean)]
    action_items: Annotated[list[ActionItem], Field(max_length=20)] = Field(
        default_factory=list, description="What the student is to do next."
    )


class AdminBookingsQuery(ListQuery):
    status: Status | None = None
    mentor_id: DocumentId | None = None
    student_id: DocumentId | None = None
    from_: Moment | None = Field(default=None, alias="from", description="Scheduled at that time or later.")
    to: Moment | None = Field(default=None, description="Scheduled before that time.")


class AdminBooking(BookingDetail):
    mentor_uid: str
