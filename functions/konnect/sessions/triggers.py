"""Firestore triggers of sessions."""

from datetime import datetime

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.store import Tx

from . import repository
from .metering import Pace
from .service import progress


def on_transaction_written(ctx: Context, change: Change, now: datetime) -> None:
    """A completed deposit lets a session in grace go on at once, on its original schedule."""
    before, after = change.before, change.after
    if after is None or after["type"] != "deposit" or after["status"] != "completed":
        return
    if before is not None and before["status"] == "completed":
        return
    uid = after["userId"]

    def work(tx: Tx) -> None:
        session_id = repository.user_claim(tx, uid)
        if session_id is not None:
            progress(tx, session_id, pace=Pace.of(ctx.settings), now=now)

    ctx.run(work)
