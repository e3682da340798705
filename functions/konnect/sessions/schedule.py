"""The tasks of a session. All of them bring the session up to date at their time; names make repeats harmless."""

from datetime import datetime

from konnect import clock
from konnect.store import Doc, Tx
from konnect.tasks import Task

from .metering import Meter

PROGRESS = "/sessions/progress"
ADVANCE = "/sessions/advance"
ACCEPTANCE = "/sessions/acceptance"


def pending(tx: Tx, session: Doc, meter: Meter) -> None:
    """Everything that is to come: the next minute at its own time (never "now + 60 s", which would drift), the end of
    a grace, the ends of absences. Scheduled again each time, so that what a crash left out is made good."""
    minute = meter.next_minute
    progress(tx, session, ("tick", session["id"], minute), meter.due_at(minute))
    if meter.grace_until is not None:
        progress(tx, session, ("grace", session["id"], meter.grace_until.isoformat()), meter.grace_until)
    for side, since in meter.absences().items():
        if since is not None:
            at = clock.after(since, meter.pace.absence_s)
            progress(tx, session, ("absence", session["id"], side, at.isoformat()), at)


def advance(tx: Tx, expert_id: str, session_id: str, *, tell: bool = False) -> None:
    """Start the next in the queue, after `session_id` (or whatever event freed the expert). `tell`: who waits is told
    the place even if nobody could be started."""
    tx.enqueue(Task(ADVANCE, ("advance", expert_id, session_id), {"expertId": expert_id, "tell": tell}))


def acceptance(tx: Tx, session: Doc) -> None:
    """The end of the time that an expert has to accept a request."""
    at = session["acceptUntil"]
    tx.enqueue(Task(ACCEPTANCE, ("acceptance", session["id"]), {"sessionId": session["id"], "due": at.isoformat()}, at))


def progress(tx: Tx, session: Doc, key: tuple[object, ...], at: datetime) -> None:
    """Bring the session up to date at that time; `key` names the task."""
    # The user's id travels along so that the handler reads session and wallet in one call.
    payload = {"sessionId": session["id"], "userId": session["userId"], "due": at.isoformat()}
    tx.enqueue(Task(PROGRESS, key, payload, at))
