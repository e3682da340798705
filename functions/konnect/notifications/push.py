"""pushes/{notificationId}: the push of a notification, by `delivery`, with {devices: {id: sent | gone | failed}}.

Each device gets it once. A repeat after a crash has the same tag, so that the device replaces what it shows.
"""

import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING

from konnect.context import Context
from konnect.errors import BadGateway, Unavailable
from konnect.store import Doc, Tx

from . import delivery, devices, preferences

if TYPE_CHECKING:
    from konnect.integrations.push.client import Message

log = logging.getLogger(__name__)

BUDGET_S = 30.0
"""So long one delivery goes from device to device; the rest is for the next."""


def deliver(ctx: Context, notification_id: str, notification: Doc, now: datetime) -> str:
    """Push a notification to its user's devices, if the user wants it. Returns the status it came to.

    Raises Unavailable when some device has to be tried again.
    """
    path, uid = ("pushes", notification_id), notification["userId"]
    wanted = preferences.read(ctx.db, uid).wants(notification["type"], "push")
    targets = devices.of_user(ctx.db, uid, now=now) if wanted else []
    claimed = ctx.run(lambda tx: _claim(tx, path, bool(targets), now))
    if claimed["status"] != "sending":
        return str(claimed["status"])
    done: dict[str, str] = dict(claimed["devices"])
    failure = _send_all(ctx, notification_id, notification, [one for one in targets if one["id"] not in done], done)
    if failure is not None:
        delivery.release(ctx, path, failure.message, devices=done)
        raise failure
    status = "sent" if "sent" in done.values() else "failed"
    return delivery.end(ctx, path, status, now, devices=done, lastError=None)


def sweep(ctx: Context, now: datetime) -> dict[str, int]:
    """Try again the pushes whose event has been given up. Returns how many came to which status."""
    return delivery.sweep(ctx, "pushes", deliver, now)


def _claim(tx: Tx, path: delivery.Path, any_target: bool, now: datetime) -> Doc:
    if not any_target:
        # Most users have no device: nothing is written for them.
        if tx.get(*path) is not None:
            tx.update(path, delivery.ended("skipped", now))
        return {"status": "skipped"}
    return delivery.claim(tx, path, {**delivery.new(now), "devices": {}}, now=now)


def _send_all(
    ctx: Context, notification_id: str, notification: Doc, targets: list[Doc], done: dict[str, str]
) -> Unavailable | None:
    """Send to each of `targets`, noting in `done` what came of it. Returns why some are left, or None."""
    from konnect.integrations.push.client import Unregistered, pusher

    failure: Unavailable | None = None
    deadline = time.monotonic() + BUDGET_S
    for device in targets:
        if time.monotonic() > deadline:
            return failure or Unavailable("the devices take too long")
        try:
            pusher(ctx.settings).send(_message(ctx, notification_id, notification, device["token"]))
            done[device["id"]] = "sent"
        except Unregistered:
            devices.forget(ctx.db, device["id"])
            done[device["id"]] = "gone"
        except BadGateway as error:
            log.error("push refused", extra={"notification": notification_id, "error": error.message})
            done[device["id"]] = "failed"
        except Unavailable as error:
            failure = error
    return failure


def _message(ctx: Context, notification_id: str, notification: Doc, token: str) -> "Message":
    from konnect.integrations.push.client import Message

    action = notification["actionUrl"]
    return Message(
        token=token,
        tag=notification_id,
        title=notification["title"],
        body=notification["message"],
        data={"notificationId": notification_id, "type": notification["type"], "actionUrl": action or ""},
        link=ctx.settings.app_url.rstrip("/") + action if action and ctx.settings.app_url else None,
    )
