"""Wire models of buying courses. Amounts are INR."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from konnect.http.schemas import DocumentId, Schema
from konnect.money import Rupees, RupeesOrZero

Status = Literal["pending", "completed", "refunded", "expired", "returned"]


class NewEnrollment(Schema):
    """Nothing of it is needed for a free course."""

    payment_method: Literal["wallet"] | None = Field(
        default=None, description="Buys a course that costs something from the caller's wallet, at once."
    )
    price: RupeesOrZero | None = Field(
        default=None, description="What the learner has been shown: should it differ, 409 PRICE_CHANGED."
    )


class CheckoutRequest(Schema):
    model_config = ConfigDict(str_strip_whitespace=True)

    course_id: DocumentId
    price: Rupees | None = Field(default=None, description="What was shown; another one is refused: PRICE_CHANGED.")
    success_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=2000,
        description="Where Stripe leads after the payment, on an allowed origin; {CHECKOUT_SESSION_ID} in it becomes "
        "the session's id. By default the course's page in the app.",
        examples=["http://localhost:3000/learn?session={CHECKOUT_SESSION_ID}"],
    )
    cancel_url: str | None = Field(default=None, min_length=1, max_length=2000, description="Where it leads back.")


class Checkout(Schema):
    """A checkout at Stripe."""

    payment_id: str = Field(description="Ours.")
    session_id: str = Field(description="Stripe's.")
    url: str | None = Field(description="Stripe's page to pay at; null once it is over.")
    course_id: str
    course: str = Field(description="Its title.")
    amount: float = Field(description="The course's price when the checkout was opened.")
    amount_paise: int
    currency: str
    status: Status
    expires_at: datetime


class VerifyRequest(Schema):
    model_config = ConfigDict(str_strip_whitespace=True)

    session_id: DocumentId = Field(description="Stripe's, as create-checkout has answered it.")


class Verified(Checkout):
    """What became of it."""

    status: Status = Field(
        description="pending (202): not paid yet, or a bank takes its time. completed: the course is open. returned: "
        "what was paid could not be used, and goes back by itself. expired, refunded."
    )
    enrolled: bool = Field(description="Whether the course is open now, by this payment or by another.")
    failure: str | None = Field(description="Why the last attempt to pay failed; another may succeed.")


class RefundRequest(Schema):
    model_config = ConfigDict(str_strip_whitespace=True)

    reason: str = Field(min_length=1, max_length=500)


class CourseRefund(Schema):
    """All that was left of a sale is on its way back."""

    refund_id: str
    payment_id: str
    course_id: str
    user_id: str
    source: Literal["wallet", "checkout"] = Field(description="Where it goes back to.")
    amount: float
    amount_paise: int
    educator_share: float = Field(description="Taken back from the educator.")
    platform_fee: float = Field(description="Given back by the platform, without the GST.")
    gst: float
    owed_by_educator: float = Field(description="Of the share, what they have not any more: later earnings pay it.")
    refunded_amount: float
    currency: str
