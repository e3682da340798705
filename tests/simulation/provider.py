"""Razorpay as the simulation has it: orders, payments, refunds, and the events about them. Implements Gateway."""

from dataclasses import dataclass, replace
from datetime import datetime

from konnect.errors import BadGateway, Unavailable
from konnect.integrations.razorpay.entities import Payment, Refund
from konnect.integrations.razorpay.webhook import Event


@dataclass
class Webhook:
    """An event and how often it has been delivered."""

    event: Event
    delivered: int = 0


class Provider:
    key_id = "rzp_test_simulation"

    def __init__(self) -> None:
        self.orders: dict[str, int] = {}
        self.payments: dict[str, Payment] = {}
        self.refunds: dict[str, Refund] = {}
        self.webhooks: list[Webhook] = []
        self.failing = False
        """The next call happens, and its answer is lost."""

    # Gateway

    def create_order(
        self, *, amount_paise: int, currency: str, receipt: str, notes: dict[str, str], customer_id: str | None = None
    ) -> str:
        order_id = f"order_{len(self.orders) + 1}"
        self.orders[order_id] = amount_paise
        self._may_fail()
        return order_id

    def create_customer(self, *, name: str | None, email: str, notes: dict[str, str]) -> str:
        raise AssertionError("nobody here has an address")

    def fetch_payment(self, payment_id: str) -> Payment:
        self._may_fail()
        return self.payments[payment_id]

    def payments_of_order(self, order_id: str) -> list[Payment]:
        self._may_fail()
        return [payment for payment in self.payments.values() if payment.order_id == order_id]

    def capture(self, payment: Payment) -> Payment:
        if self.payments[payment.id].status != "authorized":
            raise BadGateway("this payment has been captured already")
        captured = self._captured(payment.id)
        self._may_fail()
        return captured

    def refunds_of(self, payment_id: str) -> list[Refund]:
        self._may_fail()
        return [refund for refund in self.refunds.values() if refund.payment_id == payment_id]

    def refunds_made(self, since: datetime, until: datetime, *, skip: int, limit: int) -> list[Refund]:
        """Of whatever time: there is no clock here."""
        self._may_fail()
        return [*self.refunds.values()][::-1][skip : skip + limit]

    def checkout_matches(self, order_id: str, payment_id: str, signature: str) -> bool:
        return signature == f"{order_id}|{payment_id}"

    # The customer, and the account's owner

    def pay(self, order_id: str, outcome: str) -> Payment:
        """Pay at the checkout. `outcome`: captured, authorized or failed."""
        payment = Payment(
            id=f"pay_{len(self.payments) + 1}",
            order_id=order_id,
            amount_paise=self.orders[order_id],
            currency="INR",
            status="failed" if outcome == "failed" else "authorized",
            method="upi",
            error_description="declined" if outcome == "failed" else "",
        )
        self.payments[payment.id] = payment
        self._send(f"payment.{payment.status}", payment)
        return self._captured(payment.id) if outcome == "captured" else payment

    def refund(self, payment_id: str, amount_paise: int) -> None:
        refund = Refund(f"rfnd_{len(self.refunds) + 1}", payment_id, amount_paise, "processed")
        self.refunds[refund.id] = refund
        left = self.refundable(payment_id)
        payment = self.payments[payment_id]
        self.payments[payment_id] = replace(
            payment, status="captured" if left else "refunded", refunded_paise=payment.amount_paise - left
        )
        self._send("refund.processed", self.payments[payment_id], refund)

    def refundable(self, payment_id: str) -> int:
        payment = self.payments[payment_id]
        if not payment.captured:
            return 0
        gone = sum(refund.amount_paise for refund in self.refunds.values() if refund.payment_id == payment_id)
        return payment.amount_paise - gone

    def _captured(self, payment_id: str) -> Payment:
        payment = replace(self.payments[payment_id], status="captured")
        self.payments[payment_id] = payment
        self._send("payment.captured", payment)
        self._send("order.paid", payment)
        return payment

    def _send(self, name: str, payment: Payment, refund: Refund | None = None) -> None:
        self.webhooks.append(Webhook(Event(f"evt_{len(self.webhooks) + 1}", name, payment, refund)))

    def _may_fail(self) -> None:
        if self.failing:
            self.failing = False
            raise Unavailable("injected: the provider's answer is lost")
