"""/api/bookings/{id}/meeting-link and /recording."""

from functools import partial
from typing import Any

from konnect.http.routing import Call, Router
from konnect.platform import platform_config

from . import call as calls
from . import recordings
from .call_schemas import MeetingLink, RecordingLinks

router = Router("Bookings")


@router.get("/api/bookings/<booking_id>/meeting-link", response=MeetingLink, errors=(403, 404, 409))
def meeting_link(call: Call, booking_id: str) -> dict[str, Any]:
    """The caller's way into a booking's call, from ten minutes before its beginning until five minutes after its end;
    before that, how long it is until then. Taking the link while the call is open counts as having come.
    """
    work = partial(
        calls.link,
        booking_id=booking_id,
        uid=call.user.uid,
        room_secret=calls.secret(),
        settings=call.ctx.settings,
        config=platform_config(call.ctx.db),
        now=call.now,
    )
    return call.ctx.run(work)


@router.get("/api/bookings/<booking_id>/recording", response=RecordingLinks, errors=(403, 404, 409, 410, 503))
def recording(call: Call, booking_id: str) -> dict[str, Any]:
    """The recordings of a booking's call, for its two participants: made by the mentor, where the student's
    subscription includes it, and kept for the configured days.
    """
    found = call.ctx.run(partial(recordings.shown, booking_id=booking_id, uid=call.user.uid, now=call.now))
    return recordings.links(call.ctx, found, now=call.now)
