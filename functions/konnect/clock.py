"""Time. Services are given `now`; only the edges read the clock."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

INDIA = timezone(timedelta(hours=5, minutes=30), "IST")
"""Asia/Kolkata, by which business days are counted. A fixed offset: India has had no other since 1945."""


_ZONE = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")


def now() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with `Z`, to the millisecond (the form of every time on the wire)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_millisecond(moment: datetime) -> datetime:
    """A time as it can be told on the wire."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def after(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)


def business_day(moment: datetime) -> date:
    """The day in India that `moment` belongs to."""
    return moment.astimezone(INDIA).date()


def in_india(moment: datetime) -> str:
    """A time as people in India read it: 5 January 2026 at 15:30 IST."""
    local = moment.astimezone(INDIA)
    return f"{local.day} {local:%B %Y} at {local:%H:%M} IST"


def in_zone(moment: datetime, name: str | None) -> str:
    """The same for people elsewhere, by their zone's IANA name: 5 January 2026 at 05:00 EST. None: in India."""
    if name is None:
        return in_india(moment)
    local = moment.astimezone(zone(name))
    return f"{local.day} {local:%B %Y} at {local:%H:%M} {local:%Z}"


def day_begins(day: date, zone: tzinfo = INDIA) -> datetime:
    """The first moment of a day (by default of a business day), in UTC.

    Where clocks are put forward at midnight that is when they are; where 00:00 comes twice, the first.
    """
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def zone(name: str) -> tzinfo:
    """A time zone by its IANA name. Raises ValueError."""
    from zoneinfo import ZoneInfo

    # "localtime" and the like would mean another zone on another machine; folders and files beside have other names.
    if not _ZONE.fullmatch(name):
        raise ValueError("is not a time zone's name")
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as error:
        raise ValueError("there is no such time zone") from error
