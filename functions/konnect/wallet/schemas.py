"""Wire models of wallets. Amounts are in INR, each with its twin in paise."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from konnect.http.schemas import ListQuery, Schema
from konnect.money import Rupees, rupees

from .service import MAX_AMOUNT_PAISE
from .transactions import Status, Type


class WalletView(Schema):
    id: str
    user_id: str
    balance: float = Field(description="What can be spent, in INR.")
    balance_paise: int
    withdrawable: float = Field(description="Of it earned, and so what can be withdrawn, in INR.")
    withdrawable_paise: int
    currency: str
    created_at: datetime
    updated_at: datetime


MAX_AMOUNT_RUPEES = rupees(MAX_AMOUNT_PAISE)

WithdrawalAmount = Annotated[
    Rupees,
    Field(le=MAX_AMOUNT_RUPEES),
    # Limits upon limits: pydantic checks both, and documents neither.
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": MAX_AMOUNT_RUPEES, "multipleOf": 0.01}),
]


class WithdrawRequest(Schema):
    amount: WithdrawalAmount = Field(description="In INR, at most 10,000, two decimals at most.", examples=[250])


class Withdrawal(Schema):
    transaction_id: str
    status: Literal["pending"]
    amount: float
    amount_paise: int
    currency: str
    balance: float = Field(description="What is left in the wallet, in INR.")


class TransactionQuery(ListQuery):
    type: Type | None = None
    status: Status | None = None


class TransactionView(Schema):
    """What happened to a wallet: deposits, earnings and refunds add to it, payments and withdrawals take from it."""

    id: str
    wallet_id: str
    user_id: str
    type: Type
    status: Status
    amount: float = Field(description="In INR, always positive.")
    amount_paise: int
    currency: str
    description: str
    reference_id: str = Field(description="What it is about: an order, a session, a payout.")
    failure_reason: str | None = None
    created_at: datetime
    updated_at: datetime
