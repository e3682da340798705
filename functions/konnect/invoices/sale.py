"""What a payment was for, as its invoice says it; by the kind of its order's purpose.

A further kind is a line in KINDS. Services that a mentor gives are the mentor's own, without GST here; the platform's
fee is what GST is on, whether the price contains it or the bill adds it (konnect.rates).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from konnect import clock
from konnect.bookings import pricing, settlement
from konnect.bookings import repository as bookings
from konnect.course_sales import purchase as purchases
from konnect.course_sales import shares
from konnect.courses import service as courses
from konnect.packages import repository as packages
from konnect.rates import service as rates
from konnect.store import Doc, Tx

SAC_SESSION, SAC_PLATFORM, SAC_PLAN = "999293", "998599", "998439"
"""Coaching, and courses; support services; on-line content: of the GST's classification of services."""


@dataclass(frozen=True)
class Line:
    """`amount_paise`: without GST. `gst_percent`: None where the platform owes none."""

    description: str
    sac: str | None
    amount_paise: int
    gst_percent: float | None = None

    @property
    def fields(self) -> Doc:
        return {
            "description": self.description,
            "sac": self.sac,
            "amountPaise": self.amount_paise,
            "gstPercent": self.gst_percent,
        }


@dataclass(frozen=True)
class Sale:
    """Lines, and the GST on them, less `credits` (what was not paid in money: {label, amountPaise}), are what was
    paid."""

    description: str
    lines: list[Line]
    gst_paise: int = 0
    credits: list[Doc] = field(default_factory=list)
    booking_id: str | None = None
    mentor_name: str | None = None
    course_id: str | None = None
    is_taxed: bool = True
    """False for what gets a receipt, without a number: money put aside, or on its way back."""


def of(tx: Tx, order: Doc, payment: Doc) -> Sale:
    """Raises KeyError for a kind of purpose that has no line here."""
    sale = KINDS[order["purpose"]["kind"]](tx, order, payment)
    total_paise = sum(line.amount_paise for line in sale.lines) + sale.gst_paise
    assert total_paise - sum(credit["amountPaise"] for credit in sale.credits) == payment["amountPaise"]
    return sale


def _deposit(tx: Tx, order: Doc, payment: Doc) -> Sale:
    line = Line("Money added to your wallet", None, payment["amountPaise"])
    return Sale("Wallet recharge", [line], is_taxed=False)


def _booking(tx: Tx, order: Doc, payment: Doc) -> Sale:
    booking = bookings.get(tx, order["purpose"]["bookingId"])
    about: dict[str, Any] = {"booking_id": booking["id"], "mentor_name": booking["mentorName"]}
    title = f"Session with {booking['mentorName']}, {booking['duration']} minutes"
    if payment["result"]["outcome"] != "seated":
        return _returned(title, payment, **about)
    bill = settlement.bill_of(tx, booking)
    when = f"{clock.in_india(booking['scheduledAt'])}, booking {booking['id']}"
    lines, gst_paise = _shared(f"{title}\n{when}", pricing.divide(bill.total_paise, bill), bill.rates)
    credits = [
        {"label": one["label"], "amountPaise": one["amountPaise"]} for one in booking["benefits"] if one["amountPaise"]
    ]
    return Sale(title, lines, gst_paise, credits, **about)


def _package(tx: Tx, order: Doc, payment: Doc) -> Sale:
    purchase = packages.get(tx, order["purpose"]["purchaseId"])
    many, mentor = purchase["sessions"], purchase["mentorName"]
    title = f"{many} sessions with {mentor}, {purchase['duration']} minutes each"
    if payment["result"]["outcome"] != "active":
        return _returned(title, payment, mentor_name=mentor)
    frozen = rates.of(packages.terms(tx, purchase["id"]))
    bill = pricing.Bill(purchase["sessionPricePaise"], purchase["sessionTotalPaise"], frozen)
    until = f"Valid until {clock.in_india(purchase['validUntil'])}"
    lines, gst_paise = _shared(f"{title}\n{until}", pricing.divide(bill.total_paise, bill), frozen, many)
    return Sale(title, lines, gst_paise, mentor_name=mentor)


def _subscription(tx: Tx, order: Doc, payment: Doc) -> Sale:
    purpose = order["purpose"]
    title = f"{purpose['planName']} plan, one month"
    if payment["result"]["outcome"] != "granted":
        return _returned(title, payment)
    gst_paise = payment["result"]["gstPaise"]
    span = f"{clock.in_india(purpose['periodStart'])} to {clock.in_india(purpose['periodEnd'])}"
    line = Line(f"{title}\n{span}", SAC_PLAN, payment["amountPaise"] - gst_paise, purpose["gstPercent"])
    return Sale(title, [line], gst_paise)


def _course(tx: Tx, order: Doc, payment: Doc) -> Sale:
    bought = purchases.get(tx, order["purpose"]["purchaseId"])
    title = f"Course: {bought['courseTitle']}"
    if payment["result"]["outcome"] != "sold":
        # Of a course that may be gone.
        return _returned(title, payment, course_id=bought["courseId"])
    educator = courses.get(tx, bought["courseId"])["instructor"]["name"]
    terms = shares.terms_of(bought)
    parts = shares.divide(bought["pricePaise"], terms)
    lines = [Line(f"{title}\nby {educator}, purchase {bought['id']}", SAC_SESSION, parts.educator_paise)]
    if parts.fee_paise:
        lines.append(Line("Platform fee", SAC_PLATFORM, parts.fee_paise, terms.gst_percent))
    return Sale(title, lines, parts.gst_paise, course_id=bought["courseId"], mentor_name=educator)


def _shared(description: str, parts: pricing.Parts, frozen: rates.Rates, many: int = 1) -> tuple[list[Line], int]:
    """The mentor's part and the platform's, `many` times, and the GST on the latter."""
    lines = [Line(description, SAC_SESSION, (parts.mentor_paise + parts.gateway_paise) * many)]
    if parts.fee_paise:
        lines.append(Line("Platform fee", SAC_PLATFORM, parts.fee_paise * many, frozen.gst_percent))
    return lines, parts.gst_paise * many


def _returned(title: str, payment: Doc, **about: Any) -> Sale:
    """Paid too late, or twice: nothing was sold."""
    line = Line(f"{title}\nThis payment could not be used, and goes back.", None, payment["amountPaise"])
    return Sale(title, [line], is_taxed=False, **about)


KINDS: dict[str, Callable[[Tx, Doc, Doc], Sale]] = {
    "deposit": _deposit,
    "booking": _booking,
    "package": _package,
    "subscription": _subscription,
    "course": _course,
}
