"""POST /api/bookings/{id}/dispute."""

from typing import Any

from konnect.bookings.schemas import Booking
from konnect.http.routing import Call, Router
from konnect.platform import platform_config
from konnect.sessions.metering import Pace

from . import service
from .schemas import DisputeRequest

router = Router("Bookings")


@router.post("/api/bookings/<booking_id>/dispute", response=Booking, status=201, errors=(403, 404, 409, 503))
def dispute(call: Call, booking_id: str, body: DisputeRequest) -> dict[str, Any]:
    """Open a dispute about a session, until seven days after its end, once; or answer the one that the other side has
    opened, once. An admin decides, and both are told.
    """
    config, pace = platform_config(call.ctx.db), Pace.of(call.ctx.settings)
    return call.ctx.run(
        lambda tx: service.say(
            tx, booking_id, call.user.uid, body.reason, body.description, config=config, pace=pace, now=call.now
        )
    )
