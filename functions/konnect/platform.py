"""The platform's configuration: config/platform, with defaults; read at most once a minute an instance."""

import re
import threading
import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from .money import Rupees, RupeesOrZero, to_paise
from .store import Database, Tx

CACHE_S = 60.0
# Of the braces, only those of the known names.
_FALLBACK_URL = re.compile(r"https://[^\s{}/?#@\\]+/(?:[^\s{}\\]|\{(?:roomName|bookingId|mentorId)\})*")
_ROOM_FIELD = re.compile(r"\{(?:roomName|bookingId|mentorId)\}")


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

    proPrice: Rupees = 499  # noqa: N815
    proMinutes: int = Field(  # noqa: N815
        default=30, ge=0, le=1000, description="Of sessions, included in a month of the plan. Paid months keep theirs."
    )
    proDiscountPercent: float = Field(  # noqa: N815
        default=10, ge=0, le=100, description="On further sessions."
    )
    premiumPrice: Rupees = 999  # noqa: N815
    premiumMinutes: int = Field(default=60, ge=0, le=1000)  # noqa: N815
    premiumDiscountPercent: float = Field(default=15, ge=0, le=100)  # noqa: N815
    premiumHorizonDays: int = Field(  # noqa: N815
        default=60, ge=1, le=365, description="Who has the plan books mentors so early; others by `bookingHorizonDays`."
    )

    tdsPercent: float = Field(  # noqa: N815
        default=1, ge=0, le=30, description="Withheld of what is paid out above the threshold."
    )
    tdsThreshold: RupeesOrZero = Field(  # noqa: N815
        default=50_000, description="Paid to one person in a financial year (April to March) without TDS."
    )
    minPayout: Rupees = Field(  # noqa: N815
        default=500, ge=10, description="Less is carried over to the next weekly payout."
    )

    ratingWarnBelow: float = Field(  # noqa: N815
        default=3.5, ge=0, le=5, description="A mentor whose average rating is lower is warned, once."
    )
    ratingStopBelow: float = Field(  # noqa: N815
        default=3.0,
        ge=0,
        le=5,
        validate_default=True,
        description="And below this takes no bookings until an admin lifts it.",
    )
    ratingMinReviews: int = Field(  # noqa: N815
        default=5, ge=1, le=1000, description="With fewer reviews a rating has no consequences."
    )
    cancellationWarnPercent: float = Field(  # noqa: N815
        default=20, gt=0, le=101, description="A mentor who has called off so much of what is over is warned, once."
    )
    cancellationStopPercent: float = Field(  # noqa: N815
        default=40,
        gt=0,
        le=101,
        validate_default=True,
        description="And from this on takes no bookings until an admin lifts it; 101: never.",
    )
    cancellationMinEnded: int = Field(  # noqa: N815
        default=5, ge=1, le=1000, description="With fewer bookings that are over, the rate has no consequences."
    )

    callProvider: Literal["jitsi", "fallback"] = Field(  # noqa: N815
        default="jitsi", description="Of the calls of bookings: `fallback` while Jitsi is down."
    )
    callFallbackUrl: str = Field(  # noqa: N815
        default="",
        max_length=500,
        validate_default=True,
        description="Where calls are then: an https address with {roomName}, {bookingId} or {mentorId} in it, so that "
        "no two of them meet in one room.",
        examples=["https://meet.example.com/{roomName}"],
    )
    invoiceSellerName: str = Field(  # noqa: N815
        default="Konnect", min_length=1, max_length=120, description="Of who sells, on invoices made from now on."
    )
    invoiceSellerAddress: str = Field(  # noqa: N815
        default="", max_length=300, description="On as many lines as it has."
    )
    invoiceSellerGstin: str = Field(  # noqa: N815
        default="",
        pattern=r"^([0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]Z[0-9A-Z])?$",
        description="Without it they are no tax invoices.",
        examples=["29ABCDE1234F1Z5"],
    )
    invoiceSellerState: str = Field(  # noqa: N815
        default="", max_length=60, description="With its code: the place of supply.", examples=["Karnataka (29)"]
    )
    invoiceTax: Literal["cgst_sgst", "igst"] = Field(  # noqa: N815
        default="cgst_sgst", description="How the GST in them is named."
    )

    recordingDays: int = Field(  # noqa: N815
        default=30, ge=1, le=365, description="A recording is deleted so many days after it was made."
    )

    maskContacts: Literal["nowhere", "bookings", "everywhere"] = Field(  # noqa: N815
        default="bookings",
        description="Where mail addresses and phone numbers are put out of sight: in conversations of bookings and "
        "mentors' public texts, or also in sessions' chats.",
    )

    @field_validator("ratingStopBelow")
    @classmethod
    def _warned_before(cls, value: float, info: ValidationInfo) -> float:
        if value > info.data.get("ratingWarnBelow", value):
            raise ValueError("must not be more than ratingWarnBelow")
        return value

    @field_validator("cancellationStopPercent")
    @classmethod
    def _warned_earlier(cls, value: float, info: ValidationInfo) -> float:
        if value < info.data.get("cancellationWarnPercent", value):
            raise ValueError("must not be less than cancellationWarnPercent")
        return value

    @field_validator("callFallbackUrl")
    @classmethod
    def _leads_to_a_room(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("callProvider") == "fallback":
            raise ValueError("is needed for callProvider fallback")
        if value and not (_FALLBACK_URL.fullmatch(value) and _ROOM_FIELD.search(value)):
            raise ValueError("must be an https address with {roomName}, {bookingId} or {mentorId} in it")
        return value

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
