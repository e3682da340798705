"""The role of an expert who was removed: a claim of the account, beyond Firestore, so it is taken after the commit."""

from datetime import datetime

from konnect import auth
from konnect.context import Context
from konnect.errors import NotFound
from konnect.identity import service as identity
from konnect.store import Tx
from konnect.tasks import Task

TAKE = "/experts/take-role"


def schedule_taking(tx: Tx, expert_id: str, uid: str, *, now: datetime) -> None:
    """Should the caller not come to take it."""
    tx.enqueue(Task(TAKE, ("take-role", expert_id, now.isoformat()), {"expertId": expert_id, "uid": uid}))


def take(ctx: Context, expert_id: str, uid: str, *, now: datetime) -> None:
    """Make an account without a profile a user's again. Can be repeated; does nothing to one with a profile, or to an
    admin. Raises Unavailable.
    """
    if ctx.db.get("experts", expert_id) is not None or (ctx.db.get("users", uid) or {}).get("role") != "expert":
        return
    try:
        auth.set_role(uid, auth.DEFAULT_ROLE, using=ctx.settings)
    except NotFound:
        # The account was deleted before its profile.
        return
    ctx.run(lambda tx: identity.role_changed(tx, uid, auth.DEFAULT_ROLE, at=now))
