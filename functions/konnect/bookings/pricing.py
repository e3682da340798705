"""What a booking's price comes to. Pure; amounts are paise, each rounded half up, the remainder is the mentor's.

Of 1,000 INR: commission 200, of which 30.51 are GST, gateway 20, mentor 780 (PRD 12.1). Where GST is added to the bill,
the student pays 1,036, the commission is 200 without GST, and the rest is the same.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from konnect.money import percent_of
from konnect.rates.service import Rates


@dataclass(frozen=True)
class Bill:
    """What a student pays, `total_paise`, for a mentor's `price_paise`."""

    price_paise: int
    total_paise: int
    rates: Rates


@dataclass(frozen=True)
class Parts:
    """What an amount that was paid is divided into; they add up to it. `fee_paise` is the commission without GST."""

    mentor_paise: int
    fee_paise: int
    gst_paise: int
    gateway_paise: int

    @property
    def total_paise(self) -> int:
        return self.mentor_paise + self.fee_paise + self.gst_paise + self.gateway_paise


def bill(price_paise: int, rates: Rates) -> Bill:
    return Bill(price_paise, rates.total_of(price_paise), rates)


def divide(kept_paise: int, of: Bill) -> Parts:
    """The whole of a bill, or what is kept of it after a cancellation: it is divided as a price of that amount."""
    assert 0 <= kept_paise <= of.total_paise
    rates = of.rates
    price_paise = _half_up(Decimal(of.price_paise * kept_paise) / of.total_paise)
    commission_paise = percent_of(price_paise, rates.commission_percent)
    if rates.gst_added_to_bill:
        fee_paise, gst_paise = commission_paise, kept_paise - price_paise
    else:
        percent = Decimal(str(rates.gst_percent))
        gst_paise = _half_up(commission_paise * percent / (100 + percent))
        fee_paise = commission_paise - gst_paise
    # A few paise can round both up.
    gateway_paise = min(percent_of(price_paise, rates.gateway_percent), price_paise - commission_paise)
    return Parts(price_paise - commission_paise - gateway_paise, fee_paise, gst_paise, gateway_paise)


def _half_up(exact: Decimal) -> int:
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
