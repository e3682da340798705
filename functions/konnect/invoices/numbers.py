"""Numbers of invoices and credit notes: consecutive in their series, which are new in each financial year of India, as
rule 46 of the GST rules asks (at most 16 characters). 2627/B/000031 is the 31st of series B of 2026–27, 2627/CB/000004
a credit note.

Several series, since one counter takes about one write a second. A number is taken in the transaction that creates what
bears it, so none is skipped and none is given twice.
"""

from datetime import datetime

from konnect import clock, ids
from konnect.store import Tx

SERIES = "ABCD"
PREFIX = {"invoice": "", "credit_note": "C"}
APRIL = 4


def financial_year(moment: datetime) -> str:
    """As numbers have it: "2627" from 1 April 2026 to 31 March 2027, in India."""
    day = clock.business_day(moment)
    first = day.year if day.month >= APRIL else day.year - 1
    return f"{first % 100:02}{(first + 1) % 100:02}"


def take(tx: Tx, type: str, about: str, *, now: datetime) -> str:
    """The next number. `about`: the id of what bears it, which chooses the series."""
    year = financial_year(now)
    series = PREFIX[type] + SERIES[int(ids.digest("series", about)[:8], 16) % len(SERIES)]
    path = ("counters", f"invoices-{year}-{series}")
    number = int((tx.get(*path) or {"last": 0})["last"]) + 1
    tx.set(path, {"last": number, "updatedAt": now})
    return f"{year}/{series}/{number:06}"
