"""/api/mentors/{id}/slots: when a mentor can be booked, by all that a booking is held to."""

from datetime import datetime, timedelta
from typing import Any

from konnect import clock
from konnect.availability import service as availability
from konnect.availability.schemas import OpenSlots, SlotsQuery
from konnect.errors import BadRequest
from konnect.experts import service as experts
from konnect.http.routing import Call, Router
from konnect.platform import PlatformConfig, platform_config
from konnect.sessions.booked.service import look_until
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx
from konnect.subscriptions import service as subscriptions

router = Router("Availability")


@router.get("/api/mentors/<mentor_id>/slots", response=OpenSlots, errors=(404,))
def open_slots(call: Call, mentor_id: str, query: SlotsQuery) -> dict[str, Any]:
    """The times at which a mentor can be booked, by the rules that a booking is held to; how early depends on the
    caller's plan. A slot can be gone by the time that it is booked: the answer is then 409 SLOT_TAKEN."""
    config, pace = platform_config(call.ctx.db), Pace.of(call.ctx.settings)

    def find(tx: Tx) -> tuple[str, list[datetime]]:
        expert = experts.get(tx, mentor_id)
        name = query.tz or expert.get("timeZone") or experts.TIME_ZONE
        zone = clock.zone(name)
        first = query.from_ or call.now.astimezone(zone).date()
        last = query.to or first + timedelta(days=6)
        if last - first >= timedelta(days=availability.MAX_DAYS) or last < first:
            raise BadRequest.field("to", f"must be within {availability.MAX_DAYS} days of from")
        begins, ends = clock.day_begins(first, zone), clock.day_begins(last + timedelta(days=1), zone)
        length = timedelta(minutes=int(query.duration))
        horizon = subscriptions.horizon(tx, call.user.uid, config, now=call.now)
        return name, open_times(tx, expert, begins, ends, length, horizon, config, pace, call.now)

    name, starts = call.ctx.run(find)
    zone = clock.zone(name)
    items = [{"startsAt": start, "local": start.astimezone(zone).isoformat()} for start in starts]
    return {"items": items, "timeZone": name, "duration": int(query.duration)}


def open_times(
    tx: Tx,
    expert: Doc,
    begins: datetime,
    ends: datetime,
    length: timedelta,
    horizon: timedelta,
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> list[datetime]:
    """Without the times that a session which the mentor is in by the minute may last into: four reads in all."""
    starts = availability.open_times(tx, expert, begins, ends, length, horizon=horizon, now=now)
    if not starts:
        return []
    free_at = look_until(tx, expert["id"], expert["firebaseUid"], config, pace)
    return [start for start in starts if free_at is None or start >= free_at]
