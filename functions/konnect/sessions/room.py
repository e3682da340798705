"""How long a session by the minute may last before either side is booked: it ends the configured buffer before."""

from datetime import datetime, timedelta

from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation
from konnect.platform import PlatformConfig
from konnect.store import Tx

from .metering import Pace


def of(tx: Tx, uid: str | None, *, config: PlatformConfig, pace: Pace, now: datetime) -> tuple[int, Reservation | None]:
    """`free_minutes` of one person, by the configuration."""
    longest, buffer = config.maxSessionDurationMins, config.bookingBufferMins
    return free_minutes(tx, (uid,), longest_mins=longest, buffer_mins=buffer, pace=pace, now=now)


def free_minutes(
    tx: Tx, uids: tuple[str | None, ...], *, longest_mins: int, buffer_mins: int, pace: Pace, now: datetime
) -> tuple[int, Reservation | None]:
    """Whole minutes from now on in which none of `uids` is booked, at most `longest_mins`; with fewer, also what comes
    then."""
    buffer = timedelta(seconds=buffer_mins * pace.minute_s)
    within = timedelta(seconds=longest_mins * pace.minute_s) + buffer
    people = [uid for uid in uids if uid is not None]
    calendar.prefetch(tx, people, now, now + within)
    found = [booking for uid in people if (booking := calendar.next_within(tx, uid, now, within)) is not None]
    if not found:
        return longest_mins, None
    first = min(found, key=lambda booking: booking.begins)
    return max(0, (first.begins - buffer - now) // timedelta(seconds=pace.minute_s)), first


def capped(config: PlatformConfig, minutes: int) -> PlatformConfig:
    """The configuration for a session that begins now and has so many minutes."""
    if minutes >= config.maxSessionDurationMins:
        return config
    return config.model_copy(update={"maxSessionDurationMins": minutes})
