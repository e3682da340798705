"""POST /api/webhooks/jitsi: what Jitsi tells of the calls, verified, received once, answered at once."""

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from konnect.errors import BadRequest
from konnect.external_events import service as external_events
from konnect.http.routing import Call, Router
from konnect.http.schemas import Schema
from konnect.integrations.jitsi import webhook as jitsi
from konnect.integrations.jitsi.webhook import Event
from konnect.platform import PlatformConfig, platform_config
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx

from . import attendance, call, recordings, repository

log = logging.getLogger(__name__)
router = Router("Webhooks")

PROVIDER = "jitsi"
CLOCKS = timedelta(minutes=1)
"""So much Jitsi's clock may differ from ours."""
Outcome = Literal["noted", "repeat", "ignored"]


class CallWebhookAnswer(Schema):
    outcome: Outcome


@router.post(
    "/api/webhooks/jitsi",
    response=CallWebhookAnswer,
    auth="public",
    limit=None,
    summary="Jitsi's events",
    errors=(400, 503),
)
def hear_of_calls(call: Call) -> CallWebhookAnswer:
    """In the format of 8x8's JaaS, signed over the raw body (`X-Jaas-Signature`): who has come into a booking's call
    and left it, and recordings. Every verified event is answered 200, also one of no use here; only an effect that
    could not be written is answered 503, and so sent again.
    """
    settings = call.ctx.settings
    signature = call.request.headers.get("X-Jaas-Signature", "")
    if not jitsi.verified(call.raw_body, signature, settings.jitsi_webhook_secret, now=call.now):
        raise BadRequest("the body is not signed with the webhook's secret", code="INVALID_SIGNATURE")
    event = jitsi.read(call.raw_body)
    config, pace = platform_config(call.ctx.db), Pace.of(settings)
    work = partial(_receive, event=event, app_id=settings.jitsi_app_id, config=config, pace=pace, now=call.now)
    outcome: Outcome = call.ctx.run(work)
    about = {"event": event.name, "event_id": event.id, "room": event.room, "outcome": outcome}
    level = logging.ERROR if event.problem else logging.INFO
    log.log(level, "webhook", extra={**about, "problem": event.problem})
    return CallWebhookAnswer(outcome=outcome)


def _receive(tx: Tx, *, event: Event, app_id: str, config: PlatformConfig, pace: Pace, now: datetime) -> Outcome:
    if external_events.received(tx, PROVIDER, event.id):
        return "repeat"
    booking = _booking(tx, event, app_id)
    noted = booking is not None and _apply(tx, booking, event, config=config, pace=pace, now=now)
    outcome: Outcome = "noted" if noted else "ignored"
    subject = {"room": event.room, **({"booking": booking["id"]} if booking is not None else {})}
    external_events.record(tx, PROVIDER, event.id, name=event.name, outcome=outcome, subject=subject, now=now)
    return outcome


def _booking(tx: Tx, event: Event, app_id: str) -> Doc | None:
    """The booking whose call it is about: by the whole of its room's name, below our own AppID."""
    booking_id = call.booking_of(event.room)
    if booking_id is None or (event.app_id and app_id and event.app_id != app_id):
        return None
    booking = repository.find(tx, booking_id)
    return booking if booking is not None and booking["jitsiRoomName"] == event.room else None


def _apply(tx: Tx, booking: Doc, event: Event, *, config: PlatformConfig, pace: Pace, now: datetime) -> bool:
    if event.recording is not None:
        recordings.heard(tx, booking, event.recording, keep_days=config.recordingDays, pace=pace, now=now)
        return True
    # Events come late, and in any order: their own time counts.
    assert event.at is not None, "a booking's event has been read"
    at, window = min(event.at, now), call.Window.of(booking, pace)
    if not window.opens_at - CLOCKS <= at:
        return False
    if event.name in {"ROOM_CREATED", "ROOM_DESTROYED"}:
        attendance.room(tx, booking, "opened" if event.name == "ROOM_CREATED" else "closed", at)
        return True
    if event.name not in {"PARTICIPANT_JOINED", "PARTICIPANT_LEFT"} or event.user_id not in booking["participants"]:
        return False
    came = event.name == "PARTICIPANT_JOINED"
    if came and at > window.closes_at + CLOCKS:
        return False
    side: attendance.Side = "student" if event.user_id == booking["studentId"] else "mentor"
    attendance.in_room(tx, booking, side, "came" if came else "left", at, now=now)
    return True
