"""Firestore triggers of mentors."""

from datetime import datetime

from konnect.context import Context
from konnect.http.triggers import Change

from . import stats


def on_booking_written(ctx: Context, change: Change, now: datetime) -> None:
    """Written, bookings/{bookingId}: it has come to its end, or to another one."""
    if change.after is None or stats.outcome(change.before) == stats.outcome(change.after):
        return
    booking_id, expert_id = change.params["bookingId"], change.after["mentorId"]
    ctx.run(lambda tx: stats.count(tx, booking_id, expert_id, now=now))
