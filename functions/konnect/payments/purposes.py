"""What a payment is for. An order stores its purpose {"kind", "uid", …} when it is opened; that alone, never what a
client or an event says, decides what a payment of it does.

A further kind is a line in PURPOSES and a module with these functions.
"""

from datetime import datetime
from importlib import import_module
from typing import Any, Protocol, cast

from konnect.integrations.gateway import Payment, Refund
from konnect.store import Doc, Tx

from .repository import Reader

# By name, since the domains that sell something stand above this one.
PURPOSES = {
    "deposit": "konnect.payments.deposits",
    "booking": "konnect.bookings.payment",
    "package": "konnect.packages.payment",
    "subscription": "konnect.subscriptions.payment",
    "course": "konnect.course_sales.payment",
}


class Purpose(Protocol):
    """`order` is its document with its "id". Each function runs once a fact: the caller has proved it new."""

    def paid(self, tx: Tx, order: Doc, payment: Payment, *, first: bool, now: datetime) -> dict[str, Any]:
        """The payment was captured. `first` is False for a further payment of an order that is paid already.

        Returns what the payment's document keeps of it; `refunded` and `answer` get it back.
        """

    def unpaid(self, tx: Tx, order: Doc, *, reason: str, now: datetime) -> None:
        """The order was given up. A late payment may still come: `paid` follows then."""

    def refunded(self, tx: Tx, order: Doc, refund: Refund, result: dict[str, Any], *, now: datetime) -> None:
        """Money of a captured payment went back to its source."""

    def disputed(self, tx: Tx, order: Doc, dispute_id: str | None, result: dict[str, Any], *, now: datetime) -> None:
        """The payer disputes a payment, and their bank decides; None: no dispute is open. Stripe's orders alone have
        it; a dispute that is lost has taken money back: `refunded` follows."""

    def answer(self, reader: Reader, order: Doc, result: dict[str, Any] | None) -> dict[str, Any]:
        """What the payer is told beside the payment's own fields; `result` is None before it is captured."""


def of(order: Doc) -> Purpose:
    """The purpose of an order. Raises KeyError for a kind that has no module, which no order can have."""
    return cast(Purpose, import_module(PURPOSES[order["purpose"]["kind"]]))
