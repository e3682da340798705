"""Reminders of a booking, to both: a day before, and a quarter of an hour before.

`remindersAt` of a booking are those to come, the next first; its next action is the first of them (schedule.py), so a
moved or cancelled booking's old task finds nothing due, and the sweep makes good a lost one. One whose time was over
when the booking was confirmed is none: its confirmation says as much. `reminderSent`: the last one is out.
"""

from datetime import datetime

from konnect import clock
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import messages, repository

MINS = (24 * 60, 15)


def planned(scheduled_at: datetime, pace: Pace, now: datetime) -> Doc:
    """The fields of a booking for this time."""
    times = [clock.after(scheduled_at, -mins * pace.minute_s) for mins in MINS]
    return {"remindersAt": [at for at in times if at > now], "reminderSent": False}


def next_action_at(booking: Doc) -> datetime:
    """Of a confirmed booking: its next reminder, or its beginning."""
    return next(iter(booking["remindersAt"]), booking["scheduledAt"])


def confirmed(booking: Doc, now: datetime) -> Doc:
    """The fields of a booking that is confirmed now."""
    left = [at for at in booking["remindersAt"] if at > now]
    return {"remindersAt": left, "nextActionAt": next_action_at({**booking, "remindersAt": left})}


def send(tx: Tx, booking: Doc, *, now: datetime) -> Doc:
    """Tell both of what is due: once, the latest alone if more than one is. Returns the booking."""
    due = [at for at in booking["remindersAt"] if at <= now]
    if not due:
        return booking
    fields = confirmed(booking, now)
    fields["reminderSent"] = not fields["remindersAt"]
    messages.remind(tx, booking, due[-1], lead_mins=MINS[-1 if fields["reminderSent"] else 0], now=now)
    repository.update(tx, booking["id"], now=now, **fields)
    return {**booking, **fields, "updatedAt": now}
