"""Plans: what is sold by the month, and what it gives. Pure.

The numbers are the platform's configuration. A subscription freezes those of the moment in which it is made, and each
paid period keeps its own copy, so that a change never alters what somebody has paid for.
"""

from dataclasses import dataclass, replace
from typing import Literal

from konnect.money import rupees, to_paise
from konnect.platform import PlatformConfig
from konnect.store import Doc

PlanId = Literal["free", "pro", "premium"]


@dataclass(frozen=True)
class Plan:
    """`minutes` of sessions are included in each month; further ones cost `discount_percent` less. `horizon_days`: how
    early one can book, if that is earlier than everybody can; `recording`: calls can be recorded."""

    id: PlanId
    name: str
    price_paise: int = 0
    minutes: int = 0
    discount_percent: float = 0
    horizon_days: int = 0
    recording: bool = False

    @property
    def fields(self) -> Doc:
        """As documents have it."""
        return {
            "id": self.id,
            "name": self.name,
            "price": rupees(self.price_paise),
            "pricePaise": self.price_paise,
            "minutes": self.minutes,
            "discountPercent": self.discount_percent,
            "horizonDays": self.horizon_days,
            "recording": self.recording,
        }


FREE = Plan("free", "Free")
"""Of everybody who has paid for nothing."""


def of(doc: Doc) -> Plan:
    """As a document has frozen it."""
    return Plan(
        doc["id"],
        doc["name"],
        doc["pricePaise"],
        doc["minutes"],
        doc["discountPercent"],
        doc["horizonDays"],
        doc["recording"],
    )


def sold(config: PlatformConfig) -> dict[PlanId, Plan]:
    """All plans as they are now, by id, the cheapest first."""
    pro = Plan(
        "pro",
        "Pro",
        to_paise(config.proPrice),
        config.proMinutes,
        config.proDiscountPercent,
        config.bookingHorizonDays,
    )
    premium = Plan(
        "premium",
        "Premium",
        to_paise(config.premiumPrice),
        config.premiumMinutes,
        config.premiumDiscountPercent,
        max(config.premiumHorizonDays, config.bookingHorizonDays),
        recording=True,
    )
    return {"free": replace(FREE, horizon_days=config.bookingHorizonDays), "pro": pro, "premium": premium}
