"""What a course's price is divided into. Pure; amounts are paise, rounded half up, the remainder is the educator's.

The platform's fee is `platformFeePercent` of the price, as for whatever is earned into the wallet; the GST on it is
contained in it (`gstPercent` of rates), as in the commission of a booking. Of 1,000 INR with 20 % and 18 %: the
educator 800, the fee 169.49, the GST 30.51. A learner pays the price, whatever `gstAddedToBill` says of bookings.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from konnect.money import percent_of
from konnect.store import Doc


@dataclass(frozen=True)
class Terms:
    """Frozen when a purchase is begun."""

    fee_percent: float
    gst_percent: float

    @property
    def fields(self) -> Doc:
        return {"platformFeePercent": self.fee_percent, "gstPercent": self.gst_percent}


@dataclass(frozen=True)
class Shares:
    """They add up to the amount. `fee_paise` is without the GST."""

    educator_paise: int
    fee_paise: int
    gst_paise: int

    @property
    def total_paise(self) -> int:
        return self.educator_paise + self.fee_paise + self.gst_paise

    @property
    def fields(self) -> Doc:
        return {"educatorPaise": self.educator_paise, "platformFeePaise": self.fee_paise, "gstPaise": self.gst_paise}

    def __sub__(self, other: "Shares") -> "Shares":
        return Shares(
            self.educator_paise - other.educator_paise,
            self.fee_paise - other.fee_paise,
            self.gst_paise - other.gst_paise,
        )


def terms_of(purchase: Doc) -> Terms:
    """As the purchase has frozen them."""
    return Terms(purchase["platformFeePercent"], purchase["gstPercent"])


def divide(amount_paise: int, terms: Terms) -> Shares:
    """A price, or what is kept of it after a refund: it is divided as a price of that amount."""
    commission_paise = percent_of(amount_paise, terms.fee_percent)
    percent = Decimal(str(terms.gst_percent))
    exact = commission_paise * percent / (100 + percent)
    gst_paise = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return Shares(amount_paise - commission_paise, commission_paise - gst_paise, gst_paise)
