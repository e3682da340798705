"""The platform's configuration: config/platform, with defaults; read at most once a minute an instance."""

import threading
import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .money import Rupees, to_paise
from .store import Database, Tx

CACHE_S = 60.0


class PlatformConfig(BaseModel):
    """Numbers an admin may change. Defaults are the product's (specs of Konnect, configuration)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    maxConcurrentMentors: int = Field(default=50, ge=1)  # noqa: N815 - the wire's names
    maxSessionsPerMentor: int = Field(default=1, ge=1, le=10)  # noqa: N815
    defaultPricePerMin: Rupees = 10  # noqa: N815
    platformFeePercent: float = Field(default=20, ge=0, le=100)  # noqa: N815
    maxSessionDurationMins: int = Field(default=120, ge=1, le=24 * 60)  # noqa: N815
    acceptSeconds: int = Field(  # noqa: N815
        default=60, ge=15, le=300, description="How long an expert who accepts by hand has for a request."
    )
    freeIntroMinutes: int = Field(  # noqa: N815
        default=0, ge=0, le=10, description="Of a user's first session by the minute, so many minutes are free."
    )
    promotionalPricePerMin: Rupees | None = Field(  # noqa: N815
        default=None, description="Of the minutes after the free ones; never more than the expert's price. Null: none."
    )
    promotionalMinutes: int = Field(  # noqa: N815
        default=5, ge=1, le=60, description="How many minutes have the promotional price."
    )

    bookingNoticeMins: int = Field(  # noqa: N815
        default=15, ge=0, le=7 * 24 * 60, description="A session is booked at least so long before."
    )
    bookingHorizonDays: int = Field(  # noqa: N815
        default=30, ge=1, le=90, description="And at most so long before."
    )
    bookingBufferMins: int = Field(  # noqa: N815
        default=5, ge=0, le=60, description="A session by the minute ends so long before a booked one."
    )
    noShowMins: int = Field(  # noqa: N815
        default=10, ge=1, le=60, description="Who has not come so long after the time of a booked session won't come."
    )
    userNoShowChargePercent: float = Field(  # noqa: N815
        default=100, ge=0, le=100, description="Of the price, what a user pays who does not come."
    )

    commissionPercent: float = Field(  # noqa: N815
        default=20, ge=0, le=50, description="Of the price of a booking. Bookings that are made already keep theirs."
    )
    gatewayFeePercent: float = Field(  # noqa: N815
        default=2, ge=0, le=10, description="Of the price of a booking, what the payment gateway keeps."
    )
    gstPercent: float = Field(  # noqa: N815
        default=18, ge=0, le=50, description="GST on the commission."
    )
    gstAddedToBill: bool = Field(  # noqa: N815
        default=False, strict=True, description="The student pays it on top; else the commission contains it."
    )
    newMentorFreeDays: int = Field(  # noqa: N815
        default=0, ge=0, le=365, description="For so many days after a mentor's profile began, no commission."
    )
    minBookingPrice: Rupees = 300  # noqa: N815
    maxBookingPrice: Rupees = 3000  # noqa: N815

    maskContacts: Literal["nowhere", "bookings", "everywhere"] = Field(  # noqa: N815
        default="bookings",
        description="Where mail addresses and phone numbers are put out of sight: in conversations of bookings and "
        "mentors' public texts, or also in sessions' chats.",
    )

    @property
    def default_price_paise(self) -> int:
        return to_paise(self.defaultPricePerMin)


_cache: dict[str, tuple[float, PlatformConfig]] = {}
_lock = threading.Lock()


def platform_config(db: Database) -> PlatformConfig:
    """The configuration, at most a minute old."""
    with _lock:
        cached = _cache.get(db.project)
    if cached and time.monotonic() - cached[0] < CACHE_S:
        return cached[1]
    config = PlatformConfig.model_validate(db.get("config", "platform") or {})
    with _lock:
        _cache[db.project] = (time.monotonic(), config)
    return config


def forget(db: Database) -> None:
    """Drop what this instance remembers, after the document was changed here."""
    with _lock:
        _cache.pop(db.project, None)


def change(tx: Tx, fields: dict[str, Any], **about: Any) -> PlatformConfig:
    """Write changed fields as the next version; each stays under config/platform/versions/{n}. `about`: who and when.

    Raises ValueError (pydantic's) for a value out of range.
    """
    before = tx.get("config", "platform") or {}
    config = PlatformConfig.model_validate({**before, **fields})
    written = {**config.model_dump(), "version": before.get("version", 0) + 1, **about}
    tx.set(("config", "platform"), written)
    tx.create(("config", "platform", "versions", str(written["version"])), written)
    return config
