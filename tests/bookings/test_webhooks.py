"""Razorpay's events about bookings in any order, repeated and late: the same end, whatever came first."""

import json
from typing import Any

import pytest

from konnect.integrations.razorpay import webhook as razorpay
from konnect.payments import webhook
from konnect.store import Doc

from .conftest import DAY, NOW, SLOT, Desk


def heard(desk: Desk, name: str, nth: int = 0, **entities: Doc) -> str:
    """The `nth` event of this name, received now; its outcome."""
    payload = {kind: {"entity": entity} for kind, entity in entities.items()}
    ids = "-".join(entity["id"] for entity in entities.values())
    body = json.dumps({"entity": "event", "event": name, "payload": payload}).encode()
    return str(webhook.handle(desk.ctx, razorpay.read(body, f"{name}-{ids}-{nth}"), NOW))


def of_provider(desk: Desk, collection: str, entity_id: str) -> dict[str, Any]:
    return desk._sandbox("GET", f"/v1/{collection}/{entity_id}")


ORDERS = ["FCOR", "ROCF", "OCFR", "RFCO", "CRFO", "OFRC"]
"""payment.failed, payment.captured, order.paid, refund.processed: by their letters."""


@pytest.mark.parametrize("in_order", ORDERS)
def test_a_booking_paid_at_the_second_attempt_and_refunded_in_part(desk: Desk, in_order: str) -> None:
    booking = desk.book()
    order_id = booking["payment"]["orderId"]
    failed = desk.pay(order_id, "failed").payment_id
    paid = desk.pay(order_id).payment_id
    refund = desk.refund(paid, 300_00)
    payment = of_provider(desk, "payments", paid)
    events: dict[str, tuple[str, Doc]] = {
        "F": ("payment.failed", {"payment": of_provider(desk, "payments", failed)}),
        "C": ("payment.captured", {"payment": payment}),
        "O": ("order.paid", {"payment": payment, "order": of_provider(desk, "orders", order_id)}),
        "R": ("refund.processed", {"refund": refund, "payment": payment}),
    }
    for letter in (*in_order, *in_order):
        name, entities = events[letter]
        heard(desk, name, **entities)
    stored = desk.booking(booking["id"])
    assert (stored["status"], stored["heldPaise"], stored["payment"]["paymentId"]) == ("confirmed", 1000_00, paid)
    assert desk.kinds() == ["booking.pay", "booking.refund.foreign"]
    assert desk.order(order_id)["status"] == "paid"
    assert desk.payment(paid)["refunds"] == {refund["id"]: 300_00}
    desk.check_books()


@pytest.mark.parametrize("in_order", ["processed failed processed", "failed processed failed"])
def test_what_the_bank_says_of_a_refund(desk: Desk, in_order: str) -> None:
    """Processed is the last word, also when an older one comes after it."""
    booking_id = desk.confirmed()
    payment_id = desk.booking(booking_id)["payment"]["paymentId"]
    desk.fault(refunds={"outcome": "pending"})
    desk.cancel(booking_id, "mentor", SLOT - DAY)
    assert desk.send_refunds() == ["processing"]
    [one] = desk.all("gatewayRefunds")
    refund, payment = of_provider(desk, "refunds", one["providerId"]), of_provider(desk, "payments", payment_id)
    for n, status in enumerate(in_order.split()):
        heard(desk, f"refund.{status}", n, refund={**refund, "status": status}, payment=payment)
    stored = desk.booking(booking_id)
    assert (stored["refund"]["status"], stored["payment"]["status"]) == ("processed", "refunded")
    assert desk.kinds().count("refund.paid") == 1
    desk.check_books()


def test_an_order_that_is_not_ours(desk: Desk) -> None:
    desk.confirmed()
    [payment] = desk.all("payments")
    other = {**of_provider(desk, "payments", payment["id"]), "id": "pay_other", "order_id": "order_other"}
    assert heard(desk, "payment.captured", payment=other) == "unknown_order"
    assert heard(desk, "payment.failed", payment={**other, "status": "failed"}) == "unknown_order"
    refund = {"id": "rfnd_other", "entity": "refund", "payment_id": "pay_other", "amount": 100, "status": "processed"}
    assert heard(desk, "refund.processed", refund=refund, payment=other) == "unknown_order"
    desk.check_books()


def test_a_refund_of_another_payment_than_its_event_s_changes_nothing(desk: Desk) -> None:
    payment = of_provider(desk, "payments", desk.booking(desk.confirmed())["payment"]["paymentId"])
    refund = {"id": "rfnd_other", "payment_id": "pay_other", "amount": 300_00, "status": "processed", "currency": "INR"}
    assert heard(desk, "refund.processed", refund=refund, payment=payment) == "mismatch"
    assert desk.kinds() == ["booking.pay"]
