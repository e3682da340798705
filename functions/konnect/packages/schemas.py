"""Wire models of packages. Amounts are INR."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from konnect.http.schemas import DocumentId, ListQuery, Schema
from konnect.money import Rupees

MAX_PACKAGES = 10
MAX_VALID_DAYS = 150
"""The provider refunds payments of the last six months: what is unused, and what a booking gives back later."""


class PackageSize(Schema):
    """A package that a mentor offers; one of each number and length of sessions."""

    sessions: int = Field(ge=2, le=20, description="How many sessions it has.")
    duration: Literal[30, 60] = Field(description="Minutes of each.")
    discount_percent: int = Field(ge=0, le=50, description="Off the mentor's price of each, at the mentor's expense.")
    valid_days: int = Field(
        default=90, ge=7, le=MAX_VALID_DAYS, description="From its payment on; the sessions end within them."
    )


class PackageSizes(Schema):
    packages: list[PackageSize] = Field(max_length=MAX_PACKAGES, description="All that are on offer from now on.")


class PackagesQuery(ListQuery):
    mentor_id: DocumentId | None = Field(default=None, description="Whose packages; required unless `mine`.")
    mine: bool = Field(default=False, description="The packages that the caller has bought, the latest first.")


class PurchaseRequest(Schema):
    price: Rupees | None = Field(
        default=None, description="What the student has been shown to pay: should it differ, 409 PRICE_CHANGED."
    )


class PackagePurchase(Schema):
    """What has become of a package that the caller has bought."""

    id: str = Field(description="The `packagePurchaseId` of a booking that takes one of its sessions.")
    status: Literal["pending", "active", "closed", "cancelled"]
    status_reason: str | None = Field(examples=["expired", "not-paid", "mentor-gone"])
    sessions_left: int
    valid_until: datetime | None = Field(description="Then what is unused goes back to where it was paid from.")
    refunded: float = Field(description="What has gone back, or is on its way.")
    paid_at: datetime | None
    created_at: datetime


class Package(Schema):
    """A package, as it is offered or as the caller has bought it."""

    id: str
    mentor_id: str
    sessions: int
    duration: int
    discount_percent: float
    valid_days: int
    session_price: float = Field(description="The price of each session.")
    price: float = Field(description="What all of them cost, with GST where that is added to the bill.")
    price_paise: int
    currency: str
    purchase: PackagePurchase | None = Field(default=None, description="With `mine`.")


class PackageOrder(Schema):
    """What the browser opens the checkout with."""

    order_id: str = Field(description="Razorpay's; the checkout's `order_id`.")
    receipt: str
    amount: float
    amount_paise: int
    currency: str
    key_id: str = Field(description="The checkout's `key`.")
    customer_id: str | None = Field(
        default=None, description="The checkout's `customer_id`, if the user has one: it offers the saved methods."
    )


class Purchased(Schema):
    package: Package
    order: PackageOrder
