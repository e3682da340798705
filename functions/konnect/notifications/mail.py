"""mails/{notificationId}: the mail of a notification, by `delivery`, with {to, messageId}. No client reads it."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from konnect.config import Settings
from konnect.context import Context
from konnect.errors import BadGateway, Unavailable
from konnect.store import Doc, Tx

from . import delivery, preferences

if TYPE_CHECKING:
    from konnect.integrations.mail.client import Invitation

log = logging.getLogger(__name__)


def address(tx: Tx, notification_id: str, to: str, *, now: datetime) -> None:
    """Set beforehand where the mail goes; forgotten once it is sent."""
    tx.create(("mails", notification_id), {**_new(now), "to": to, "nextAttemptAt": now + delivery.SWEEP_AFTER})


def deliver(ctx: Context, notification_id: str, notification: Doc, now: datetime) -> str:
    """Mail a notification, once, if its user wants it. Returns the status it came to.

    Raises Unavailable when it has to be tried again: the server failed, or another delivery is under way.
    """
    path = ("mails", notification_id)
    claimed = ctx.run(lambda tx: _claim(tx, path, notification, now))
    if claimed["status"] != "sending":
        return str(claimed["status"])
    from konnect.integrations.mail.client import Mail, mailer

    from . import templates

    try:
        subject, text, html = templates.render(notification, name=claimed["name"], app_url=ctx.settings.app_url)
        invitation = _invitation(ctx.settings, notification, claimed["to"])
        message_id = mailer(ctx.settings).send(Mail(notification_id, claimed["to"], subject, text, html, invitation))
    except BadGateway as error:
        log.warning("mail refused", extra={"notification": notification_id, "error": error.message})
        return delivery.end(ctx, path, "failed", now, to=None, lastError=error.message)
    except Unavailable as error:
        delivery.release(ctx, path, error.message)
        raise
    # The address has served.
    return delivery.end(ctx, path, "sent", now, to=None, messageId=message_id, lastError=None)


def sweep(ctx: Context, now: datetime) -> dict[str, int]:
    """Try again the mails whose event has been given up. Returns how many came to which status."""
    return delivery.sweep(ctx, "mails", deliver, now)


def _claim(tx: Tx, path: delivery.Path, notification: Doc, now: datetime) -> Doc:
    uid = notification["userId"]
    tx.prefetch(path, ("users", uid), preferences.path(uid))
    wanted = preferences.Preferences.of(tx.get(*preferences.path(uid))).wants(notification["type"], "email")
    if not wanted and tx.get(*path) is None:
        return {"status": "skipped"}
    claimed = delivery.claim(tx, path, _new(now), now=now)
    if claimed["status"] != "sending":
        return claimed
    user = tx.get("users", uid) or {}
    to = claimed["to"] or user.get("email")
    if not to or not wanted:
        skipped = {**claimed, **delivery.ended("skipped", now), "to": None, "attempts": claimed["attempts"] - 1}
        tx.set(path, skipped)
        return skipped
    return {**claimed, "to": to, "name": user.get("name")}


def _invitation(settings: Settings, notification: Doc, to: str) -> "Invitation | None":
    found = notification.get("invitation")
    if found is None:
        return None
    from konnect import ics
    from konnect.integrations.mail.client import Invitation

    publisher = ics.Publisher(settings.mail_from, settings.app_url)
    return Invitation(*ics.invitation(ics.Event.of(found), publisher, to))


def _new(now: datetime) -> Doc:
    return {**delivery.new(now), "to": None, "messageId": None}
