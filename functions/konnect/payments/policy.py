"""When an unpaid order is looked at, and when it is given up. Pure."""

from datetime import datetime, timedelta

FIRST_CHECK = timedelta(minutes=10)
EXPIRES_AFTER = timedelta(hours=24)
LAST_CHECK = timedelta(days=5)
"""Banks confirm some payments late, after days; the provider returns what nobody has captured by then."""


def next_check(created_at: datetime, now: datetime) -> datetime | None:
    """When the sweep asks the provider again: at 10 minutes, then each time at twice the age, at expiry, once more
    after 5 days, and never again (None). An abandoned order, the usual case, costs ten requests, not one a sweep."""
    age = now - created_at
    if age < EXPIRES_AFTER:
        return created_at + min(max(FIRST_CHECK, 2 * age), EXPIRES_AFTER)
    return created_at + LAST_CHECK if age < LAST_CHECK else None


def expired(created_at: datetime, now: datetime) -> bool:
    return now - created_at >= EXPIRES_AFTER


def last(created_at: datetime, now: datetime) -> bool:
    """Whether this was the last look."""
    return next_check(created_at, now) is None
