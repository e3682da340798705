"""Which times can be booked. Pure; what a calendar shows and what a booking is held to are one function.

Rules are local times of the mentor's zone, resolved date by date: on the day a clock is put forward a window is shorter
by the hour that is missing, on the day it is put back longer by the one that comes twice. A local time that comes twice
is its first coming; one that is skipped is as far behind the change as it would have been.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BLOCK = timedelta(minutes=30)
DAY_MINUTES = 24 * 60

Window = tuple[int, int]
"""Minutes since local midnight, from and to; 1440 is the next midnight."""
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Rules:
    """`weekly`: by day of the week, 0 is Sunday. `exceptions` take a date's whole place; none on it: a day off.
    `holidays`: first and last dates. `notice`, `buffer` and `horizon` bound a booking from now, from its neighbours,
    and into the future.
    """

    zone: str
    weekly: Mapping[int, tuple[Window, ...]]
    exceptions: Mapping[date, tuple[Window, ...]] = field(default_factory=dict)
    holidays: tuple[tuple[date, date], ...] = ()
    accepting: bool = True
    notice: timedelta = timedelta(hours=2)
    buffer: timedelta = timedelta(0)
    horizon: timedelta = timedelta(days=60)

    def windows(self, day: date) -> tuple[Window, ...]:
        """The local windows of a date."""
        if any(first <= day <= last for first, last in self.holidays):
            return ()
        return self.exceptions.get(day, self.weekly.get(day.isoweekday() % 7, ()))


def open_slots(
    rules: Rules, taken: Iterable[Span], begins: datetime, ends: datetime, duration: timedelta, now: datetime
) -> list[datetime]:
    """Starts (UTC, in order) from `begins` to before `ends` at which `duration`, a whole number of blocks, is open."""
    if not rules.accepting:
        return []
    earliest, latest = max(begins, now + rules.notice), min(ends, now + rules.horizon)
    blocks = set(_blocks(rules, earliest, latest + duration))
    busy = _merged((start - rules.buffer, end + rules.buffer) for start, end in taken)
    begins_of_busy = [begin for begin, _ in busy]
    count = duration // BLOCK

    def is_free(start: datetime) -> bool:
        """Of the busy times, which follow each other, the last to begin before the slot's end is the last to end."""
        before = bisect_left(begins_of_busy, start + duration)
        return before == 0 or busy[before - 1][1] <= start

    return [
        start
        for start in sorted(blocks)
        if earliest <= start < latest
        and all(start + number * BLOCK in blocks for number in range(count))
        and is_free(start)
    ]


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same times in order, without overlaps."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def is_open(rules: Rules, taken: Iterable[Span], start: datetime, duration: timedelta, now: datetime) -> bool:
    """Whether a booking may begin at `start`."""
    return open_slots(rules, taken, start, start + timedelta(microseconds=1), duration, now) == [start]


def _blocks(rules: Rules, begins: datetime, ends: datetime) -> Iterator[datetime]:
    """The starts of the blocks within all windows of the local dates that the time from `begins` to `ends` touches."""
    if ends <= begins:
        return
    zone = ZoneInfo(rules.zone)
    day, last = begins.astimezone(zone).date(), ends.astimezone(zone).date()
    while day <= last:
        for first, end in rules.windows(day):
            start, stop = _moment(day, first, zone), _moment(day, end, zone)
            while start + BLOCK <= stop:
                yield start
                start += BLOCK
        day += timedelta(days=1)


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    day, minute = (day + timedelta(days=1), 0) if minute == DAY_MINUTES else (day, minute)
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)
