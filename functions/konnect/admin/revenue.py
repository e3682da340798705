"""Pure part of revenue: from a day's ledger sums to gross, fee, refunds and net, and days into weeks and months."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from konnect.ledger import accounts
from konnect.money import rupees

Period = Literal["daily", "weekly", "monthly"]
Source = Literal["sessions", "bookings", "consults", "courses"]
# A kind of movement begins with what is sold: "session.settle".
SOURCES: dict[str, str] = {"session": "sessions", "booking": "bookings", "consult": "consults", "course": "courses"}
_FEES = accounts.PLATFORM_FEES


@dataclass(frozen=True)
class Revenue:
    """Paise. `gross`: what users paid; `fee`: the platform's part of it; `refunds`: what went back to users, of it
    `fee_refunded` from the platform; `net`: what stays with the platform."""

    gross: int = 0
    fee: int = 0
    refunds: int = 0
    fee_refunded: int = 0

    @property
    def net(self) -> int:
        return self.fee - self.fee_refunded

    def __add__(self, other: "Revenue") -> "Revenue":
        return Revenue(
            self.gross + other.gross,
            self.fee + other.fee,
            self.refunds + other.refunds,
            self.fee_refunded + other.fee_refunded,
        )

    def as_json(self) -> dict[str, Any]:
        named = {
            "gross": self.gross,
            "fee": self.fee,
            "refunds": self.refunds,
            "feeRefunded": self.fee_refunded,
            "net": self.net,
        }
        return {
            **{name: rupees(paise) for name, paise in named.items()},
            **{f"{name}Paise": paise for name, paise in named.items()},
        }


def of(sums: Mapping[str, int], source: str | None = None) -> Revenue:
    """The revenue in a day's sums ("kind class±", see ledger.days), of one source or of all."""
    found = dict.fromkeys(("gross", "fee", "refunds", "fee_refunded"), 0)
    for name, paise in sums.items():
        kind, _, leg = name.partition(" ")
        if kind.partition(".")[0] not in [key for key, value in SOURCES.items() if source in {None, value}]:
            continue
        if leg == f"{_FEES}+":
            found["fee"] += paise
        elif leg == f"{_FEES}-":
            found["fee_refunded"] += paise
        elif kind.endswith(".settle") and leg == "hold-":
            found["gross"] += paise
        elif kind.endswith(".refund") and leg == "wallet+":
            found["refunds"] += paise
    return Revenue(**found)


def deposits(sums: Mapping[str, int]) -> int:
    return sums.get("deposit wallet+", 0)


def withdrawals(sums: Mapping[str, int]) -> int:
    """What left for experts' bank accounts."""
    return sums.get("withdrawal.paid payout-", 0) - sums.get("withdrawal.reversed wallet+", 0)


def span(period: Period, day: date) -> tuple[date, date]:
    """First and last day of the day, week (from Monday) or month that a business day is in."""
    if period == "daily":
        return day, day
    if period == "weekly":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=6)
    following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day.replace(day=1), following - timedelta(days=1)


def each_day(first: date, last: date) -> Iterable[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def series(
    days: Mapping[str, Mapping[str, int]], period: Period, first: date, last: date, source: str | None
) -> list[dict[str, Any]]:
    """One entry a period from `first` to `last`, oldest first, cut to these days, empty ones included."""
    periods: dict[tuple[date, date], Revenue] = {}
    for day in each_day(first, last):
        key = span(period, day)
        periods[key] = periods.get(key, Revenue()) + of(days.get(day.isoformat(), {}), source)
    return [
        {
            "from": max(begin, first).isoformat(),
            "to": min(end, last).isoformat(),
            **revenue.as_json(),
        }
        for (begin, end), revenue in periods.items()
    ]
