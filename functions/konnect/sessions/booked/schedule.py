"""When something happens next with a booked session: one task at a time, named by the session and its moment, and
`nextTickAt` for the sweep. Each handler schedules the next, so a far time is reached in several steps."""

from datetime import datetime, timedelta

from konnect import clock
from konnect.store import Doc, Tx
from konnect.tasks import FURTHEST_AHEAD

from .. import schedule
from ..metering import Pace
from .policy import REMIND_MINS


def remind_at(scheduled_at: datetime, pace: Pace) -> datetime:
    return clock.after(scheduled_at, -REMIND_MINS * pace.minute_s)


def next_action_at(session: Doc, pace: Pace, now: datetime) -> datetime:
    """The reminder; the session's time; while it waits then, its no-show, or another try if both are there and are
    kept busy; the end."""
    if session["status"] == "in_progress":
        return session["endsAt"]
    if session["seenUntil"] is None:
        if session["remindedAt"] is None:
            return remind_at(session["scheduledAt"], pace)
        return session["scheduledAt"]
    if session["userAbsentSince"] is None and session["expertAbsentSince"] is None:
        return min(clock.after(now, pace.minute_s), session["noShowAt"])
    return session["noShowAt"]


def pending(tx: Tx, session: Doc, now: datetime) -> None:
    """Schedule the next action again, whoever asks: what a crash left out is made good."""
    at = min(session["nextTickAt"], now + FURTHEST_AHEAD)
    schedule.progress(tx, session, ("booked", session["id"], at.isoformat()), at)


def length(minutes: float, pace: Pace) -> timedelta:
    return timedelta(seconds=minutes * pace.minute_s)
