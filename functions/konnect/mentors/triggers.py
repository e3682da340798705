"""Firestore triggers of mentors."""

from datetime import datetime

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.platform import platform_config
from konnect.store import Doc

from . import activity, stats


def on_booking_written(ctx: Context, change: Change, now: datetime) -> None:
    """Written, bookings/{bookingId}: it is paid, or has come to its end, or to another one, or some of its price has
    gone back."""
    if change.after is None:
        return
    booking_id, expert_id = change.params["bookingId"], change.after["mentorId"]
    if activity.state(change.before) != activity.state(change.after):
        ctx.run(lambda tx: activity.count(tx, booking_id, now=now))
    if _counts_as(change.before) != _counts_as(change.after):
        config = platform_config(ctx.db)
        ctx.run(lambda tx: stats.count(tx, booking_id, expert_id, config, now=now))


def _counts_as(booking: Doc | None) -> tuple[stats.Outcome | None, int]:
    return stats.outcome(booking), (booking or {}).get("reversedPaise", 0)
