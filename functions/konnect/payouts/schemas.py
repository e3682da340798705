"""Wire models of withdrawals and payout details. Amounts are in INR, each with its twin in paise."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

from konnect.http.schemas import Schema
from konnect.money import Rupees, rupees
from konnect.wallet.service import MAX_AMOUNT_PAISE

from .policy import Method

MAX_AMOUNT_RUPEES = rupees(MAX_AMOUNT_PAISE)
MIN_AMOUNT_RUPEES = 1
"""Less is refused by the provider, and costs it more than it brings."""

WithdrawalAmount = Annotated[
    Rupees,
    Field(ge=MIN_AMOUNT_RUPEES, le=MAX_AMOUNT_RUPEES),
    # Limits upon limits: pydantic checks both, and documents neither.
    WithJsonSchema({"type": "number", "minimum": MIN_AMOUNT_RUPEES, "maximum": MAX_AMOUNT_RUPEES, "multipleOf": 0.01}),
]


class WithdrawRequest(Schema):
    amount: WithdrawalAmount = Field(description="In INR, from 1 to 10,000, two decimals at most.", examples=[250])


class Withdrawal(Schema):
    transaction_id: str
    status: Literal["pending", "completed", "failed"] = Field(
        description="`pending`, but for a key that is repeated long after."
    )
    amount: float
    amount_paise: int
    tds: float = Field(
        description="Withheld: 1 % of what is paid out above 50,000 INR in a financial year, by the configuration."
    )
    tds_paise: int
    net_amount: float = Field(description="What is sent: the amount less TDS.")
    net_amount_paise: int
    currency: str
    balance: float = Field(description="What is left in the wallet, in INR.")


# As RazorpayX takes them; refused here, each has its name.
Holder = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=3, max_length=120, pattern=r"^[A-Za-z0-9 '\-_/().,]*[A-Za-z0-9.]$"
    ),
]
AccountNumber = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9]{5,35}$")]
Ifsc = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z]{4}0[A-Za-z0-9]{6}$")]
UpiId = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=100, pattern=r"^[A-Za-z0-9.\-_]{2,80}@[A-Za-z][A-Za-z0-9.\-]{1,}$"
    ),
]


class BankAccountInput(Schema):
    account_holder: Holder = Field(description="As the bank writes it.", examples=["Gaurav Kumar"])
    account_number: AccountNumber = Field(description="5 to 35 letters and digits.", examples=["765432123456789"])
    ifsc_code: Ifsc = Field(description="11 characters.", examples=["HDFC0000053"])


class PayoutDetailsRequest(Schema):
    """`bankAccount` for bank_transfer, `upiId` for upi; the other one is ignored."""

    method: Method
    bank_account: BankAccountInput | None = None
    upi_id: UpiId | None = Field(default=None, examples=["gaurav.kumar@okhdfcbank"])


class BankAccountView(Schema):
    account_holder: str
    account_number: str = Field(description="The last four characters.", examples=["••••6789"])
    ifsc_code: str
    bank_name: str


class PayoutDetailsView(Schema):
    """Where payouts go, masked. The same is at `users/{uid}/private/payoutDetails`, to listen to."""

    method: Method
    bank_account: BankAccountView | None = None
    upi_id: str | None = Field(default=None, examples=["ga••••@okhdfcbank"])
    updated_at: datetime
