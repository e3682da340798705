"""Time. Services are given `now`; only the edges read the clock."""

from datetime import UTC, date, datetime, time, timedelta, timezone

INDIA = timezone(timedelta(hours=5, minutes=30), "IST")
"""Asia/Kolkata, by which business days are counted. A fixed offset: India has had no other since 1945."""


def now() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with `Z`, to the millisecond (the form of every time on the wire)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def after(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)


def business_day(moment: datetime) -> date:
    """The day in India that `moment` belongs to."""
    return moment.astimezone(INDIA).date()


def day_begins(day: date) -> datetime:
    """The first moment of a business day, in UTC."""
    return datetime.combine(day, time.min, INDIA).astimezone(UTC)
