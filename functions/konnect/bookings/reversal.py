"""Giving back of a booking that is settled: what a claim of a no-show, a dispute's decision and an admin's refund do.

Whole or in part, several times, up to what was kept of the price. It leaves the books as if so much had gone back when
the booking ended: the share, the commission, the GST and the gateway's fee of what is still kept are those of a price
of that amount (pricing.divide, on cumulative totals). The student's part goes back to where it came from: in cash by
Razorpay, and to the benefits in proportion. The mentor's part comes out of what is payable to them; what was paid out
already they owe (`receivable`), and later earnings pay it first: the student never waits. What Razorpay has really kept
of the payment it does not return: the platform bears it, as with a cancellation.

bookingRefunds/{id}: {bookingId, studentId, mentorUid, amountPaise, cashPaise, mentorPaise, platformFeePaise, gstPaise,
gatewayFeePaise, owedPaise, reversedPaise, keptPaise, reason, by, createdAt}. The terms then have the net shares
(`mentorPaise` is what the mentor keeps) and `reversedPaise`, as the booking has; `settledAt` stays.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from konnect import audit, ids
from konnect.errors import BadRequest, Conflict, NotFound
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import CURRENCY, rupees
from konnect.payments import refunds
from konnect.store import Doc, Tx

from . import benefits, messages, pricing, repository, settlement
from .pricing import Parts

COLLECTION = "bookingRefunds"


@dataclass(frozen=True)
class Request:
    """`amount_paise` None: all that is left. `refund_id` makes a repeat harmless."""

    booking_id: str
    refund_id: str
    amount_paise: int | None
    reason: str
    by: str


def give_back(tx: Tx, given: Request, *, now: datetime) -> Doc:
    """Give back of a settled booking. A repeat of a refund's id answers what was done.

    Returns the record, with its "id". Raises NotFound (BOOKING_NOT_FOUND), BadRequest (amount: more than is left),
    Conflict (BOOKING_NOT_ENDED, NOTHING_TO_REFUND, ALREADY_REFUNDED, REFUND_NOT_REFUNDABLE, REFUND_DIFFERS).
    """
    recorded = _recorded(tx, given)
    if recorded is not None:
        return _repeat(recorded, given)
    booking = _booking(tx, given.booking_id)
    kept_paise, before_paise = _kept(booking, repository.terms(tx, booking["id"]))
    amount_paise = _amount(given, kept_paise, before_paise)
    bill, left_paise = settlement.bill_of(tx, booking), kept_paise - before_paise
    after = pricing.divide(left_paise - amount_paise, bill)
    back = _difference(pricing.divide(left_paise, bill), after)
    released_paise = booking["totalPaise"] - kept_paise
    cash_paise, portions = _returned(booking, released_paise + before_paise, amount_paise)
    gateway_id = f"{booking['id']}-{ids.digest('booking-refund', given.refund_id)[:16]}"
    reversed_paise = before_paise + amount_paise
    changed: Doc = {"reversedPaise": reversed_paise}
    if cash_paise:
        payment_id = booking["payment"]["paymentId"]
        changed["refund"] = settlement.open_refund(tx, booking, gateway_id, payment_id, cash_paise, given.reason, now)
    to_benefits = benefits.sums(benefits.of(booking), portions)
    owed_paise = _post(tx, booking, given, back, to_benefits, cash_paise, gateway_id, now)
    repository.update(tx, booking["id"], now=now, **changed)
    net = {**settlement.shares(after, bill), "reversedPaise": reversed_paise}
    tx.update(("bookings", booking["id"], "private", "terms"), net)
    benefits.give_back(tx, booking, portions, whole=reversed_paise == kept_paise, now=now)
    made: Doc = {
        "bookingId": booking["id"],
        "studentId": booking["studentId"],
        "mentorUid": booking["mentorUid"],
        "amountPaise": amount_paise,
        "cashPaise": cash_paise,
        "mentorPaise": back.mentor_paise,
        "platformFeePaise": back.fee_paise,
        "gstPaise": back.gst_paise,
        "gatewayFeePaise": back.gateway_paise,
        "owedPaise": owed_paise,
        "reversedPaise": reversed_paise,
        "keptPaise": kept_paise,
        "reason": given.reason,
        "by": given.by,
        "createdAt": now,
    }
    tx.create((COLLECTION, given.refund_id), made)
    return {**made, "id": given.refund_id}


def refund(tx: Tx, given: Request, *, now: datetime) -> Doc:
    """`give_back`, by an admin: both are told, and the audit says who and why."""
    is_repeat = _recorded(tx, given) is not None
    made = give_back(tx, given, now=now)
    if is_repeat:
        return made
    booking = repository.get(tx, given.booking_id)
    messages.refunded(tx, booking, made, now=now)
    audit.write(
        tx,
        actor=given.by,
        action="booking.refund",
        target=f"bookings/{given.booking_id}",
        before={"reversedPaise": made["reversedPaise"] - made["amountPaise"]},
        after={
            "reversedPaise": made["reversedPaise"],
            "refundId": given.refund_id,
            "amountPaise": made["amountPaise"],
        },
        reason=given.reason,
        now=now,
        entry_id=ids.digest("booking-refund", given.refund_id),
    )
    return made


def left(tx: Tx, booking: Doc) -> int:
    """What can still be given back of a booking, in paise."""
    return left_of(booking, repository.terms(tx, booking["id"]))


def left_of(booking: Doc, terms: Doc) -> int:
    """`left`, from its documents: 0 before it is settled. Pure."""
    kept_paise, reversed_paise = _kept(booking, terms)
    return kept_paise - reversed_paise


def view(made: Doc) -> dict[str, Any]:
    """A refund for an admin, as JSON."""
    return {
        "refundId": made["id"],
        "bookingId": made["bookingId"],
        "amount": rupees(made["amountPaise"]),
        "amountPaise": made["amountPaise"],
        "cash": rupees(made["cashPaise"]),
        "mentorShare": rupees(made["mentorPaise"]),
        "platformFee": rupees(made["platformFeePaise"]),
        "gst": rupees(made["gstPaise"]),
        "gatewayFee": rupees(made["gatewayFeePaise"]),
        "owedByMentor": rupees(made["owedPaise"]),
        "refundedAmount": rupees(made["reversedPaise"]),
        "refundable": rupees(made["keptPaise"] - made["reversedPaise"]),
        "currency": CURRENCY,
    }


def _post(
    tx: Tx,
    booking: Doc,
    given: Request,
    back: Parts,
    to_benefits: dict[str, int],
    cash_paise: int,
    gateway_id: str,
    now: datetime,
) -> int:
    """Returns what the mentor owes now of it."""
    uid = booking["mentorUid"]
    tx.prefetch(("payables", uid), ("receivables", uid))
    payable_paise = int((tx.get("payables", uid) or {"balancePaise": 0})["balancePaise"])
    owed_paise = max(0, back.mentor_paise - payable_paise)
    legs = (
        Leg(accounts.payable(uid), owed_paise - back.mentor_paise),
        Leg(accounts.receivable(uid), -owed_paise),
        Leg(accounts.PLATFORM_FEES, -back.fee_paise),
        Leg(accounts.TAX_GST, -back.gst_paise),
        Leg(accounts.GATEWAY_FEES, -back.gateway_paise),
        *(Leg(account, paise) for account, paise in to_benefits.items()),
        refunds.leg(gateway_id, cash_paise),
    )
    movement = Movement(
        f"booking:{booking['id']}:reverse:{given.refund_id}",
        "booking.reverse",
        tuple(leg for leg in legs if leg.amount_paise),
        {"booking": booking["id"], "mentor": uid, "refund": given.refund_id},
    )
    ledger.post_new(tx, movement, now=now)
    return owed_paise


def _difference(before: Parts, after: Parts) -> Parts:
    """What each gives back. Rounding may turn a paisa the other way; the sum is exact."""
    return Parts(
        before.mentor_paise - after.mentor_paise,
        before.fee_paise - after.fee_paise,
        before.gst_paise - after.gst_paise,
        before.gateway_paise - after.gateway_paise,
    )


def _kept(booking: Doc, terms: Doc) -> tuple[int, int]:
    """What was settled of a booking's hold, and what of that has gone back since."""
    if terms["settledAt"] is None:
        return 0, 0
    reversed_paise = int(booking.get("reversedPaise", 0))
    parts = ("mentorPaise", "platformFeePaise", "gstPaise", "gatewayFeePaise")
    return sum(terms[name] for name in parts) + reversed_paise, reversed_paise


def _returned(booking: Doc, before_paise: int, amount_paise: int) -> tuple[int, list[int]]:
    """What of it goes back in cash, and to each benefit: as much by Razorpay as it can refund, and nothing left over
    that it can't."""
    cash_paise, portions = benefits.returned(booking, before_paise, amount_paise)
    left_paise, left_portions = benefits.returned(
        booking, before_paise + amount_paise, booking["totalPaise"] - before_paise - amount_paise
    )
    back_paise = cash_paise + benefits.of_package(booking, portions)
    left_paise += benefits.of_package(booking, left_portions)
    for paise, what in ((back_paise, "goes back"), (left_paise, "stays")):
        if 0 < paise < benefits.LEAST_PAYMENT_PAISE:
            raise BadRequest.field("amount", f"Razorpay refunds no less than 1 INR, and {rupees(paise)} {what} in cash")
    return cash_paise, portions


def _booking(tx: Tx, booking_id: str) -> Doc:
    booking = repository.find(tx, booking_id)
    if booking is None:
        if tx.get(COLLECTION, booking_id) is not None:
            raise Conflict("a refund can't be refunded", code="REFUND_NOT_REFUNDABLE")
        raise NotFound("there is no such booking", code="BOOKING_NOT_FOUND")
    if booking["isOpen"]:
        raise Conflict("the booking is not over; cancel it, or wait for its end", code="BOOKING_NOT_ENDED")
    return booking


def _amount(given: Request, kept_paise: int, reversed_paise: int) -> int:
    left_paise = kept_paise - reversed_paise
    if kept_paise == 0:
        raise Conflict("nothing of this booking's price was kept", code="NOTHING_TO_REFUND")
    if left_paise == 0:
        raise Conflict("the booking is refunded already", code="ALREADY_REFUNDED")
    amount_paise = left_paise if given.amount_paise is None else given.amount_paise
    if amount_paise > left_paise:
        raise BadRequest.field("amount", f"must be at most {rupees(left_paise)}, which is what is left to refund")
    return amount_paise


def _recorded(tx: Tx, given: Request) -> Doc | None:
    # The booking first: who has its lock sees the record of whoever had it before.
    tx.get("bookings", given.booking_id)
    return tx.get(COLLECTION, given.refund_id)


def _repeat(recorded: Doc, given: Request) -> Doc:
    same_amount = given.amount_paise in {None, recorded["amountPaise"]}
    if recorded["bookingId"] != given.booking_id or not same_amount:
        raise Conflict("this refund id was used for another refund", code="REFUND_DIFFERS")
    return {**recorded, "id": given.refund_id}
