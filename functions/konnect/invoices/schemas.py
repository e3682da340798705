"""Wire models of invoices. Amounts are INR."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from konnect.http.schemas import NumberedQuery, Schema

Status = Literal["paid", "partially_refunded", "refunded"]


class InvoicesQuery(NumberedQuery):
    pass


class InvoiceRefund(Schema):
    """Money that has gone back."""

    id: str = Field(description="Of the refund, and of its credit note, if there is one.")
    amount: float
    amount_paise: int
    refunded_at: datetime
    number: str | None = Field(description="The credit note's; null for a receipt's.")


class Invoice(Schema):
    """The paper of one payment, or of one refund."""

    id: str
    number: str | None = Field(description="Null for a receipt.", examples=["2627/B/000031"])
    type: Literal["invoice", "credit_note", "receipt"] = Field(
        description="receipt: money put into the wallet, or a payment that was too late and goes back."
    )
    kind: Literal["deposit", "booking", "package", "subscription", "course"]
    description: str
    amount: float = Field(description="What was paid, or for a credit note what went back.")
    amount_paise: int
    currency: str
    status: Status
    refunds: list[InvoiceRefund]
    invoice_number: str | None = Field(description="Of the invoice that a credit note is for.")
    booking_id: str | None
    mentor_name: str | None
    course_id: str | None = None
    payment_id: str
    paid_at: datetime
    issued_at: datetime
    pdf_url: str = Field(description="A path; GET it as the owner.")
