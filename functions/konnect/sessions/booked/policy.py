"""Pure rules of a booked session's money. Amounts are paise; what goes back and what is kept make up the price.

Cancelled by the user more than 24 h before: all goes back; from 24 h to 4 h, both included, half; later nothing; by the
expert always all. At the start and after it, neither of them cancels.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from konnect.money import percent_of

SHORTEST_MINS = 5
REMIND_MINS = 15
"""Both are reminded so long before."""
PATIENCE_MINS = 1
"""Who has waited so long for somebody who is away may go: what follows is not their doing."""
FULL_MINS = 24 * 60
HALF_MINS = 4 * 60

By = Literal["user", "expert", "platform"]
Outcome = Literal["expert-no-show", "user-no-show", "not-started"]
"""Why a session has not taken place. "not-started": not by the fault of one side (evidence.py)."""


@dataclass(frozen=True)
class Split:
    """What the price comes to: `kept` is settled between the expert and the platform."""

    kept_paise: int
    returned_paise: int


def cancellation(price_paise: int, *, by: By, ahead: timedelta, minute_s: float) -> Split | None:
    """What a cancellation `ahead` of the start keeps; None: it is too late for one."""
    if by == "platform":
        return Split(0, price_paise)
    if ahead <= timedelta(0):
        return None
    if by == "expert" or ahead > timedelta(seconds=FULL_MINS * minute_s):
        percent = 100
    elif ahead >= timedelta(seconds=HALF_MINS * minute_s):
        percent = 50
    else:
        percent = 0
    # Half up, so the odd paisa is the user's.
    returned_paise = percent_of(price_paise, percent)
    return Split(price_paise - returned_paise, returned_paise)


def served(price_per_min_paise: int, booked_minutes: int, unserved_ms: int, minute_s: float) -> Split:
    """A session that took place: the user pays for what was booked without the whole minutes that the expert missed."""
    missed = min(booked_minutes, unserved_ms // round(minute_s * 1000))
    return Split((booked_minutes - missed) * price_per_min_paise, missed * price_per_min_paise)


def user_no_show(attended: Split, charge_percent: float) -> Split:
    """The user did not come: the configured share of what the attended expert would have been paid."""
    kept_paise = percent_of(attended.kept_paise, charge_percent)
    return Split(kept_paise, attended.kept_paise + attended.returned_paise - kept_paise)
