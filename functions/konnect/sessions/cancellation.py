"""Cancelling a session that has not begun: one that was booked, or a request that waits for the expert's acceptance."""

from datetime import datetime

from konnect.errors import Conflict
from konnect.store import Doc, Tx

from . import access, repository, service
from .booked import policy
from .booked import service as booked
from .metering import Pace


def cancel(tx: Tx, session_id: str, uid: str, *, reason: str | None, pace: Pace, now: datetime) -> Doc:
    """Cancel at a participant's word. A repeat answers the cancelled session.

    Raises NotFound (SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (SESSION_RUNNING: end it;
    SESSION_ENDED; TOO_LATE_TO_CANCEL: its time has come).
    """
    # Both may cancel at once, and twice: the second to commit is run again and finds it cancelled.
    tx.peek(("sessions", session_id))
    session = access.of_participant(tx, session_id, uid)
    if repository.is_booked(session):
        by: policy.By = "user" if uid == session["userId"] else "expert"
        return booked.cancel(tx, session, by, reason=reason, pace=pace, now=now)
    if repository.is_offer(session):
        return service.end(tx, session_id, by=uid, pace=pace, now=now)
    if session["status"] == "cancelled":
        return session
    if session["status"] == "in_progress":
        raise Conflict("the session is running; end it instead", code="SESSION_RUNNING")
    raise Conflict("the session has ended", code="SESSION_ENDED")
