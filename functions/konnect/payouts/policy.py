"""How a payout is sent, what the provider's states mean for it, and when it is asked about. Pure."""

from datetime import datetime, timedelta
from typing import Literal

Method = Literal["bank_transfer", "upi"]
Meaning = Literal["waits", "paid", "returned"]

LEAST_PAISE = 1_00
"""The provider takes no less."""
UPI_LIMIT_PAISE = 1_00_000_00
IMPS_LIMIT_PAISE = 5_00_000_00
"""NPCI's limits of one transfer; NEFT has none."""

LEASE_S = 120
"""Longer than an attempt takes: two look-ups and the payout, each with the provider's time-out."""
SETTLES_AFTER = timedelta(minutes=15)
"""Longer than any function lives, so than any request to the provider: one whose outcome is unknown has arrived by
then, or never will."""
FIRST_CHECK = timedelta(minutes=10)
LONGEST_WAIT = timedelta(hours=6)
LATE_CHECKS = (timedelta(days=1), timedelta(days=3), timedelta(days=7))
"""Banks return some transfers days later; should no webhook tell, these looks do."""

_RETURNED = {"reversed", "failed", "cancelled", "rejected"}


def mode(method: Method, amount_paise: int) -> str | None:
    """The fastest rail that carries the amount; None: none does (beyond what UPI allows)."""
    if method == "upi":
        return "UPI" if amount_paise <= UPI_LIMIT_PAISE else None
    return "IMPS" if amount_paise <= IMPS_LIMIT_PAISE else "NEFT"


def meaning(provider_status: str) -> Meaning:
    """What a state of the provider's says of the money. An unknown state, which a later version may bring, waits."""
    if provider_status == "processed":
        return "paid"
    return "returned" if provider_status in _RETURNED else "waits"


def next_check(since: datetime, now: datetime) -> datetime:
    """When an open payout is looked at again: at 10 minutes, then at twice its age, at least every 6 hours."""
    age = now - since
    return now + min(max(FIRST_CHECK - age, age, timedelta(minutes=1)), LONGEST_WAIT)


def next_late_check(paid_at: datetime, now: datetime) -> datetime | None:
    """When a paid one is looked at, for money that came back; None: not any more."""
    return next((paid_at + age for age in LATE_CHECKS if paid_at + age > now), None)


def settled_since(unknown_at: datetime | None, now: datetime) -> bool:
    """Whether no earlier attempt can still come about at the provider."""
    return unknown_at is None or now - unknown_at > SETTLES_AFTER
