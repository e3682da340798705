"""Firestore triggers of members: what their account tells."""

from datetime import datetime

from konnect.context import Context
from konnect.http.triggers import Change
from konnect.store import Tx

from . import referrals, service


def on_account_written(ctx: Context, change: Change, now: datetime) -> None:
    """Written, users/{uid}: another name is the public profile's too; an address that is verified gives its points to
    who brought the member. The event may be old: the account's document decides."""
    before, after = change.before or {}, change.after or {}
    is_renamed = bool(before) and before.get("name") != after.get("name")
    is_verified = after.get("emailVerified") is True and before.get("emailVerified") is not True
    if not after or not (is_renamed or is_verified):
        return
    ctx.run(lambda tx: _follow(tx, change.params["uid"], now))


def _follow(tx: Tx, uid: str, now: datetime) -> None:
    user = tx.get("users", uid)
    if user is None or user["disabled"]:
        return
    service.renamed(tx, uid, user["name"], now=now)
    if user["emailVerified"]:
        referrals.reward(tx, uid, now=now)
