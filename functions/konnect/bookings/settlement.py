"""The money of a booking: into its hold when it is paid, out of it once, when it ends, whatever the end was."""

from datetime import datetime
from typing import Literal

from konnect.calendar import service as calendar
from konnect.integrations.gateway import Payment
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import rupees
from konnect.payments import refunds
from konnect.rates import service as rates
from konnect.sessions.booked.policy import Split
from konnect.store import Doc, Tx

from . import benefits, pricing, repository
from .pricing import Bill, Parts

KIND = "booking"
"""Of its reservations in the calendars, of its orders' purpose, of its hold."""


def bill_of(tx: Tx, booking: Doc) -> Bill:
    """What it costs, by the rates that it has frozen."""
    found = rates.of(repository.terms(tx, booking["id"]))
    return Bill(booking["pricePaise"], booking["totalPaise"], found)


def take(tx: Tx, booking: Doc, payment: Payment | None, *, now: datetime) -> None:
    """All that the booking costs is held for it: what was captured, and what its benefits give. `payment`: None where
    they cover it."""
    found = benefits.of(booking)
    given = benefits.sums(found, [one.amount_paise for one in found])
    legs = [Leg(accounts.hold(KIND, booking["id"]), booking["totalPaise"])]
    legs += [Leg(account, -paise) for account, paise in given.items()]
    if payment is not None:
        _capture(tx, booking, payment, "booking.pay", legs, now)
        return
    subject = {"user": booking["studentId"], "mentor": booking["mentorUid"], "booking": booking["id"]}
    ledger.post_new(tx, Movement(f"booking:{booking['id']}:cover", "booking.pay", tuple(legs), subject), now=now)


def pay_back(tx: Tx, booking: Doc, payment: Payment, *, now: datetime) -> Doc:
    """What was captured can't be used: it goes back, whole. Returns what the booking shows of the refund."""
    refund_id = f"{booking['id']}-{payment.id}"
    amount_paise, order_id = payment.amount_paise, payment.order_id
    refund = open_refund(tx, booking, refund_id, payment.id, amount_paise, "not-seated", now, order_id=order_id)
    _capture(tx, booking, payment, "booking.unused", [refunds.leg(refund_id, payment.amount_paise)], now)
    return refund


def close(
    tx: Tx,
    booking: Doc,
    split: Split,
    *,
    status: Literal["completed", "cancelled"],
    reason: str,
    fields: Doc,
    now: datetime,
) -> Doc:
    """Divide the hold, free the time, end the booking. `fields`: what else is written of it. Returns the booking."""
    booking_id, mentor_uid = booking["id"], booking["mentorUid"]
    assert booking["status"] in repository.OPEN, f"{booking_id} is {booking['status']}"
    assert split.kept_paise + split.returned_paise == booking["heldPaise"], "all of the hold is divided"
    tx.prefetch(("payables", mentor_uid), ("receivables", mentor_uid), ("bookings", booking_id, "private", "terms"))
    ended: Doc = {
        **fields,
        "status": status,
        "statusReason": reason,
        "isOpen": False,
        "heldUntil": None,
        "nextActionAt": None,
    }
    if split.returned_paise:
        ended["refund"] = _release(tx, booking, split.returned_paise, f"{booking_id}-{status}", reason, now)
    parts = pricing.divide(split.kept_paise, bill_of(tx, booking))
    if split.kept_paise:
        _settle(tx, booking, parts, now)
    # What is to be paid out is found by these (earnings.repository).
    due: Doc = {"bookingId": booking_id, "mentorUid": mentor_uid, "payoutId": None} if parts.mentor_paise else {}
    settled = {**shares(parts, bill_of(tx, booking)), "settledAt": now, **due}
    tx.update(("bookings", booking_id, "private", "terms"), settled)
    repository.update(tx, booking_id, now=now, **ended)
    calendar.release(tx, booking["participants"], booking_id, booking["scheduledAt"], booking["endsAt"])
    return {**booking, **ended, "heldPaise": 0, "updatedAt": now}


def shares(parts: Parts, of: Bill) -> Doc:
    """As the terms have them: the commission contains the GST unless that is on the bill."""
    contained_paise = 0 if of.rates.gst_added_to_bill else parts.gst_paise
    return {
        "mentorPaise": parts.mentor_paise,
        "commissionPaise": parts.fee_paise + contained_paise,
        "platformFeePaise": parts.fee_paise,
        "gstPaise": parts.gst_paise,
        "gatewayFeePaise": parts.gateway_paise,
    }


def _release(tx: Tx, booking: Doc, paise: int, refund_id: str, reason: str, now: datetime) -> Doc | None:
    """Back to where it came from: in cash, and to the benefits, in proportion. Returns what the booking shows of the
    refund in cash, if there is one."""
    cash_paise, portions = benefits.returned(booking, 0, paise)
    legs = [Leg(accounts.hold(KIND, booking["id"]), -paise)]
    legs += [Leg(account, part) for account, part in benefits.sums(benefits.of(booking), portions).items()]
    refund: Doc | None = None
    if cash_paise:
        payment_id = booking["payment"]["paymentId"]
        refund = open_refund(tx, booking, refund_id, payment_id, cash_paise, reason, now)
        legs.append(refunds.leg(refund_id, cash_paise))
    subject = {"booking": booking["id"], "mentor": booking["mentorUid"]}
    ledger.post_new(tx, Movement(f"booking:{booking['id']}:release", "booking.release", tuple(legs), subject), now=now)
    benefits.give_back(tx, booking, portions, whole=paise == booking["totalPaise"], now=now)
    return refund


def _settle(tx: Tx, booking: Doc, parts: Parts, now: datetime) -> None:
    """To the mentor's earnings, of which a debt is paid first, the platform, the tax and the gateway's fee."""
    uid = booking["mentorUid"]
    owed_paise = min(ledger.debt(tx, uid), parts.mentor_paise)
    legs = (
        Leg(accounts.hold(KIND, booking["id"]), -parts.total_paise),
        Leg(accounts.payable(uid), parts.mentor_paise - owed_paise),
        Leg(accounts.receivable(uid), owed_paise),
        Leg(accounts.PLATFORM_FEES, parts.fee_paise),
        Leg(accounts.TAX_GST, parts.gst_paise),
        Leg(accounts.GATEWAY_FEES, parts.gateway_paise),
    )
    ledger.post_new(
        tx,
        Movement(
            f"booking:{booking['id']}:settle",
            "booking.settle",
            tuple(leg for leg in legs if leg.amount_paise),
            {"booking": booking["id"], "mentor": uid},
        ),
        now=now,
    )


def _capture(tx: Tx, booking: Doc, payment: Payment, kind: str, to: list[Leg], now: datetime) -> None:
    ledger.post_new(
        tx,
        Movement(
            f"payment:{payment.id}",
            kind,
            (Leg(accounts.GATEWAY_RAZORPAY, -payment.amount_paise), *to),
            {
                "payment": payment.id,
                "order": payment.order_id,
                "user": booking["studentId"],
                "mentor": booking["mentorUid"],
                "booking": booking["id"],
            },
        ),
        now=now,
    )


def is_back(booking: Doc, refunded_paise: int) -> bool:
    """Whether so much of its payment has gone back already that Razorpay can't be asked for more."""
    return booking["payablePaise"] - refunded_paise < benefits.LEAST_PAYMENT_PAISE


def open_refund(
    tx: Tx,
    booking: Doc,
    refund_id: str,
    payment_id: str,
    amount_paise: int,
    reason: str,
    now: datetime,
    *,
    order_id: str | None = None,
) -> Doc:
    """Have the student paid back in cash; returns what the booking shows of it. The caller has proved it new, and posts
    the money to the refund's account."""
    refunds.open_new(
        tx,
        refund_id,
        payment_id=payment_id,
        order_id=order_id or booking["payment"]["orderId"],
        uid=booking["studentId"],
        amount_paise=amount_paise,
        reason=reason,
        now=now,
    )
    shown = booking["payment"]
    done = payment_id == shown["paymentId"] and is_back(booking, shown.get("refundedPaise", 0))
    return {
        "id": refund_id,
        "amount": rupees(amount_paise),
        "amountPaise": amount_paise,
        "status": "processed" if done else "processing",
        "reason": reason,
        "processedAt": now if done else None,
        "razorpayRefundId": None,
    }
