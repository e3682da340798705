"""A payout's statement: every line and the totals, as they were when it was opened, as CSV rows or as a PDF.

Days and times are those of India.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from konnect import clock
from konnect.money import CURRENCY, inr, rupees
from konnect.payouts import repository as payouts
from konnect.store import Doc

from . import history

COLUMNS = (
    "line", "bookingId", "sessionAt", "settledAt", "minutes", "topic", "amount", "commission", "gstInCommission",
    "gatewayFee", "refunded", "earned",
)  # fmt: skip
_SUMS = ("grossPaise", "commissionPaise", "gstPaise", "gatewayFeePaise", "reversedPaise", "mentorPaise")


def name(payout: Doc) -> str:
    """The file's, without its ending."""
    about = payout.get("about")
    day = about["period"]["end"] if about else clock.business_day(payout["createdAt"]).isoformat()
    return f"{'earnings' if about else 'withdrawal'}-{day}-{payout['id'][:8]}"


def rows(payout: Doc, lines: list[Doc]) -> Iterator[list[Any]]:
    """The CSV's rows; those of a booking, then the totals, whose amounts are in the last column."""
    for line in lines:
        yield [
            "session",
            line["bookingId"],
            _moment(line["scheduledAt"]),
            _moment(line["settledAt"]),
            line["duration"],
            line["topic"],
            *(rupees(line[field]) for field in _SUMS),
        ]
    about = payout.get("about")
    if about:
        yield ["sum of sessions", *[""] * 5, *(rupees(about[field]) for field in _SUMS)]
    for label, paise in totals(payout)[1 if about else 0 :]:
        yield [label, *[""] * 10, rupees(paise)]


def totals(payout: Doc) -> list[tuple[str, int]]:
    """From what was earned to what is sent to the bank, in paise, signed."""
    about, gross_paise = payout.get("about") or {}, payouts.returned(payout)
    tds_paise = gross_paise - payout["amountPaise"]
    found = [("earned" if about else "withdrawn", about.get("mentorPaise", gross_paise))]
    for label, paise in (
        ("refunds and debts taken before", -about.get("takenPaise", 0)),
        ("debts taken with this payout", -about.get("debtPaise", 0)),
        (_tds_label(payout), -tds_paise),
    ):
        if paise:
            found.append((label, paise))
    return [*found, ("paid out", payout["amountPaise"])]


def pdf(payout: Doc, lines: list[Doc], name: str) -> bytes:
    """`name`: whose statement it is."""
    from konnect.documents.pdf import Pdf

    view, about = history.view(payout), payout.get("about")
    title = "Statement of earnings" if about else "Statement of a withdrawal"
    document = Pdf(title, f"Payout {payout['id']}", created=payout["createdAt"])
    facts = [("Paid to", name), ("Date", _day(clock.business_day(payout["createdAt"])))]
    if about:
        start, end = (date.fromisoformat(about["period"][edge]) for edge in ("start", "end"))
        facts += [("Period", f"{_day(start)} to {_day(end)}"), ("Sessions", str(about["bookings"]))]
    facts += [("Status", view["status"].capitalize()), ("Account", view["destination"] or "-")]
    facts.append(("The bank's reference", view["transactionId"] or "-"))
    if payout.get("tds"):
        facts.append(("Financial year", payout["tds"]["financialYear"]))
    if view["failureReason"]:
        facts.append(("Reason", view["failureReason"]))
    document.facts(facts)
    if lines:
        document.table(
            ("Session", "Booking", "Topic", "Amount", "Commission", "Gateway", "Earned"),
            [_row(line) for line in lines],
            aligns="LLLRRRR",
            widths=(16, 20, 22, 14, 14, 12, 14),
        )
    sums = totals(payout)
    if about:
        divided = [("Sessions", about["grossPaise"]), ("Commission", -about["commissionPaise"])]
        sums = [*divided, ("Payment gateway's fee", -about["gatewayFeePaise"]), *sums]
    document.totals([(label[0].upper() + label[1:], inr(paise)) for label, paise in sums])
    if about and about["gstPaise"]:
        document.note(f"The commission contains {inr(about['gstPaise'])} of GST.")
    if about and about["reversedPaise"]:
        document.note(f"Amounts are net of {inr(about['reversedPaise'])} that was refunded to students.")
    document.note(f"All amounts are in {CURRENCY}, all days those of India.")
    return document.bytes()


def _row(line: Doc) -> list[str]:
    amounts = ("grossPaise", "commissionPaise", "gatewayFeePaise", "mentorPaise")
    at = line["scheduledAt"] or line["settledAt"]
    minutes = f"{line['duration']} min" if line["duration"] else ""
    return [
        f"{at.astimezone(clock.INDIA):%d %b %Y %H:%M}",
        line["bookingId"],
        ", ".join(part for part in (line["topic"], minutes) if part),
        *(inr(line[field]) for field in amounts),
    ]


def _tds_label(payout: Doc) -> str:
    tds = payout.get("tds") or {}
    return f"TDS ({tds.get('percent', 0):g} % of {inr(tds.get('taxedPaise', 0))})"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(clock.INDIA):%Y-%m-%d %H:%M}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
