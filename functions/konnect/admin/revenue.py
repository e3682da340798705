"""Pure part of revenue: from a day's ledger sums to gross, fee, refunds and net, and days into weeks and months."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any, Literal

from konnect.ledger import accounts
from konnect.money import rupees

Period = Literal["daily", "weekly", "monthly"]
Source = Literal["sessions", "bookings", "packages", "subscriptions", "consults", "courses"]
# A kind of movement begins with what is sold: "session.settle".
SOURCES: dict[str, Source] = {
    "session": "sessions",
    "booking": "bookings",
    "package": "packages",
    "subscription": "subscriptions",
    "consult": "consults",
    "course": "courses",
}
_FEES = {accounts.PLATFORM_FEES, accounts.PLATFORM_SUBSCRIPTIONS}
_GATEWAYS = {accounts.GATEWAY_RAZORPAY, accounts.GATEWAY_STRIPE}
_REVERSED = {"refund", "reverse"}
"""What gives back of what was settled already; other kinds give back what was nobody's revenue yet."""


@dataclass(frozen=True)
class Revenue:
    """Paise. `received`: what was paid by the gateway, not from a wallet; `returned`: what went back of it before it
    was earned; `gross`: what users paid for what was delivered; `fee`: the platform's part of it, `gst` the tax on
    that, `gateway_fees` the gateway's part; `refunds`: what went back to users of the gross, of it `fee_refunded` and
    `gst_refunded` from the platform and the tax; `promotions`: what the platform paid for users (coupons, included
    minutes, discounts)."""

    received: int = 0
    returned: int = 0
    gross: int = 0
    fee: int = 0
    gst: int = 0
    gateway_fees: int = 0
    refunds: int = 0
    fee_refunded: int = 0
    gst_refunded: int = 0
    promotions: int = 0

    @property
    def commission(self) -> int:
        """The platform's part as prices are made of it, with the tax on it."""
        return self.fee + self.gst

    @property
    def net(self) -> int:
        """What stays with the platform."""
        return self.fee - self.fee_refunded - self.promotions

    def __add__(self, other: "Revenue") -> "Revenue":
        return Revenue(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Revenue)))

    def as_json(self) -> dict[str, Any]:
        named = {
            "received": self.received,
            "returned": self.returned,
            "gross": self.gross,
            "commission": self.commission,
            "fee": self.fee,
            "gst": self.gst,
            "gatewayFees": self.gateway_fees,
            "refunds": self.refunds,
            "feeRefunded": self.fee_refunded,
            "gstRefunded": self.gst_refunded,
            "promotions": self.promotions,
            "net": self.net,
        }
        return {
            **{name: rupees(paise) for name, paise in named.items()},
            **{f"{name}Paise": paise for name, paise in named.items()},
        }


def of(sums: Mapping[str, int], source: str | None = None) -> Revenue:
    """The revenue in a day's sums ("kind class±", see ledger.days), of one source or of all."""
    found = {one.name: 0 for one in fields(Revenue)}
    for name, paise in sums.items():
        kind, _, leg = name.partition(" ")
        sold, _, verb = kind.partition(".")
        if sold not in SOURCES or source not in {None, SOURCES[sold]}:
            continue
        for part, amount_paise in _parts(sold, verb.partition(".")[0], leg[:-1], leg.endswith("+"), paise):
            found[part] += amount_paise
    return Revenue(**found)


def _parts(sold: str, verb: str, account: str, added: bool, paise: int) -> Iterable[tuple[str, int]]:
    """What one sum adds to which parts of the revenue."""
    if account in _FEES or account == accounts.TAX_GST:
        part = "fee" if account in _FEES else "gst"
        yield (part if added else f"{part}_refunded", paise)
        if sold == "subscription" and added:
            # Without a hold, since a period is earned when it is paid.
            yield ("gross", paise)
    elif account == accounts.GATEWAY_FEES:
        yield ("gateway_fees", paise if added else -paise)
    elif account == accounts.PLATFORM_PROMOTIONS:
        yield ("promotions", -paise if added else paise)
    elif account == accounts.PLATFORM_ADJUSTMENTS and not added:
        # A refund that was made by hand at the gateway: the platform bears it.
        yield ("fee_refunded", paise)
    elif account in _GATEWAYS:
        if not added:
            yield ("received", paise)
            if sold == "course" and verb == "pay":
                yield ("gross", paise)
        elif verb in _REVERSED:
            yield ("refunds", paise)
    elif sold == "course" and verb == "pay":
        # Without a hold, too: what a wallet gets by it is the educator's share.
        if account == "wallet" and not added:
            yield ("gross", paise)
    elif verb == "settle":
        if account == "hold" and not added:
            yield ("gross", paise)
    elif added and account in {"wallet", "refund"}:
        yield ("refunds" if verb in _REVERSED else "returned", paise)
    elif added and account == "hold" and verb in _REVERSED:
        # Of a session of a package, which has it again.
        yield ("refunds", paise)


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
