"""deletions/{uid}: the deletion of an account, from its request to its end. No client reads it.

{status: requested | done, email, expertId, requestedAt, resumeAt, doneAt}. The request closes the account at once, in
the transaction that finds no money and no session open. A task then erases what is personal, step by step; each step
can be repeated, and the sweep resumes what was left. The ledger, payments, the audit and the texts of conversations
stay, under an id that names nobody; invoices stay as they are, as the law asks.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from konnect import auth
from konnect.auth import Principal
from konnect.bookings import deletion as bookings_deletion
from konnect.consults import deletion as consults_deletion
from konnect.context import Context
from konnect.course_sales import deletion as checkout_deletion
from konnect.courses import deletion as courses_deletion
from konnect.disputes import deletion as disputes_deletion
from konnect.earnings import deletion as earnings_deletion
from konnect.errors import Conflict
from konnect.exchange import deletion as exchange_deletion
from konnect.experts import deletion as experts_deletion
from konnect.experts import service as experts
from konnect.gamification import deletion as gamification_deletion
from konnect.identity import phones
from konnect.identity import service as identity
from konnect.learning import deletion as learning_deletion
from konnect.live import deletion as live_deletion
from konnect.members import deletion as members_deletion
from konnect.mentors import deletion as mentors_deletion
from konnect.messaging import deletion as messaging_deletion
from konnect.notifications import service as notifications
from konnect.packages import deletion as packages_deletion
from konnect.payments import customers
from konnect.platform import PlatformConfig, platform_config
from konnect.realtime import DISCONNECT, user_room
from konnect.reviews import deletion as reviews_deletion
from konnect.sessions import deletion as sessions_deletion
from konnect.store import Doc, Query, Tx
from konnect.subscriptions import deletion as subscriptions_deletion
from konnect.tasks import Task
from konnect.uploads import deletion as uploads_deletion
from konnect.wallet import deletion as wallet_deletion

log = logging.getLogger(__name__)

RESUME_AFTER = timedelta(minutes=10)
"""A task that has not come to its end by then is taken to be lost."""
SWEEP_LIMIT = 50
NAME = "Deleted user"


def request(ctx: Context, principal: Principal, *, now: datetime) -> Doc:
    """Close the caller's account and have it erased. A repeat answers the same.

    Raises Forbidden (RECENT_LOGIN_REQUIRED), Conflict (ACCOUNT_IN_USE, `details` name what is open and the way out),
    Unavailable or BadGateway while a subscription can't be cancelled: whoever is gone must not be charged.
    """
    identity.require_recent_sign_in(principal, now)
    config = platform_config(ctx.db)
    last_upload = now + timedelta(minutes=ctx.settings.upload_url_minutes + 1)
    ctx.run(lambda tx: _check(_open_matters(tx, principal.uid, now)))
    subscriptions_deletion.end(ctx, principal.uid, now=now)
    deletion = ctx.run(lambda tx: _close(tx, principal, config, last_upload, now))
    auth.forget(principal.uid)
    return deletion


def _close(tx: Tx, principal: Principal, config: PlatformConfig, last_upload: datetime, now: datetime) -> Doc:
    uid = principal.uid
    tx.prefetch(("deletions", uid), ("users", uid), ("wallets", uid))
    found = tx.get("deletions", uid)
    if found is not None:
        return {**found, "id": uid}
    # Made meanwhile, at the latest.
    _check([*_open_matters(tx, uid, now), *subscriptions_deletion.open_matters(tx, uid)])
    expert_id = experts.id_of(tx, uid)
    expert = tx.get("experts", expert_id)
    if expert is not None:
        experts.set_available(tx, expert_id, False, config, now=now)
    profile = tx.get("users", uid)
    # Deleted from now on to who would pay something to it, though its erasure takes a while.
    closed = {"disabled": True, "tokensValidAfter": now, "deletedAt": now, "updatedAt": now}
    tx.merge(("users", uid), closed if profile is not None else {**_nobody(now), **closed})
    deletion: Doc = {
        "status": "requested",
        "email": (profile or {}).get("email") or principal.email,
        "expertId": expert_id if expert is not None else None,
        "requestedAt": now,
        "resumeAt": now + RESUME_AFTER,
        "doneAt": None,
    }
    tx.create(("deletions", uid), deletion)
    tx.emit(user_room(uid), DISCONNECT, None)
    tx.enqueue(Task("/deletion/run", ("delete-account", uid), {"uid": uid}))
    # A signed URL that is out works on; what comes by it goes once none can any more.
    tx.enqueue(Task("/deletion/erase-files", ("erase-files", uid), {"uid": uid}, at=last_upload))
    return {**deletion, "id": uid}


def _open_matters(tx: Tx, uid: str, now: datetime) -> list[dict[str, Any]]:
    if tx.get("deletions", uid) is not None:
        return []
    return [
        *sessions_deletion.open_matters(tx, uid),
        *consults_deletion.open_matters(tx, uid),
        *live_deletion.open_matters(tx, uid),
        *bookings_deletion.open_matters(tx, uid),
        *disputes_deletion.open_matters(tx, uid),
        *wallet_deletion.open_matters(tx, uid, now=now),
        *earnings_deletion.open_matters(tx, uid),
    ]


def _check(open_matters: list[dict[str, Any]]) -> None:
    """Raises Conflict (ACCOUNT_IN_USE)."""
    if open_matters:
        raise Conflict(
            "; ".join(matter["message"] for matter in open_matters), code="ACCOUNT_IN_USE", details=open_matters
        )


def run(ctx: Context, uid: str, *, now: datetime) -> bool:
    """Erase an account whose deletion was requested; returns False if there is nothing to do (any more). What fails
    raises, and the whole is done again."""
    deletion = ctx.db.get("deletions", uid)
    if deletion is None or deletion["status"] == "done":
        return False
    # First the way in: nobody can sign in to what is being erased.
    auth.delete_account(uid, using=ctx.settings)
    if deletion["expertId"] is not None:
        experts_deletion.erase(ctx, deletion["expertId"], uid, now=now)
        mentors_deletion.erase(ctx, deletion["expertId"])
    sessions_deletion.erase(ctx, uid, deletion["expertId"], NAME, now=now)
    consults_deletion.erase(ctx, uid, NAME, now=now)
    live_deletion.erase(ctx, uid, NAME, now=now)
    learning_deletion.erase(ctx, uid, NAME, now=now)
    checkout_deletion.erase(ctx, uid, now=now)
    courses_deletion.erase(ctx, uid, NAME, now=now)
    bookings_deletion.erase(ctx, uid, NAME, now=now)
    exchange_deletion.erase(ctx, uid, NAME, now=now)
    customers.erase(ctx, uid)
    packages_deletion.erase(ctx, uid, deletion["expertId"], NAME, now=now)
    disputes_deletion.erase(ctx, uid, now=now)
    subscriptions_deletion.erase(ctx, uid, now=now)
    messaging_deletion.erase(ctx, uid, NAME)
    reviews_deletion.erase(ctx, uid, now=now)
    gamification_deletion.erase(ctx, uid)
    notifications.erase(ctx.db, uid)
    uploads_deletion.erase(ctx, uid)
    phones.erase(ctx, uid)
    members_deletion.erase(ctx, uid)
    for part in ("private", "sealed"):
        for document in Query(("users", uid, part)).run(ctx.db):
            ctx.db.delete("users", uid, part, document["id"])
    ctx.run(lambda tx: _finish(tx, uid, now))
    log.info("account deleted", extra={"uid": uid})
    return True


def _finish(tx: Tx, uid: str, now: datetime) -> None:
    tx.prefetch(("deletions", uid), ("users", uid))
    deletion, profile = tx.get("deletions", uid), tx.get("users", uid)
    if deletion is None or deletion["status"] == "done":
        return
    # The document stays, closed, so that an ID token that is still out opens nothing new.
    tx.set(("users", uid), {**_nobody(now), "createdAt": (profile or {}).get("createdAt", now)})
    tx.update(("deletions", uid), {"status": "done", "email": None, "resumeAt": None, "doneAt": now})
    if deletion["email"]:
        notifications.notify(
            tx,
            uid,
            "account_deleted",
            about=(),
            title="Your account has been deleted",
            body="Your profile and what it said about you are gone.",
            now=now,
            mail_to=deletion["email"],
        )


def resume(ctx: Context, *, now: datetime) -> int:
    """Run what was requested a while ago and has not ended; returns how many ended now."""
    due = Query(("deletions",), (("resumeAt", "<=", now),), (("resumeAt", "asc"),), SWEEP_LIMIT).run(ctx.db)
    ended = 0
    for deletion in due:
        try:
            ended += run(ctx, deletion["id"], now=now)
        except Exception:
            # One that fails must not stand before the others.
            log.exception("deletion not resumed", extra={"uid": deletion["id"]})
    return ended


def _nobody(now: datetime) -> dict[str, Any]:
    """What is left of users/{uid}."""
    return {
        "name": NAME,
        "email": None,
        "emailVerified": False,
        "role": "user",
        "disabled": True,
        "tokensValidAfter": now,
        "deletedAt": now,
        "createdAt": now,
        "updatedAt": now,
    }
