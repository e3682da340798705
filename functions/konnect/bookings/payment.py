"""Bookings as a purpose of payments (payments/purposes.Purpose): what a captured payment does, in time, late, twice."""

import logging
from datetime import datetime, timedelta
from typing import Any

from konnect.availability import service as availability
from konnect.errors import Conflict
from konnect.identity import service as identity
from konnect.integrations.gateway import Payment, Refund
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import rupees
from konnect.payments import refunds
from konnect.payments.repository import Reader
from konnect.store import Doc, Tx

from . import benefits, course, messages, pricing, reminders, repository, schedule, service, settlement

log = logging.getLogger(__name__)


def paid(tx: Tx, order: Doc, payment: Payment, *, first: bool, now: datetime) -> dict[str, Any]:
    """Seat the booking and hold the money; what comes too late for a slot that is somebody else's by now, or a second
    time, goes back by itself. Returns {bookingId, outcome: "seated" | "returned"}."""
    booking = repository.get(tx, order["purpose"]["bookingId"])
    # An order of before its coupon was changed is not the booking's any more.
    own = first and order["id"] == booking["payment"]["orderId"]
    if own and _seat(tx, booking, now):
        _confirm(tx, booking, payment, now)
        return {"bookingId": booking["id"], "outcome": "seated"}
    if own and booking["status"] == "pending":
        course.expire(tx, booking, tell=False, now=now)
    refund = settlement.pay_back(tx, booking, payment, now=now)
    if own:
        # A second payment is none of the booking's business.
        shown = {**booking["payment"], "status": "paid", "paymentId": payment.id, "paidAt": now}
        repository.update(tx, booking["id"], now=now, payment=shown, refund=refund)
    messages.paid_back(tx, booking, payment.id, payment.amount_paise, now=now)
    return {"bookingId": booking["id"], "outcome": "returned"}


def cover(tx: Tx, booking: Doc, *, now: datetime) -> Doc:
    """A booking that is just held, and of which nothing is to be paid in cash: seat it, and hold the money."""
    seated = _seat(tx, booking, now)
    assert seated, f"{booking['id']} is held"
    return _confirm(tx, booking, None, now)


def unpaid(tx: Tx, order: Doc, *, reason: str, now: datetime) -> None:
    """The order was given up, long after the hold: should nobody have noticed, it ends here."""
    booking = repository.get(tx, order["purpose"]["bookingId"])
    if booking["status"] == "pending" and booking["heldUntil"] <= now:
        course.expire(tx, booking, now=now)


def refunded(tx: Tx, order: Doc, refund: Refund, result: dict[str, Any], *, now: datetime) -> None:
    """Money has gone back. What nobody has asked for here (a refund made at the provider, by hand) is the platform's
    expense, for a person to look at: the booking goes on, and its hold is the mentor's."""
    booking = repository.get(tx, result["bookingId"])
    found = refunds.processed(tx, refund, now=now)
    if found is None:
        log.error("a refund that was not asked for", extra={"refund": refund.id, "booking": booking["id"]})
        legs = (
            Leg(accounts.PLATFORM_ADJUSTMENTS, -refund.amount_paise),
            Leg(accounts.GATEWAY_RAZORPAY, refund.amount_paise),
        )
        subject = {"refund": refund.id, "payment": refund.payment_id, "booking": booking["id"]}
        ledger.post_new(tx, Movement(f"refund:{refund.id}", "booking.refund.foreign", legs, subject), now=now)
    if refund.payment_id != booking["payment"]["paymentId"]:
        # Of a second payment, which is none of the booking's business.
        return
    refunded_paise = booking["payment"].get("refundedPaise", 0) + refund.amount_paise
    payment: Doc = {**booking["payment"], "refunded": rupees(refunded_paise), "refundedPaise": refunded_paise}
    changed: Doc = {"payment": payment}
    shown = booking["refund"]
    # By hand, before ours could be asked for: there is nothing left to wait for.
    is_back = shown is not None and settlement.is_back(booking, refunded_paise)
    if found is not None or is_back:
        payment["status"] = "refunded" if refunded_paise >= booking["payablePaise"] else "partially_refunded"
    if shown is not None and shown["status"] == "processing" and (is_back or (found and shown["id"] == found["id"])):
        changed["refund"] = {**shown, "status": "processed", "processedAt": now, "razorpayRefundId": refund.id}
    repository.update(tx, booking["id"], now=now, **changed)


def answer(reader: Reader, order: Doc, result: dict[str, Any] | None) -> dict[str, Any]:
    """{bookingId, bookingStatus}."""
    booking_id = order["purpose"]["bookingId"]
    return {"bookingId": booking_id, "bookingStatus": (reader.get("bookings", booking_id) or {}).get("status")}


def _seat(tx: Tx, booking: Doc, now: datetime) -> bool:
    """Take its place in both calendars for good, if it still has it, or if nobody else has it by now, nor what was not
    to be paid in cash."""
    people = tuple(booking["participants"])
    held = booking["status"] == "pending" and booking["heldUntil"] > now
    if not held:
        late = booking["status"] == "pending" or booking["statusReason"] in service.LATE
        if booking["status"] not in {"pending", "cancelled"} or not late or not _still_free(tx, booking, now):
            return False
    # What lapsed with the hold is used again, if it is all still there.
    lapsed = booking["status"] == "cancelled"
    if lapsed and not benefits.still_offered(tx, booking, now=now):
        return False
    try:
        service.place(
            tx,
            people,
            booking["id"],
            booking["scheduledAt"],
            booking["endsAt"],
            held_until=None,
            uid=booking["studentId"],
            now=now,
        )
    except Conflict:
        return False
    if lapsed:
        benefits.use(tx, booking, now=now)
    return True


def _still_free(tx: Tx, booking: Doc, now: datetime) -> bool:
    expert = tx.get("experts", booking["mentorId"])
    closed = any(identity.is_closed(tx, uid) for uid in booking["participants"])
    if expert is None or expert["mentorStatus"] != "approved" or closed:
        return False
    duration = timedelta(minutes=booking["duration"])
    expert = {**expert, "id": booking["mentorId"]}
    return availability.is_free(tx, expert, booking["scheduledAt"], duration, but=booking["id"], notice=False, now=now)


def _confirm(tx: Tx, booking: Doc, payment: Payment | None, now: datetime) -> Doc:
    settlement.take(tx, booking, payment, now=now)
    confirmed: Doc = {
        "status": "confirmed",
        "statusReason": None,
        "isOpen": True,
        "heldUntil": None,
        "cancelledAt": None,
        "payment": {
            **booking["payment"],
            "status": "paid",
            "paymentId": None if payment is None else payment.id,
            "paidAt": now,
        },
        **reminders.confirmed(booking, now),
        "confirmedAt": now,
    }
    repository.update(tx, booking["id"], now=now, **confirmed)
    booking = {**booking, **confirmed}
    schedule.pending(tx, booking, now)
    bill = settlement.bill_of(tx, booking)
    messages.confirmed(tx, booking, pricing.divide(bill.total_paise, bill), now=now)
    return {**booking, "heldPaise": booking["totalPaise"]}
