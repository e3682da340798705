"""When something happens next with a consult: one task at a time, named by the consult and its moment, and `nextTickAt`
for the sweep. Each handler schedules the next."""

from datetime import datetime, timedelta

from konnect import clock
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx
from konnect.tasks import Task

from .policy import WARN_MINS

PROGRESS = "/consults/progress"


def length(minutes: float, pace: Pace) -> timedelta:
    return timedelta(seconds=minutes * pace.minute_s)


def warn_at(ends_at: datetime, pace: Pace, now: datetime) -> list[datetime]:
    """When both are to be warned of the end; of what is past already, they know."""
    return [at for minutes in WARN_MINS if (at := ends_at - length(minutes, pace)) > now]


def over(consult: Doc, pace: Pace) -> tuple[datetime, str]:
    """When an active consult is over as things are, and why: of its length and of absences, what comes first."""
    ends: list[tuple[datetime, str]] = [(consult["endsAt"], "completed")]
    for side, reason in (("user", "user-absent"), ("expert", "expert-absent")):
        since = consult[f"{side}AbsentSince"]
        if since is not None:
            ends.append((clock.after(since, pace.absence_s), reason))
    return min(ends)


def next_action_at(consult: Doc, pace: Pace) -> datetime:
    """The end of the time to accept, or to come; of an active one its end, or the warning before."""
    if consult["status"] == "pending":
        expires_at: datetime = consult["expiresAt"]
        return expires_at
    return min([over(consult, pace)[0], *consult["warnAt"]])


def pending(tx: Tx, consult: Doc) -> None:
    """Schedule the next action again, whoever asks: what a crash left out is made good."""
    at = consult["nextTickAt"]
    payload = {"consultId": consult["id"], "due": at.isoformat()}
    tx.enqueue(Task(PROGRESS, ("consult", consult["id"], at.isoformat()), payload, at))
