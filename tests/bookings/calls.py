"""Calls in tests: bookings whose time is now, and Jitsi, which posts its signed events."""

import base64
import hashlib
import hmac
import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import requests

from konnect import clock
from konnect.bookings import call
from konnect.config import Settings
from konnect.platform import PlatformConfig
from konnect.store import Doc
from konnect.subscriptions import plans

from .conftest import DAY, MINUTE, STUDENT, Desk

SECRET = "a-jitsi-secret"
APP_ID = "vpaas-magic-cookie-0a1b"


def take(desk: Desk, booking_id: str, uid: str, now: datetime, **given: Any) -> Doc:
    """The link of one side, at a time of the test's own."""
    config: PlatformConfig = given.get("config", desk.config)
    settings: Settings = given.get("settings", desk.ctx.settings)
    return desk.ctx.run(
        lambda tx: call.link(tx, booking_id, uid, room_secret=call.secret(), settings=settings, config=config, now=now)
    )


def attendance(desk: Desk, booking_id: str) -> Doc:
    return desk.ctx.db.get("bookings", booking_id, "private", "attendance") or {}


def premium(desk: Desk, uid: str = STUDENT, *, now: datetime) -> None:
    """A student whose subscription includes recordings."""
    plan = plans.sold(desk.config)["premium"].fields
    period = {"id": "p1", "startsAt": now - DAY, "endsAt": now + 30 * DAY, "plan": plan}
    desk.ctx.db.set(("subscribers", uid), {"subscriptionId": None, "period": period, "reserving": None})


def running(desk: Desk, *, since: timedelta = MINUTE) -> str:
    """A confirmed booking whose time began so long ago, by the real clock: for what comes by HTTP."""
    booking_id = desk.confirmed()
    begins = clock.now() - since
    times = {"scheduledAt": begins, "endsAt": begins + timedelta(hours=1), "nextActionAt": begins + DAY}
    desk.ctx.db.set(("bookings", booking_id), times, merge=True)
    return booking_id


def event(name: str, room: str, *, at: datetime | None = None, **data: Any) -> Doc:
    """As JaaS sends it."""
    return {
        "idempotencyKey": str(uuid.uuid4()),
        "customerId": "0a1b",
        "appId": APP_ID,
        "eventType": name,
        "sessionId": str(uuid.uuid4()),
        "timestamp": int((at or clock.now()).timestamp() * 1000),
        "fqn": f"{APP_ID}/{room}",
        "data": data,
    }


def signature(raw: str, *, secret: str = SECRET, at: datetime | None = None) -> str:
    stamp = int((at or clock.now()).timestamp())
    digest = hmac.new(secret.encode(), f"{stamp}.{raw}".encode(), hashlib.sha256).digest()
    return f"t={stamp},v1={base64.b64encode(digest).decode()}"


def post(desk: Desk, body: Doc, **signing: Any) -> requests.Response:
    raw = json.dumps(body)
    return desk.api.user(None).call(
        "POST", "/api/webhooks/jitsi", raw=raw, **{"X-Jaas-Signature": signature(raw, **signing)}
    )
