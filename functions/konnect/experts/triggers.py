"""Firestore triggers of experts."""

from datetime import datetime

from konnect import ids
from konnect.context import Context
from konnect.http.triggers import Change
from konnect.store import Tx

from . import application_index, listing, slugs, standing


def on_expert_written(ctx: Context, change: Change, now: datetime) -> None:
    """Trigger on experts/{expertId}: its slug and its listing, the counts of its specialties, and where applications
    are looked up."""
    expert_id, spare = change.params["expertId"], ids.crockford(5)

    def work(tx: Tx) -> None:
        if change.before is None:
            standing.restore(tx, expert_id)
        expert = tx.get("experts", expert_id)
        if expert is None:
            slugs.release(tx, expert_id)
        elif expert["mentorStatus"] == "approved":
            slugs.ensure(tx, expert_id, expert.get("name") or "", spare, now=now)
        listing.refresh(tx, expert_id, now=now)

    ctx.run(work)
    if application_index.concerns(change.before, change.after):
        ctx.run(lambda tx: application_index.refresh(tx, expert_id))
