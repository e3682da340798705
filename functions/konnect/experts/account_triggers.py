"""Firestore triggers that give imported profiles to their accounts (linking.py)."""

from datetime import datetime

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.store import Query

from . import applications, linking


def on_user_verified(ctx: Context, change: Change, now: datetime) -> None:
    """Written, users/{uid}: the address of an account has become known and verified. A profile imported for it becomes
    the account's, with the role if it is approved."""
    after, before = change.after, change.before or {}
    if after is None or not after.get("emailVerified") or not after.get("email"):
        return
    if before.get("emailVerified") and before.get("email") == after["email"]:
        return
    _link(ctx, change.params["uid"], after["email"], now)


def on_expert_created(ctx: Context, change: Change, now: datetime) -> None:
    """Created, experts/{expertId}: an imported profile, whose person may have an account already."""
    if change.after is None or change.after["firebaseUid"] is not None:
        return
    private = ctx.db.get("experts", change.params["expertId"], "private", "onboarding") or {}
    email = private.get("email")
    if not email:
        return
    for user in Query(("users",), limit=10).filter("email", "==", email).run(ctx.db):
        if user.get("emailVerified"):
            _link(ctx, user["id"], email, now)
            return


def _link(ctx: Context, uid: str, email: str, now: datetime) -> None:
    expert_id = ctx.run(lambda tx: linking.link(tx, uid, email, now=now))
    if expert_id is not None:
        # After the commit; a failure raises, and the event comes again to find the profile linked.
        applications.give_role(ctx, expert_id, now=now)
