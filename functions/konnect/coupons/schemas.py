"""Wire models of coupons. Amounts are INR."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from konnect.http.schemas import DocumentId, ListQuery, Moment, Schema, document_id
from konnect.money import Rupees, to_paise
from konnect.store import Doc

Code = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z0-9_-]{3,32}$", max_length=32),
    AfterValidator(document_id),
]
Uses = Annotated[int, Field(ge=1, le=1_000_000)]


class NewCoupon(Schema):
    """Either `percent` or `amount` off what is left to pay of a booking."""

    code: Code = Field(description="Letters, digits, - and _; upper and lower case are the same.", examples=["WELCOME"])
    percent: Annotated[float, Field(gt=0, le=100)] | None = None
    amount: Rupees | None = None
    max_discount: Rupees | None = Field(default=None, description="At most so much, with `percent`.")
    min_price: Rupees | None = Field(default=None, description="For sessions of that price or more.")
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    max_uses: Uses | None = Field(default=None, description="By all users together; null: without a limit.")
    max_uses_per_user: Uses = 1
    mentor_ids: Annotated[list[DocumentId], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="For bookings of these mentors; null: of all."
    )
    first_booking_only: bool = Field(
        default=False, description="For students without a booking that was paid and kept."
    )
    is_active: bool = True

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("either percent or amount must be given")
        if self.max_discount is not None and self.percent is None:
            raise ValueError("maxDiscount goes with percent")
        if self.starts_at is not None and self.ends_at is not None and self.ends_at <= self.starts_at:
            raise ValueError("endsAt must be after startsAt")
        return self

    @property
    def rules(self) -> Doc:
        """As documents have them."""
        return {
            "percent": self.percent,
            "amountPaise": None if self.amount is None else to_paise(self.amount),
            "maxDiscountPaise": None if self.max_discount is None else to_paise(self.max_discount),
            "minPricePaise": 0 if self.min_price is None else to_paise(self.min_price),
            "startsAt": self.starts_at,
            "endsAt": self.ends_at,
            "maxUses": self.max_uses,
            "maxUsesPerUser": self.max_uses_per_user,
            "mentorIds": self.mentor_ids,
            "firstBookingOnly": self.first_booking_only,
            "isActive": self.is_active,
        }


class CouponChange(Schema):
    """What is left out stays as it is."""

    is_active: bool | None = None
    ends_at: Moment | None = None
    max_uses: Uses | None = Field(default=None, description="Only of a coupon that has a limit.")
    max_uses_per_user: Uses | None = None


class CouponsQuery(ListQuery):
    active: bool | None = Field(default=None, description="Only those that are switched on, or off.")


class Coupon(Schema):
    code: str
    percent: float | None
    amount: float | None
    max_discount: float | None
    min_price: float
    starts_at: datetime | None
    ends_at: datetime | None
    max_uses: int | None
    max_uses_per_user: int
    mentor_ids: list[str] | None
    first_booking_only: bool
    is_active: bool
    uses: int = Field(description="By bookings that are held or were paid.")
    created_by: str
    created_at: datetime
    updated_at: datetime
