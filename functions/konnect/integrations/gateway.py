"""What payments need of whichever gateway takes the money (Razorpay, Stripe), in words that are nobody's in particular.
Each provider's client says these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from konnect.errors import BadGateway


@dataclass(frozen=True)
class Payment:
    """A payment. `status`: created, authorized, captured, refunded or failed; `order_id` is "" without an order.
    `refunded_paise`: what has gone back of it, as far as the provider says it with the payment."""

    id: str
    order_id: str
    amount_paise: int
    currency: str
    status: str
    method: str = ""
    error_code: str = ""
    error_description: str = ""
    refunded_paise: int = 0

    @property
    def captured(self) -> bool:
        """The money is, or was, ours: a refunded payment has been captured before."""
        return self.status in {"captured", "refunded"}


@dataclass(frozen=True)
class Refund:
    """A refund of a payment, whole or in part. `status`: pending, processed or failed. `reference` is ours ("" of one
    that was not made here). `is_withdrawn` of one that failed: not by the bank, but since
    somebody has cancelled it at the provider, or the payer has disputed the payment before it was made."""

    id: str
    payment_id: str
    amount_paise: int
    status: str
    reference: str = ""
    is_withdrawn: bool = False


class Refused(BadGateway):
    """The provider has read the request and refuses it. `description` is what it says is wrong ("" if it doesn't)."""

    description: str = ""


class Gateway(Protocol):
    """Each call raises Unavailable (try again) or Refused (repeating does not help)."""

    def fetch_payment(self, payment_id: str) -> Payment: ...

    def payments_of_order(self, order_id: str) -> Sequence[Payment]:
        """All attempts to pay an order, failed ones included."""

    def capture(self, payment: Payment) -> Payment:
        """Take an authorized payment, whole. Refused if it has been captured."""

    def refund(self, *, payment_id: str, amount_paise: int, reference: str, idempotency_key: str) -> Refund:
        """Pay a captured payment back, or a part of it. A repeat with the same key is answered as the first was."""

    def fetch_refund(self, refund_id: str) -> Refund: ...

    def refunds_of(self, payment_id: str) -> Sequence[Refund]:
        """All refunds of a payment, failed ones included."""
