"""Firestore triggers of experts."""

from datetime import datetime

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.store import Tx

from . import application_index, listing, standing


def on_expert_written(ctx: Context, change: Change, now: datetime) -> None:
    """Trigger on experts/{expertId}: its listing, the counts of its specialties, and where applications are
    looked up."""
    expert_id = change.params["expertId"]

    def work(tx: Tx) -> None:
        if change.before is None:
            standing.restore(tx, expert_id)
        listing.refresh(tx, expert_id, now=now)

    ctx.run(work)
    if application_index.concerns(change.before, change.after):
        ctx.run(lambda tx: application_index.refresh(tx, expert_id))
