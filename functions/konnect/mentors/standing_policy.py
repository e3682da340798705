"""When a mentor's numbers are a reason to warn, or to take no more bookings. Pure.

By the rating of the reviews that count, and by the percent of bookings that the mentor has called off; neither says
anything before there are enough of them. The bounds are the platform's configuration: a mentor is warned below
`ratingWarnBelow` and from `cancellationWarnPercent` on, stopped below `ratingStopBelow` and from
`cancellationStopPercent` on.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from konnect.platform import PlatformConfig

Reason = Literal["rating", "cancellations"]
REASONS: tuple[Reason, ...] = get_args(Reason)
Verdict = Literal["fine", "warned", "stopped"]


@dataclass(frozen=True)
class Measure:
    """What a mentor is judged by: an average rating, or a percent, of `count` reviews or of as many ended bookings."""

    reason: Reason
    value: float
    count: int


@dataclass(frozen=True)
class Bounds:
    warn: float
    stop: float
    least: int
    """Of reviews, or ended bookings, before they say anything."""


def bounds(reason: Reason, config: PlatformConfig) -> Bounds:
    if reason == "rating":
        return Bounds(config.ratingWarnBelow, config.ratingStopBelow, config.ratingMinReviews)
    return Bounds(config.cancellationWarnPercent, config.cancellationStopPercent, config.cancellationMinEnded)


def judge(measure: Measure, config: PlatformConfig) -> Verdict | None:
    """What the numbers amount to; None: there are too few."""
    found = bounds(measure.reason, config)
    if measure.count < found.least:
        return None
    if _past(measure, found.stop):
        return "stopped"
    return "warned" if _past(measure, found.warn) else "fine"


def _past(measure: Measure, bound: float) -> bool:
    return measure.value < bound if measure.reason == "rating" else measure.value >= bound
