"""mails/{notificationId}: the mail of a notification, from its claim to its end. No client reads it.

{status: pending | sending | sent | failed | skipped, attempts, claimedUntil, nextAttemptAt, to, messageId, lastError,
createdAt, expiresAt}. The event that asks for a mail comes at least once and may come twice at a time: whoever holds
the claim sends. Only a crash between the server's word and ours sends again, under the same Message-ID.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from konnect import clock
from konnect.context import Context
from konnect.errors import BadGateway, KonnectError, Unavailable
from konnect.store import Doc, Query, Tx

log = logging.getLogger(__name__)

CLAIM_S = 120
"""Longer than a function lives that sends a mail."""
SWEEP_AFTER = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
KEPT = timedelta(days=30)
SWEEP_LIMIT = 100
FINAL = ("sent", "failed", "skipped")


def address(tx: Tx, notification_id: str, to: str, *, now: datetime) -> None:
    """Set beforehand where the mail goes; forgotten once it is sent."""
    tx.create(("mails", notification_id), {**_new(now), "to": to, "nextAttemptAt": now + SWEEP_AFTER})


def deliver(ctx: Context, notification_id: str, notification: Doc, now: datetime) -> str:
    """Mail a notification, once. Returns the status it came to.

    Raises Unavailable when it has to be tried again: the server failed, or another delivery is under way.
    """
    claimed = ctx.run(lambda tx: _claim(tx, notification_id, notification, now))
    if claimed["status"] != "sending":
        return str(claimed["status"])
    from konnect.integrations.mail.client import Mail, mailer

    from . import templates

    try:
        subject, text, html = templates.render(notification, name=claimed["name"])
        message_id = mailer(ctx.settings).send(Mail(notification_id, claimed["to"], subject, text, html))
    except BadGateway as error:
        log.warning("mail refused", extra={"notification": notification_id, "error": error.message})
        return _end(ctx, notification_id, "failed", now, lastError=error.message)
    except Unavailable as error:
        released = {"status": "pending", "claimedUntil": None, "lastError": error.message}
        ctx.run(lambda tx: tx.update(("mails", notification_id), released))
        raise
    return _end(ctx, notification_id, "sent", now, messageId=message_id, lastError=None)


def sweep(ctx: Context, now: datetime) -> dict[str, int]:
    """Try again the mails whose event has been given up, for three days. Returns how many came to which status."""
    counts: dict[str, int] = {}
    due = Query(("mails",), (("nextAttemptAt", "<=", now),), (("nextAttemptAt", "asc"),), SWEEP_LIMIT).run(ctx.db)
    for mail in due:
        status = _again(ctx, mail, now)
        counts[status] = counts.get(status, 0) + 1
    return counts


def _again(ctx: Context, mail: Doc, now: datetime) -> str:
    notification = ctx.db.get("notifications", mail["id"])
    if notification is None:
        return _end(ctx, mail["id"], "skipped", now)
    if now - mail["createdAt"] > GIVE_UP_AFTER:
        log.error("mail given up", extra={"notification": mail["id"], "error": mail["lastError"]})
        return _end(ctx, mail["id"], "failed", now)
    try:
        return deliver(ctx, mail["id"], notification, now)
    except KonnectError as error:
        log.warning("mail not sent", extra={"notification": mail["id"], "error": error.message})
        return "pending"


def _claim(tx: Tx, notification_id: str, notification: Doc, now: datetime) -> Doc:
    path = ("mails", notification_id)
    uid = notification["userId"]
    tx.prefetch(path, ("users", uid))
    mail = tx.get(*path) or _new(now)
    if mail["status"] in FINAL:
        return mail
    if mail["claimedUntil"] is not None and mail["claimedUntil"] > now:
        raise Unavailable("the mail is being sent", retry_after_s=CLAIM_S)
    user = tx.get("users", uid) or {}
    to = mail["to"] or user.get("email")
    if not to:
        mail |= {"status": "skipped", "nextAttemptAt": None, "expiresAt": now + KEPT}
    else:
        mail |= {
            "status": "sending",
            "attempts": mail["attempts"] + 1,
            "claimedUntil": clock.after(now, CLAIM_S),
            "nextAttemptAt": now + SWEEP_AFTER,
        }
    tx.set(path, mail)
    return {**mail, "to": to, "name": user.get("name")}


def _end(ctx: Context, notification_id: str, status: str, now: datetime, **fields: Any) -> str:
    # The address and the claim have served.
    ended = {"status": status, "to": None, "claimedUntil": None, "nextAttemptAt": None, "endedAt": now, **fields}
    ctx.run(lambda tx: tx.update(("mails", notification_id), {**ended, "expiresAt": now + KEPT}))
    return status


def _new(now: datetime) -> Doc:
    return {
        "status": "pending",
        "attempts": 0,
        "claimedUntil": None,
        "nextAttemptAt": None,
        "to": None,
        "messageId": None,
        "lastError": None,
        "createdAt": now,
    }
