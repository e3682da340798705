"""/api/bookings/{id}/calendar.ics, /api/calendar/{token}.ics and /api/calendar-feed: sessions in one's own calendar."""

import hashlib
import secrets
from typing import Any

from flask import Response

from konnect import ics
from konnect.errors import Conflict, NotFound
from konnect.http import limiting
from konnect.http.routing import Call, Router

from . import events, feeds, repository
from .schemas import CalendarFeed, NewCalendarFeed

router = Router("Calendars")

MAX_AGE_S = 300
_FILE: dict[str, Any] = {"text/calendar": {"schema": {"type": "string"}}}
_ETAG = {"ETag": {"schema": {"type": "string"}}}


@router.get(
    "/api/bookings/<booking_id>/calendar.ics",
    errors=(403, 404, 409),
    documentation={"responses": {"200": {"description": "An iCalendar file (RFC 5545).", "content": _FILE}}},
)
def booking_file(call: Call, booking_id: str) -> Response:
    """A booking as a file for one's calendar, as the caller sees it. The same is in the mails about it. 409
    NOT_CONFIRMED while it is not paid."""
    booking = call.ctx.run(lambda tx: repository.of_participant(tx, booking_id, call.user.uid))
    if booking["confirmedAt"] is None:
        raise Conflict(f"the booking is {booking['status']}", code="NOT_CONFIRMED")
    event = events.of(booking, repository.side_of(booking, call.user.uid), changed_at=booking["updatedAt"])
    content = ics.file(event, _publisher(call))
    headers = {"Content-Disposition": f'attachment; filename="{booking_id}.ics"'}
    return Response(content, content_type=ics.CONTENT_TYPE, headers=headers)


@router.get(
    "/api/calendar/<token>.ics",
    auth="public",
    counts_itself=True,
    errors=(404,),
    documentation={
        "responses": {
            "200": {"description": "An iCalendar feed (RFC 5545).", "content": _FILE, "headers": _ETAG},
            "304": {"description": "Unchanged since the ETag of If-None-Match."},
        }
    },
)
def feed(call: Call, token: str) -> Response:
    """A user's sessions of the last ninety days and to come, for calendars to subscribe to. The address is the key:
    `POST /api/calendar-feed` makes it, and makes the one before worthless."""
    # The address is a secret, so not for the log.
    call.logged_path = "/api/calendar/*.ics"
    try:
        uid = feeds.owner(call.ctx.db, token)
    except NotFound:
        limiting.take(call, "general", None)
        raise
    # By feed: a calendar's servers fetch those of many users from one address.
    limiting.take(call, "general", f"calendar:{feeds.id_of(token)}")
    content = feeds.content(call.ctx.db, uid, _publisher(call), now=call.now)
    response = Response(content, content_type=ics.CONTENT_TYPE)
    response.set_etag(hashlib.sha256(content).hexdigest()[:32])
    response.headers["Cache-Control"] = f"private, max-age={MAX_AGE_S}"
    response.headers["Content-Disposition"] = 'inline; filename="konnect.ics"'
    response.make_conditional(call.request)
    return response


@router.get("/api/calendar-feed", response=CalendarFeed)
def own_feed(call: Call) -> dict[str, Any]:
    """Whether the caller has a feed, and since when. Its address is told once, when it is made."""
    found = feeds.current(call.ctx.db, call.user.uid)
    return {"active": found is not None, "createdAt": found["createdAt"] if found else None}


@router.post("/api/calendar-feed", response=NewCalendarFeed, status=201)
def make_feed(call: Call) -> dict[str, Any]:
    """Make the secret address of the caller's calendar. Whoever has it can read it, so a new one replaces it."""
    token = secrets.token_urlsafe(32)
    made = call.ctx.run(lambda tx: feeds.renew(tx, call.user.uid, token, now=call.now))
    path = f"/api/calendar/{token}.ics"
    return {"active": True, "createdAt": made["createdAt"], "path": path}


@router.delete("/api/calendar-feed", status=204)
def remove_feed(call: Call) -> None:
    """Take the caller's feed away. Without one nothing happens."""
    call.ctx.run(lambda tx: feeds.stop(tx, call.user.uid))


def _publisher(call: Call) -> ics.Publisher:
    return ics.Publisher(call.ctx.settings.mail_from, call.ctx.settings.app_url)
