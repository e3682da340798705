"""Time. Services are given `now`; only the edges read the clock."""

from datetime import UTC, datetime, timedelta


def now() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with `Z`, to the millisecond (the form of every time on the wire)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def after(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)
