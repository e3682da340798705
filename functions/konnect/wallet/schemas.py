"""Wire models of wallets. Amounts are in INR, each with its twin in paise."""

from datetime import datetime

from pydantic import Field

from konnect.http.schemas import ListQuery, Schema

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
    tds: float | None = Field(default=None, description="Of a withdrawal: withheld from it, in INR.")
    net_amount: float | None = Field(default=None, description="Of a withdrawal: what is sent to the bank, in INR.")
    failure_reason: str | None = None
    created_at: datetime
    updated_at: datetime
