"""What a mentor takes for a booking, by its length: `pricing` on experts/{id}, {"30": rupees, "60": rupees}, with its
twin `pricingPaise`. Who has no prices can't be booked so."""

from collections.abc import Mapping
from datetime import datetime

from konnect.errors import BadRequest
from konnect.money import rupees, to_paise
from konnect.platform import PlatformConfig
from konnect.store import Doc, Tx

from .service import not_found


def of(expert: Doc) -> dict[int, int]:
    """Paise by minutes."""
    return {int(minutes): paise for minutes, paise in (expert.get("pricingPaise") or {}).items()}


def fields(wanted: Mapping[int, int], config: PlatformConfig) -> Doc:
    """The profile's fields for prices in paise. Raises BadRequest (pricing.30, pricing.60)."""
    for minutes, paise in wanted.items():
        if not to_paise(config.minBookingPrice) <= paise <= to_paise(config.maxBookingPrice):
            limits = f"must be from {config.minBookingPrice:g} to {config.maxBookingPrice:g} INR"
            raise BadRequest.field(f"pricing.{minutes}", limits)
    return {
        "pricing": {str(minutes): rupees(paise) for minutes, paise in wanted.items()},
        "pricingPaise": {str(minutes): paise for minutes, paise in wanted.items()},
    }


def change(tx: Tx, expert_id: str, wanted: Mapping[int, int], config: PlatformConfig, *, now: datetime) -> None:
    """Set all prices of a mentor, in paise by minutes; a length that is left out can't be booked any more. Bookings
    keep theirs. Raises BadRequest, NotFound."""
    if tx.get("experts", expert_id) is None:
        raise not_found()
    tx.update(("experts", expert_id), {**fields(wanted, config), "updatedAt": now})
