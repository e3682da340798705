"""Wire models of the admin panel. Amounts are in INR."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, create_model
from pydantic.fields import FieldInfo

from konnect import money
from konnect.http.schemas import CalendarDate, DocumentId, Listing, ListQuery, Schema
from konnect.platform import PlatformConfig
from konnect.sessions import schemas as sessions
from konnect.wallet.schemas import WalletView
from konnect.wallet.transactions import Status, Type

from .revenue import Period, Source

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]
Role = Literal["user", "expert", "admin"]
Format = Literal["json", "csv"]
MAX_ADJUSTMENT_RUPEES = 100_000


class Strict(Schema):
    """A body whose unknown fields are refused: an admin's slip must not pass for a change."""

    model_config = ConfigDict(extra="forbid")


class Span(Schema):
    """Business days in Asia/Kolkata, both included."""

    from_: CalendarDate | None = Field(default=None, alias="from", description="First day, in Asia/Kolkata.")
    to: CalendarDate | None = Field(default=None, description="Last day, in Asia/Kolkata.")


# Users


class UsersQuery(ListQuery):
    search: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="How the e-mail address, the name or a word of the name begins."
    )
    role: Role | None = None


class AdminUser(Schema):
    id: str
    email: str | None = None
    name: str | None = None
    role: str
    disabled: bool
    created_at: datetime
    updated_at: datetime | None = None


class AdminSession(sessions.Session):
    """A session with the account of its expert."""

    expert_uid: str | None = None


class UserDetail(AdminUser):
    wallet: WalletView | None
    sessions: list[AdminSession] = Field(description="The latest ten, as the paying side.")


class UserChange(Strict):
    """What is left out stays. Disabling signs out, disconnects and ends the running session at once."""

    role: Role = None  # type: ignore[assignment]
    disabled: bool = None  # type: ignore[assignment]
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)] = None  # type: ignore[assignment]
    reason: Reason | None = None


class UserSessionsQuery(ListQuery):
    side: Literal["user", "expert"] = Field(default="user", description="Sessions paid for, or given.")


class UserTransactionsQuery(ListQuery):
    type: Type | None = None
    status: Status | None = None


# Sessions


class AdminSessionsQuery(ListQuery, Span):
    status: sessions.Status | None = None
    type: sessions.Type | None = None
    user_id: DocumentId | None = None
    expert_id: DocumentId | None = None


class RefundRequest(Strict):
    amount: money.Rupees | None = Field(default=None, description="In INR; left out, all that is left.")
    reason: Reason
    refund_id: DocumentId | None = Field(default=None, description="Your own id of this refund: a repeat does nothing.")


class Refund(Schema):
    refund_id: str
    session_id: str
    user_id: str
    amount: float
    amount_paise: int
    platform_fee: float = Field(description="What the platform gave back of its fee.")
    expert_share: float = Field(description="What the expert gives back.")
    owed_by_expert: float = Field(description="Of it, what the expert had spent and owes now.")
    refunded_amount: float = Field(description="All refunds of this session.")
    refundable: float = Field(description="What could still be refunded.")
    currency: str


# Money


class AdminTransactionsQuery(ListQuery, Span):
    type: Type | None = None
    status: Status | None = None
    user_id: DocumentId | None = None
    format: Format = "json"


class RevenueQuery(Span):
    period: Period = "daily"
    source: Source | None = Field(default=None, description="Left out: all.")
    format: Format = "json"


class RevenueSums(Schema):
    received: float = Field(description="What users paid by the gateway, for these days' and later sessions.")
    returned: float = Field(description="What went back of it before it was earned: cancellations, late payments.")
    gross: float = Field(description="What users paid for what was delivered.")
    commission: float = Field(description="The platform's part of it, with the GST on it.")
    fee: float = Field(description="The platform's part of it, without GST.")
    gst: float = Field(description="The GST on it.")
    gateway_fees: float = Field(description="The gateway's part of it, as prices reckon with it.")
    refunds: float = Field(description="What went back to users of what was delivered.")
    fee_refunded: float = Field(description="Of it, from the platform's fee.")
    gst_refunded: float = Field(description="Of it, from the GST.")
    promotions: float = Field(description="What the platform paid for users: coupons, included minutes, discounts.")
    net: float = Field(description="Fee less what was refunded of it, and promotions.")
    received_paise: int
    returned_paise: int
    gross_paise: int
    commission_paise: int
    fee_paise: int
    gst_paise: int
    gateway_fees_paise: int
    refunds_paise: int
    fee_refunded_paise: int
    gst_refunded_paise: int
    promotions_paise: int
    net_paise: int


class RevenueItem(RevenueSums):
    from_: date = Field(alias="from")
    to: date


class MentorRevenueQuery(ListQuery):
    month: Annotated[str, StringConstraints(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")] | None = Field(
        default=None, examples=["2026-06"], description="Of Asia/Kolkata; left out, the one that runs."
    )
    source: Source | None = Field(default=None, description="Left out: all.")
    format: Format = "json"


class MentorRevenue(RevenueSums):
    user_id: str = Field(description="The mentor's account.")
    mentor_id: str = Field(description="The mentor's profile.")
    name: str | None


class MentorRevenueReport(Listing[MentorRevenue]):
    month: str
    source: Source | None
    currency: str


class RevenueReport(Schema):
    period: Period
    source: Source | None
    from_: date = Field(alias="from")
    to: date
    items: list[RevenueItem]
    total: RevenueSums
    currency: str


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return value


def _signed(value: float) -> float:
    exact = Decimal(str(value))
    if exact == 0 or exact != exact.quantize(Decimal("0.01")):
        raise ValueError("must not be zero, and have at most two decimals")
    return value


SignedRupees = Annotated[
    float,
    Field(allow_inf_nan=False, ge=-MAX_ADJUSTMENT_RUPEES, le=MAX_ADJUSTMENT_RUPEES),
    BeforeValidator(_number),
    AfterValidator(_signed),
]


class AdjustRequest(Strict):
    amount: SignedRupees = Field(description="In INR: positive adds, negative takes.", examples=[50])
    reason: Reason
    part: Literal["promotional", "deposited", "earned"] | None = Field(
        default=None,
        description="Left out: a credit is promotional (to be spent, not withdrawn), a debit takes what is spent next.",
    )


class Adjustment(Schema):
    adjustment_id: str
    transaction_id: str
    user_id: str
    amount: float
    amount_paise: int
    balance: float
    balance_paise: int
    currency: str


class SettlementsQuery(Span):
    format: Format = "json"


class Counted(Schema):
    count: int
    amount: float
    amount_paise: int


class SettlementOfDay(Schema):
    id: str
    status: str
    utr: str
    amount: float
    amount_paise: int
    fees: float
    tax: float


class SettlementDay(Schema):
    date: date
    settlements: list[SettlementOfDay]
    payments: Counted
    refunds: Counted
    others: Counted
    fees: float = Field(description="The gateway's, tax included.")
    tax: float
    settled: float = Field(description="What was paid out to the bank account.")
    settled_paise: int
    ledger: float = Field(description="What gateway:razorpay moved on this day: captured less refunded.")
    ledger_paise: int
    ok: bool


class Difference(Schema):
    problem: Literal["not_in_ledger", "amount_differs", "sum_differs", "not_settled"]
    entity_id: str
    provider: float
    ledger: float


class SettlementReport(Schema):
    from_: date = Field(alias="from")
    to: date
    currency: str
    items: list[SettlementDay]
    unsettled: Counted
    differences: list[Difference]
    ok: bool


# Configuration and audit


def _optional(field: FieldInfo) -> Any:
    # The default is not validated, so that leaving a field out is allowed, and null only where it means something.
    annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return (annotation, Field(default=None, description=field.description))


class ConfigChangeBase(BaseModel):
    """Some of the platform's numbers. `version`: the one that was seen; If-Match does the same."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: int | None = None
    reason: Reason | None = None


if TYPE_CHECKING:
    ConfigChange = ConfigChangeBase
else:
    ConfigChange = create_model(
        "ConfigChange",
        __base__=ConfigChangeBase,
        **{name: _optional(field) for name, field in PlatformConfig.model_fields.items()},
    )


class ConfigView(PlatformConfig):
    version: int
    updatedAt: datetime | None  # noqa: N815 - the wire's names
    updatedBy: str | None  # noqa: N815


class AuditQuery(ListQuery):
    actor: DocumentId | None = None
    target: Annotated[str, StringConstraints(max_length=300)] | None = Field(
        default=None, examples=["wallets/3fGh"], description="A document's path."
    )
    action: Annotated[str, StringConstraints(max_length=60)] | None = Field(default=None, examples=["wallet.adjust"])


class AuditEntry(Schema):
    id: str
    actor: str
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    created_at: datetime
