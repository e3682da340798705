"""Webhooks in the format of 8x8's JaaS (developer.8x8.com/jaas/docs/webhooks-payload and -signatures), verified and
read. A server of one's own can send the same."""

import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

log = logging.getLogger(__name__)

TOLERANCE = timedelta(hours=24)
"""Between the signing and the arrival. Repeats are recognised by their id, so an old event does no harm, and one that
was sent again after an outage must not be lost; JaaS gives up before."""


@dataclass(frozen=True)
class Recording:
    """A recording that was uploaded; `url` is open to who knows it, at JaaS for 24 hours."""

    id: str
    url: str
    recorded_at: datetime
    duration_s: int | None


@dataclass(frozen=True)
class Event:
    """A verified event: `app_id` and `room` by its `fqn`, `at` when it happened, `user_id` its participant's (the
    token's `context.user.id`). `problem` says why a body that was truly signed can't be read."""

    id: str
    name: str
    app_id: str = ""
    room: str = ""
    at: datetime | None = None
    user_id: str = ""
    recording: Recording | None = None
    problem: str = ""


def verified(raw: bytes, header: str, secret: str, *, now: datetime) -> bool:
    """Whether X-Jaas-Signature ("t={unix seconds},v1={base64}", more than one v1 perhaps) signs this body: HMAC-SHA256
    of "{t}.{body}". Never true without a secret: anybody can sign with an empty one."""
    if not secret:
        log.error("JITSI_WEBHOOK_SECRET is not set: every event is refused")
        return False
    parts = [part.strip().partition("=") for part in header.split(",")]
    stamp = next((value for name, _, value in parts if name == "t"), "")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        return False
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        return False
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).digest()
    return any(hmac.compare_digest(digest, _decoded(value)) for name, _, value in parts if name == "v1")


def read(raw: bytes) -> Event:
    """The event of a verified body. Without an `idempotencyKey`, the body's digest stands in."""
    event_id, name = hashlib.sha256(raw).hexdigest(), ""
    try:
        body = json.loads(raw)
        event_id, name = str(body.get("idempotencyKey") or event_id), str(body["eventType"])
        app_id, _, room = str(body["fqn"]).rpartition("/")
        data: Mapping[str, Any] = body.get("data") or {}
        # A breakout room's comings and goings are none of the meeting's own.
        breakout = bool(data.get("isBreakout"))
        return Event(
            event_id,
            name,
            app_id,
            room.lower(),
            _moment(body["timestamp"]),
            "" if breakout else str(data.get("id") or ""),
            _recording(data, body, event_id) if name == "RECORDING_UPLOADED" else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        return Event(event_id, name or "unknown", problem=f"{type(error).__name__}: {error}")


def _recording(data: Mapping[str, Any], body: Mapping[str, Any], event_id: str) -> Recording:
    duration = data.get("durationSec")
    return Recording(
        str(data.get("recordingSessionId") or event_id),
        str(data["preAuthenticatedLink"]),
        _moment(data.get("startTimestamp") or body["timestamp"]),
        int(duration) if duration is not None else None,
    )


def _moment(milliseconds: Any) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""
