"""Deciding an application reaches beyond Firestore: the role is a custom claim of the account."""

from datetime import datetime

from konnect import auth
from konnect.context import Context
from konnect.errors import BadRequest
from konnect.store import Doc, Tx

from . import service


def decide(
    ctx: Context, expert_id: str, status: str, *, by: str, reason: str | None, notes: str | None, now: datetime
) -> Doc:
    """Approve (the role `expert` is given) or reject (with a reason). Safe to repeat: each step is.

    Raises BadRequest for a rejection without a reason, NotFound, Conflict.
    """
    if status == "rejected" and not reason:
        raise BadRequest.field("rejectionReason", "is required to reject an application")
    expert = ctx.run(lambda tx: service.decide(tx, expert_id, status, by=by, reason=reason, notes=notes, now=now))
    uid = expert["firebaseUid"]
    if status == "approved" and uid:
        # After the commit: a claim that could not be set is set by the repeat that the error asks for.
        auth.set_role(uid, "expert")

        def give_role(tx: Tx) -> None:
            if tx.get("users", uid) is not None:
                tx.update(("users", uid), {"role": "expert", "updatedAt": now})

        ctx.run(give_role)
    return expert
