"""Wire models of receipts. Amounts are INR, each with its twin in paise."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from konnect.http.schemas import Schema

from .receipts import Kind
from .schemas import Status, Type


class ReceiptLine(Schema):
    """`minutes` is null where the amount is not a matter of minutes: a cancellation, a session that was not held."""

    kind: Kind = Field(
        description="By the minute: charged, free, or unpaid (given-back, grace, deferred, written-off). Booked: the "
        "booking, and what went back of it for minutes that the expert missed, for a no-show, for a cancellation."
    )
    minutes: int | None
    price_per_min: float | None
    amount: float
    amount_paise: int


class ReceiptRefund(Schema):
    """For the expert the amount is what came off the earning."""

    id: str
    amount: float
    amount_paise: int
    created_at: datetime


class Receipt(Schema):
    """`total` is the sum of the lines. `net` is what is left after refunds: paid, for the user; earned, for the expert,
    whose receipt alone has `platformFee` and `earning`, which make up the total.
    """

    number: str
    session_id: str
    side: Literal["user", "expert"]
    user_name: str
    expert_id: str
    expert_name: str
    type: Type
    mode: Literal["perMinute", "booked"]
    status: Status
    end_reason: str | None
    scheduled_at: datetime | None
    started_at: datetime | None
    ended_at: datetime
    duration_seconds: int
    currency: str
    lines: list[ReceiptLine]
    total: float
    total_paise: int
    platform_fee: float | None
    platform_fee_paise: int | None
    earning: float | None
    earning_paise: int | None
    refunds: list[ReceiptRefund]
    refunded: float
    refunded_paise: int
    net: float
    net_paise: int
    transaction_id: str | None = Field(description="The entry in the reader's own wallet; null if nothing was paid.")
