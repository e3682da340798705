"""An expert's orders: completed sessions, counted once each by a trigger on what is settled with the session.

The trigger is on sessions/{id}/private/terms, written when a session begins and when it is settled; the session itself
changes with every minute. sessions/{id}/private/counted is the record.
"""

from datetime import datetime

from konnect.context import Context
from konnect.experts import standing
from konnect.http.triggers import Change
from konnect.store import Tx

from . import waits


def on_terms_written(ctx: Context, change: Change, now: datetime) -> None:
    """Trigger on sessions/{sessionId}/private/terms."""
    session_id = change.params["sessionId"]
    if change.after is None:
        return
    session = ctx.db.get("sessions", session_id)
    if session is None or session["status"] != "completed":
        return

    def work(tx: Tx) -> None:
        if tx.get("sessions", session_id, "private", "counted") is not None:
            return
        tx.create(("sessions", session_id, "private", "counted"), {"orders": 1, "countedAt": now})
        standing.add(tx, session["expertId"], orders=1, now=now)
        waits.learn(tx, session["expertId"], session)

    ctx.run(work)
