"""Wire models of subscriptions. Amounts are INR."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from konnect.http.schemas import Listing, Schema

PaidPlan = Literal["pro", "premium"]
Status = Literal[
    "none",
    "created",
    "authenticated",
    "active",
    "pending",
    "halted",
    "paused",
    "cancelled",
    "completed",
    "expired",
]


class Plan(Schema):
    """What a plan gives each month."""

    id: Literal["free", "pro", "premium"]
    name: str
    price: float = Field(description="A month, with GST.")
    price_paise: int
    minutes: int = Field(description="Of sessions with mentors, included; they don't carry over.")
    discount_percent: float = Field(description="Off what is not covered by minutes.")
    horizon_days: int = Field(description="How early sessions can be booked, as far as the mentor allows it.")
    recording: bool = Field(description="Calls can be recorded.")


class Plans(Listing[Plan]):
    """All plans, the cheapest first."""


class SubscribeRequest(Schema):
    plan_id: PaidPlan = Field(examples=["pro"])


class Subscription(Schema):
    """What the checkout is opened with: `subscriptionId` and `keyId`; or send the customer to `shortUrl`."""

    subscription_id: str = Field(description="Razorpay's; the checkout's `subscription_id`.")
    plan_id: PaidPlan
    next_plan_id: PaidPlan | None = Field(
        description="What the plan changes to at the period's end; nothing to pay now."
    )
    status: Status
    price: float
    price_paise: int
    currency: str
    short_url: str
    key_id: str = Field(description="The checkout's `key`.")
    expires_at: datetime = Field(description="Until then the first payment has to be made.")
    created_at: datetime


class VerifySubscriptionRequest(Schema):
    """What the checkout's handler got."""

    model_config = ConfigDict(str_strip_whitespace=True)

    razorpay_subscription_id: str = Field(alias="razorpay_subscription_id", min_length=1, max_length=64)
    razorpay_payment_id: str = Field(alias="razorpay_payment_id", min_length=1, max_length=64)
    razorpay_signature: str = Field(alias="razorpay_signature", min_length=1, max_length=256)


class CurrentSubscription(Schema):
    """What the caller has: the plan of the period that is paid for, else Free; and the subscription behind it."""

    plan: Plan
    status: Status = Field(
        description="Of the subscription: `created` waits for its first payment; `pending`: a charge has failed and is "
        "tried again; `halted`: it is not, until another way of payment is given at `shortUrl`."
    )
    subscription_id: str | None = None
    plan_id: PaidPlan | None = Field(default=None, description="The subscription's, also when nothing is paid yet.")
    next_plan_id: PaidPlan | None = Field(default=None, description="From the next period on.")
    period_start: datetime | None
    period_end: datetime | None
    minutes_included: int
    minutes_left: int
    cancel_at_period_end: bool
    short_url: str | None = None
