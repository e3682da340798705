"""The tasks of a session. All of them bring the session up to date at their time; names make repeats harmless."""

from datetime import datetime

from konnect.store import Doc, Tx
from konnect.tasks import Task

from .metering import Meter, Side

PROGRESS = "/sessions/progress"
ADVANCE = "/sessions/advance"


def tick(tx: Tx, session: Doc, meter: Meter) -> None:
    """At the next minute's own time (never "now + 60 s", which would drift)."""
    minute = meter.next_minute
    _progress(tx, session, ("tick", session["id"], minute), meter.due_at(minute), minute=minute)


def grace_end(tx: Tx, session: Doc, until: datetime) -> None:
    _progress(tx, session, ("grace", session["id"], until.isoformat()), until)


def absence_end(tx: Tx, session: Doc, side: Side, at: datetime) -> None:
    _progress(tx, session, ("absence", session["id"], side, at.isoformat()), at)


def advance(tx: Tx, expert_id: str, session_id: str) -> None:
    """Start the next in the queue, after `session_id` (or whatever event freed the expert)."""
    tx.enqueue(Task(ADVANCE, ("advance", expert_id, session_id), {"expertId": expert_id}))


def _progress(tx: Tx, session: Doc, key: tuple[object, ...], at: datetime, *, minute: int | None = None) -> None:
    # The user's id travels along so that the handler reads session and wallet in one call.
    payload = {"sessionId": session["id"], "userId": session["userId"], "minute": minute}
    tx.enqueue(Task(PROGRESS, key, payload, at))
