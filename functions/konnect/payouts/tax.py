"""TDS: what is withheld from payouts, of earnings and of withdrawals alike, once what was paid to somebody in a
financial year (April to March, in India) passes the threshold; nothing below it (PRD: 1 % above 50,000 INR a year).

taxYears/{uid}:{financial year} is {userId, financialYear, grossPaise, taxedPaise, tdsPaise, updatedAt}: what was paid,
before TDS, what of that tax was withheld for, and the tax. No client reads it. What a payout withholds is frozen with
it; one that fails gives it back, to the year that it was taken in.
"""

from dataclasses import dataclass
from datetime import datetime

from konnect import clock
from konnect.money import percent_of
from konnect.rates import service as rates
from konnect.rates.service import Rates
from konnect.store import Database, Doc, Tx

APRIL = 4


@dataclass(frozen=True)
class Year:
    """What was paid to somebody in a financial year."""

    gross_paise: int = 0
    taxed_paise: int = 0
    tds_paise: int = 0


@dataclass(frozen=True)
class Withheld:
    """Of one payout: `tds_paise`, for the `taxed_paise` of it that are above the threshold."""

    taxed_paise: int
    tds_paise: int


def financial_year(moment: datetime) -> str:
    """The financial year that a moment belongs to in India: "2026-27". Pure."""
    day = clock.business_day(moment)
    first = day.year if day.month >= APRIL else day.year - 1
    return f"{first}-{(first + 1) % 100:02}"


def withhold(year: Year, amount_paise: int, of: Rates) -> Withheld:
    """What is withheld of a further amount. Pure.

    Reckoned on the year's whole, so that an amount which came back leaves nothing taxed twice; and never on more than
    this amount, so that a lower threshold is for what is paid from then on.
    """
    above_paise = max(0, year.gross_paise + amount_paise - of.tds_threshold_paise)
    taxed_paise = min(amount_paise, max(0, above_paise - year.taxed_paise))
    return Withheld(taxed_paise, percent_of(taxed_paise, of.tds_percent))


def path(uid: str, now: datetime) -> tuple[str, ...]:
    return ("taxYears", f"{uid}:{financial_year(now)}")


def year_of(db: Database, uid: str, now: datetime) -> Year:
    """What was paid to somebody in this financial year."""
    return _year(db.get(*path(uid, now)))


def take(tx: Tx, uid: str, amount_paise: int, *, now: datetime) -> Doc:
    """Count an amount that is paid out now into its year. Returns what the payout keeps of it: {financialYear, percent,
    thresholdPaise, taxedPaise, tdsPaise}."""
    of, place = rates.within(tx, now), path(uid, now)
    year = _year(tx.get(*place))
    withheld = withhold(year, amount_paise, of)
    after = Year(
        year.gross_paise + amount_paise,
        year.taxed_paise + withheld.taxed_paise,
        year.tds_paise + withheld.tds_paise,
    )
    tx.set(place, _document(uid, financial_year(now), after, now))
    return {
        "financialYear": financial_year(now),
        "percent": of.tds_percent,
        "thresholdPaise": of.tds_threshold_paise,
        "taxedPaise": withheld.taxed_paise,
        "tdsPaise": withheld.tds_paise,
    }


def give_back(tx: Tx, uid: str, amount_paise: int, taken: Doc, *, now: datetime) -> None:
    """A payout has failed: its year is as if it had not been. `taken`: what `take` returned of it."""
    place = ("taxYears", f"{uid}:{taken['financialYear']}")
    year = _year(tx.get(*place))
    after = Year(
        year.gross_paise - amount_paise,
        year.taxed_paise - taken["taxedPaise"],
        year.tds_paise - taken["tdsPaise"],
    )
    tx.set(place, _document(uid, taken["financialYear"], after, now))


def _year(found: Doc | None) -> Year:
    return Year() if found is None else Year(found["grossPaise"], found["taxedPaise"], found["tdsPaise"])


def _document(uid: str, name: str, year: Year, now: datetime) -> Doc:
    return {
        "userId": uid,
        "financialYear": name,
        "grossPaise": year.gross_paise,
        "taxedPaise": year.taxed_paise,
        "tdsPaise": year.tds_paise,
        "updatedAt": now,
    }
