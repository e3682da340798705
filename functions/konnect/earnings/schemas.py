"""Wire models of payouts and of the dashboard's earnings. Amounts are in INR, some with their twin in paise."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from konnect.http.schemas import DocumentId, ListQuery, Schema
from konnect.payouts.policy import Method

Kind = Literal["earnings", "withdrawal"]
Status = Literal["pending", "processing", "completed", "failed"]
Period = Literal["day", "week", "month"]
ShareStatus = Literal["pending", "disputed", "processing", "paid"]


class PayoutsQuery(ListQuery):
    status: Status | None = None
    kind: Kind | None = Field(default=None, description="earnings: the weekly one; withdrawal: from the wallet.")


class AdminPayoutsQuery(PayoutsQuery):
    user_id: DocumentId | None = None


class PayoutPeriod(Schema):
    """Days in India, both included. It begins before the last week where something was carried over."""

    start: date
    end: date


class Payout(Schema):
    """`netAmount` = `amount` − `platformFee` − `gatewayFee` + `adjustments` − `tds`."""

    id: str
    kind: Kind
    amount: float = Field(description="What students paid for the sessions, net of refunds; or what was withdrawn.")
    platform_fee: float = Field(description="The commission, GST included.")
    gst: float = Field(description="Contained in the platform's fee.")
    gateway_fee: float
    adjustments: float = Field(
        description="At most 0: what refunds of sessions that had been paid out, and other debts, have taken."
    )
    tds: float = Field(description="Tax withheld.")
    net_amount: float = Field(description="What is sent to the bank.")
    net_amount_paise: int
    currency: str
    status: Status
    method: Method | None = Field(description="Null until it is known where it goes.")
    destination: str | None = Field(description="Masked.", examples=["HDFC Bank ••••6789"])
    waiting_for: str | None = Field(
        description="details: yours; bank: a bank account, since UPI can't carry so much; account, hand: us."
    )
    transaction_id: str | None = Field(description="The bank's reference (UTR).")
    processed_at: datetime | None = Field(description="When it was completed, or failed.")
    failure_reason: str | None
    period: PayoutPeriod | None = Field(description="Null for a withdrawal.")
    bookings_count: int
    created_at: datetime
    updated_at: datetime


class AdminPayout(Payout):
    user_id: str


class StatementQuery(Schema):
    format: Literal["pdf", "csv"] = "pdf"


class EarningsQuery(ListQuery):
    period: Period = Field(default="week", description="Of `overTime`: the last 14 days, 12 weeks or 12 months.")


class Money(Schema):
    amount: float
    amount_paise: int


class NextPayout(Money):
    at: datetime = Field(description="The next Monday at 06:00 in India.")
    bookings: int = Field(description="Of those settled by now.")
    minimum: float
    below_minimum: bool = Field(description="It is carried over.")


class Pending(Money):
    """Settled and not paid out yet, less what debts have taken."""

    bookings: int
    more: bool = Field(description="There are more bookings than are counted here.")
    disputed: float = Field(description="Of it, kept until a dispute is decided.")
    debt: float = Field(description="To be taken from it: what is owed after refunds.")
    next_payout: NextPayout
    details_missing: bool = Field(description="No payout details are given yet.")


class PaidOut(Money):
    """By weekly payouts, after TDS."""

    in_progress: float = Field(description="On its way to the bank.")
    last_payout_at: datetime | None


class TaxYear(Schema):
    """Payouts of both kinds in this financial year, April to March."""

    financial_year: str = Field(examples=["2026-27"])
    gross: float
    tds: float
    threshold: float = Field(description="Nothing is withheld below.")
    percent: float = Field(description="Of what is above.")


class Point(Money):
    """Days in the mentor's zone, both included."""

    from_: date = Field(alias="from")
    to: date


class SessionEarnings(Schema):
    """One booking: what is kept of its price, and how that is divided."""

    booking_id: str
    scheduled_at: datetime
    duration: int
    topic: str
    student_name: str
    status: str
    amount: float = Field(description="Of the price, net of refunds.")
    commission: float
    gst: float = Field(description="Contained in the commission.")
    gateway_fee: float
    earned: float
    earned_paise: int
    settled_at: datetime
    payout: ShareStatus
    payout_id: str | None


class EarningsReport(Schema):
    """`items` are the sessions, the latest first."""

    currency: str
    time_zone: str
    total: Money = Field(description="All that was ever earned by bookings, net of refunds.")
    pending: Pending
    paid: PaidOut
    tax: TaxYear
    period: Period
    over_time: list[Point] = Field(description="By when sessions were settled, the earliest first.")
    items: list[SessionEarnings]
    next_cursor: str | None
