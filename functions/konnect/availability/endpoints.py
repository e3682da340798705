"""/api/mentors/availability, /api/mentors/toggle-bookings, /api/mentors/{id}/slots."""

from datetime import datetime, timedelta
from typing import Any

from konnect import clock
from konnect.errors import BadRequest
from konnect.experts import service as experts
from konnect.http.routing import Call, Router
from konnect.store import Tx

from . import service
from .schemas import Availability, AvailabilityChange, OpenSlots, SlotsQuery, Toggle

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


@router.get("/api/mentors/<mentor_id>/slots", response=OpenSlots, errors=(404,))
def open_slots(call: Call, mentor_id: str, query: SlotsQuery) -> dict[str, Any]:
    """The times at which a mentor can be booked, by the rules that a booking is held to. A slot can be gone by the time
    that it is booked: the answer is then 409 SLOT_TAKEN."""

    def find(tx: Tx) -> tuple[str, list[datetime]]:
        expert = experts.get(tx, mentor_id)
        name = query.tz or expert.get("timeZone") or experts.TIME_ZONE
        zone = clock.zone(name)
        first = query.from_ or call.now.astimezone(zone).date()
        last = query.to or first + timedelta(days=6)
        if last - first >= timedelta(days=service.MAX_DAYS) or last < first:
            raise BadRequest.field("to", f"must be within {service.MAX_DAYS} days of from")
        begins, ends = clock.day_begins(first, zone), clock.day_begins(last + timedelta(days=1), zone)
        length = timedelta(minutes=int(query.duration))
        return name, service.open_times(tx, expert, begins, ends, length, now=call.now)

    name, starts = call.ctx.run(find)
    zone = clock.zone(name)
    items = [{"startsAt": start, "local": start.astimezone(zone).isoformat()} for start in starts]
    return {"items": items, "timeZone": name, "duration": int(query.duration)}
