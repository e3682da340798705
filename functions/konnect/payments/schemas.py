"""Wire models of payments."""

from typing import Annotated, Literal

from pydantic import AliasChoices, ConfigDict, Field, WithJsonSchema

from konnect.http.schemas import Schema
from konnect.money import Rupees

from .deposits import MAX_AMOUNT_RUPEES, MIN_AMOUNT_RUPEES

DepositAmount = Annotated[
    Rupees,
    Field(ge=MIN_AMOUNT_RUPEES, le=MAX_AMOUNT_RUPEES),
    # Limits upon limits: pydantic checks both, and documents neither.
    WithJsonSchema({"type": "number", "minimum": MIN_AMOUNT_RUPEES, "maximum": MAX_AMOUNT_RUPEES, "multipleOf": 0.01}),
]


class DepositRequest(Schema):
    amount: DepositAmount = Field(description="In INR, 1 to 10,000, two decimals at most.", examples=[500])


class Deposit(Schema):
    """What the browser opens the checkout with."""

    transaction_id: str
    status: Literal["pending"]
    order_id: str = Field(description="Razorpay's; the checkout's `order_id`.")
    receipt: str
    amount: float = Field(description="In INR.")
    amount_paise: int
    currency: str
    key_id: str = Field(description="The checkout's `key`.")
    customer_id: str | None = Field(
        default=None, description="The checkout's `customer_id`, if the user has one: it offers the saved methods."
    )


class VerifyRequest(Schema):
    """What the checkout's handler got. The names without `razorpay_` are accepted, too."""

    model_config = ConfigDict(str_strip_whitespace=True)

    razorpay_order_id: str = Field(
        alias="razorpay_order_id",
        validation_alias=AliasChoices("razorpay_order_id", "orderId", "order_id"),
        min_length=1,
        max_length=64,
    )
    razorpay_payment_id: str = Field(
        alias="razorpay_payment_id",
        validation_alias=AliasChoices("razorpay_payment_id", "paymentId", "payment_id"),
        min_length=1,
        max_length=64,
    )
    razorpay_signature: str = Field(
        alias="razorpay_signature",
        validation_alias=AliasChoices("razorpay_signature", "signature"),
        min_length=1,
        max_length=256,
    )


class PaymentView(Schema):
    """A payment, and what came of it."""

    status: Literal["pending", "completed"] = Field(description="pending (202): not captured yet; ask again.")
    order_id: str
    payment_id: str
    amount: float = Field(description="In INR.")
    amount_paise: int
    currency: str
    booking_id: str | None = Field(default=None, description="Of a payment for a booking.")
    booking_status: str | None = Field(
        default=None, description="`cancelled`: the payment came too late for the slot, and goes back by itself."
    )
    package_purchase_id: str | None = Field(default=None, description="Of a payment for a package.")
    package_status: str | None = None
    transaction_id: str | None = None
    balance: float | None = Field(default=None, description="The wallet's balance in INR, for a deposit.")
    balance_paise: int | None = None


class RechargeRequest(Schema):
    model_config = ConfigDict(str_strip_whitespace=True)

    user_id: str = Field(min_length=1, max_length=128, description="The caller's own.")
    amount: DepositAmount = Field(description="In INR: what the order was opened for.", examples=[500])
    payment_method: Literal["razorpay"]
    receipt_id: str = Field(min_length=1, max_length=64, description="The deposit's receipt, order id or payment id.")


class Recharge(Schema):
    transaction_id: str
    status: Literal["success", "pending"] = Field(description="pending (202): not captured yet; credited when it is.")
    balance: float = Field(description="The wallet's, in INR.")
    balance_paise: int


class WebhookAnswer(Schema):
    outcome: str = Field(description="What became of the event, for the provider's log.")
