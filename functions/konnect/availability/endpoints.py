"""/api/mentors/availability, /api/mentors/toggle-bookings: a mentor's own."""

from konnect.http.routing import Call, Router

from . import service
from .schemas import Availability, AvailabilityChange, Toggle

router = Router("Availability")


@router.get("/api/mentors/availability", response=Availability, auth="expert", errors=(404,))
def own_availability(call: Call) -> Availability:
    """When the caller can be booked."""
    return Availability.of(call.ctx.run(lambda tx: service.own(tx, call.user.uid)))


@router.put("/api/mentors/availability", response=Availability, auth="expert", errors=(404,))
def change_availability(call: Call, body: AvailabilityChange) -> Availability:
    """Set the week, exceptions, a vacation, and how early and how close to each other bookings may be."""
    fields = body.fields()
    return Availability.of(call.ctx.run(lambda tx: service.change(tx, call.user.uid, fields, now=call.now)))


@router.put("/api/mentors/toggle-bookings", response=Availability, auth="expert", errors=(404,))
def toggle_bookings(call: Call, body: Toggle) -> Availability:
    """Accept bookings, or none for now. What is booked stays booked."""
    wanted = body.is_accepting_bookings
    return Availability.of(call.ctx.run(lambda tx: service.accept_bookings(tx, call.user.uid, wanted, now=call.now)))
