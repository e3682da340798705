"""Dated rates: config/rates/rows/{moment}, written once and never changed. A booking freezes those of its own moment,
so that a change never alters one that is made already.

TDS is withheld from payouts, once what is paid to somebody in a financial year passes the threshold (PRD: 1 % above
50,000 INR).
"""

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from konnect import clock
from konnect.money import percent_of, to_paise
from konnect.platform import PlatformConfig
from konnect.store import Database, Doc, Query, Tx

_ROWS = ("config", "rates", "rows")


@dataclass(frozen=True)
class Rates:
    """Percent of a booking's price (commission, gateway), of the commission (GST), of earnings (TDS)."""

    commission_percent: float = 20
    gateway_percent: float = 2
    gst_percent: float = 18
    gst_added_to_bill: bool = False
    new_mentor_free_days: int = 0
    tds_percent: float = 1
    tds_threshold_paise: int = 50_000_00

    @property
    def fields(self) -> Doc:
        """As documents have them."""
        return {_camel(name): value for name, value in asdict(self).items()}

    def total_of(self, price_paise: int) -> int:
        """What a student is billed for a mentor's price: GST is added to it where that is so configured."""
        if not self.gst_added_to_bill:
            return price_paise
        return price_paise + percent_of(percent_of(price_paise, self.commission_percent), self.gst_percent)


DEFAULT = Rates()
"""Of the time before the first row."""


def of(doc: Doc) -> Rates:
    """The rates that a document has frozen, or a row."""
    return Rates(**{one.name: doc.get(_camel(one.name), one.default) for one in fields(Rates)})


def at(db: Database, moment: datetime) -> Rates:
    """The rates that hold at a moment."""
    return _first(_until(moment).run(db))


def within(tx: Tx, moment: datetime) -> Rates:
    """The same, in a transaction."""
    return _first(tx.query(_until(moment)))


def of_mentor(rates: Rates, expert: Doc, now: datetime) -> Rates:
    """The rates of a booking with a mentor: a new one's commission can be waived."""
    waived = now < expert["createdAt"] + timedelta(days=rates.new_mentor_free_days)
    return replace(rates, commission_percent=0) if waived else rates


def changed(tx: Tx, config: PlatformConfig, *, by: str, now: datetime) -> None:
    """The configuration has changed: from `now` on its rates hold, if they are others than before."""
    query = Query(_ROWS, order=(("from", "desc"),), limit=1)
    rows = tx.query(query)
    current = of(rows[0]) if rows else DEFAULT
    wanted: dict[str, Any] = {
        **asdict(current),
        "commission_percent": config.commissionPercent,
        "gateway_percent": config.gatewayFeePercent,
        "gst_percent": config.gstPercent,
        "gst_added_to_bill": config.gstAddedToBill,
        "new_mentor_free_days": config.newMentorFreeDays,
        "tds_percent": config.tdsPercent,
        "tds_threshold_paise": to_paise(config.tdsThreshold),
    }
    rates = Rates(**wanted)
    if rates != current:
        tx.set((*_ROWS, clock.iso(now)), {**rates.fields, "from": now, "by": by, "createdAt": now})


def _until(moment: datetime) -> Query:
    return Query(_ROWS, (("from", "<=", moment),), (("from", "desc"),), limit=1)


def _first(rows: list[Doc]) -> Rates:
    return of(rows[0]) if rows else DEFAULT


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
