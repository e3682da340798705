"""Pure rules of a live class: its bounds, and when what of it happens. Minutes are the product's (metering.Pace)."""

from datetime import datetime, timedelta
from typing import Any, Literal

from konnect.sessions.metering import Pace
from konnect.store import Doc

Status = Literal["scheduled", "live", "ended", "cancelled"]
EndReason = Literal["host-ended", "time-over", "host-absent", "admin-ended"]
CancelReason = Literal["host-cancelled", "admin-cancelled", "host-no-show", "host-closed"]
State = Literal["registered", "open"]
"""Of one who takes part: a place is kept, or the room is open."""

OPEN: tuple[Status, Status] = ("scheduled", "live")
SHORTEST_MINS, LONGEST_MINS = 15, 4 * 60
MOST_PARTICIPANTS = 500
"""Beside the host. Their places are counted on the class itself, and a document takes about a write a second."""
LONGEST = timedelta(minutes=LONGEST_MINS)
FURTHEST_AHEAD = timedelta(days=90)
OPENS_MINS = 10
"""Before its time the host can open it; the others come with the host, or from its time on."""
OVERTIME_MINS = 5
"""After its length it is ended; the host's calendar is taken until then."""
HOST_WAIT_MINS = 15
"""A host who has not come so long after the time won't come."""
HOST_ABSENCE_MINS = 5
COUNTED_MINS = 2
"""After its end the task that writes down who was there is taken to be lost."""
REMINDER_MINS = (24 * 60, 15)


def mins(minutes: float, pace: Pace) -> timedelta:
    return timedelta(seconds=minutes * pace.minute_s)


def ends_at(scheduled_at: datetime, duration_mins: int, pace: Pace) -> datetime:
    return scheduled_at + mins(duration_mins, pace)


def reserved_until(ends_at: datetime, pace: Pace) -> datetime:
    """It is ended then, at the latest."""
    return ends_at + mins(OVERTIME_MINS, pace)


def opens_at(session: Doc, pace: Pace, *, host: bool) -> datetime:
    """From when on somebody can come; the others also as soon as it is live."""
    at: datetime = session["scheduledAt"]
    return at - mins(OPENS_MINS, pace) if host else at


def is_open(session: Doc, pace: Pace, now: datetime, *, host: bool) -> bool:
    return bool(session["status"] == "live" or now >= opens_at(session, pace, host=host))


def reminders(scheduled_at: datetime, pace: Pace, now: datetime) -> list[datetime]:
    """Those to come, the next first; what its announcement says as well is left out."""
    return [at for lead in REMINDER_MINS if (at := scheduled_at - mins(lead, pace)) > now]


def lead_mins(session: Doc, at: datetime, pace: Pace) -> int:
    """Of the reminder at that time."""
    return min(REMINDER_MINS, key=lambda lead: abs(session["scheduledAt"] - mins(lead, pace) - at))


def over(session: Doc, pace: Pace) -> tuple[datetime, str]:
    """When an open class is over as things are, and why."""
    if session["status"] == "scheduled":
        return session["scheduledAt"] + mins(HOST_WAIT_MINS, pace), "host-no-show"
    ends: list[tuple[datetime, str]] = [(reserved_until(session["endsAt"], pace), "time-over")]
    if session["hostAbsentSince"] is not None:
        ends.append((session["hostAbsentSince"] + mins(HOST_ABSENCE_MINS, pace), "host-absent"))
    return min(ends)


def next_action_at(session: Doc, pace: Pace) -> datetime | None:
    """When something of a class is due by itself; None once it is over, and who was there is counted."""
    if session["status"] == "ended" and session["attendedCount"] is None:
        counted_by: datetime = session["endedAt"] + mins(COUNTED_MINS, pace)
        return counted_by
    if session["status"] not in OPEN:
        return None
    coming = session["remindersAt"] if session["status"] == "scheduled" else []
    return min([over(session, pace)[0], *coming])


# Who was there: [{from, to}] in order, `to` None while it goes on

INTERVALS_MAX = 200
"""So many are kept; of one who comes and goes more often, the last goes on."""


def came(intervals: list[Doc], at: datetime) -> list[Doc]:
    if intervals and intervals[-1]["to"] is None:
        return intervals
    if len(intervals) >= INTERVALS_MAX:
        return [*intervals[:-1], {**intervals[-1], "to": None}]
    return [*intervals, {"from": at, "to": None}]


def went(intervals: list[Doc], at: datetime) -> list[Doc]:
    if not intervals or intervals[-1]["to"] is not None:
        return intervals
    return [*intervals[:-1], {**intervals[-1], "to": max(at, intervals[-1]["from"])}]


def attended(intervals: list[Doc], ended_at: datetime | None, now: datetime, pace: Pace) -> list[dict[str, Any]]:
    """The stays, with the seconds of each as the product counts them. Whoever was there at the end was there until
    then, whatever came too late to say so."""
    until = ended_at or now
    stays = [(one["from"], max(one["from"], min(one["to"] or until, until))) for one in intervals]
    return [
        {
            "joinedAt": begins,
            "leftAt": ends if one["to"] is not None or ended_at is not None else None,
            "seconds": round((ends - begins).total_seconds() * 60 / pace.minute_s),
        }
        for one, (begins, ends) in zip(intervals, stays, strict=True)
    ]
