"""Dated rates: config/rates/rows/{moment}, written once and never changed. A booking freezes those of its own moment,
so that a change never alters one that is made already.

TDS is withheld from payouts, once a mentor's earnings of a financial year pass the threshold (section 194-O: 1 %).
"""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from konnect import clock
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


DEFAULT = Rates()
"""Of the time before the first row."""


def of(doc: Doc) -> Rates:
    """The rates that a document has frozen, or a row."""
    return Rates(**{one.name: doc.get(_camel(one.name), one.default) for one in fields(Rates)})


def at(db: Database, moment: datetime) -> Rates:
    """The rates that hold at a moment."""
    query = Query(_ROWS, (("from", "<=", moment),), (("from", "desc"),), limit=1)
    return next((of(row) for row in query.run(db)), DEFAULT)


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
    }
    rates = Rates(**wanted)
    if rates != current:
        tx.set((*_ROWS, clock.iso(now)), {**rates.fields, "from": now, "by": by, "createdAt": now})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
