"""availability/{expertId}: when a mentor can be booked. No client reads it.

{weekly: {day: [{from, to}, …]}, exceptions: {date: [{from, to}, …]}, vacation: {from, to} | None, noticeMins,
bufferMins, horizonDays, updatedAt}; windows in minutes since midnight of the mentor's own zone (`timeZone` on
experts/{id}). Whether bookings are accepted at all is a setting of the expert (`acceptsBookings`), unless the platform
has stopped them (`bookingsStopped`).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation
from konnect.experts import preferences, profiles
from konnect.experts import service as experts
from konnect.store import Doc, Tx

from .slots import Rules, Span, Window, is_open, open_slots

DEFAULTS: Doc = {
    "weekly": {},
    "exceptions": {},
    "vacation": None,
    "noticeMins": 120,
    "bufferMins": 0,
    "horizonDays": 60,
}
MAX_DAYS = 62
"""Of a question for slots."""


def own(tx: Tx, uid: str) -> Doc:
    """The caller's own availability with "timeZone" and "acceptsBookings". Raises NotFound without a profile."""
    expert = experts.own(tx, uid)
    return _whole(expert, tx.get("availability", expert["id"]))


def change(tx: Tx, uid: str, fields: Doc, *, now: datetime) -> Doc:
    """Change what is given, by the document's names, and "timeZone"; the rest stays. What is booked stays, too."""
    expert = experts.own(tx, uid)
    path = ("availability", expert["id"])
    before = tx.get(*path)
    given = dict(fields)
    zone = given.pop("timeZone", None)
    if zone is not None and zone != expert.get("timeZone"):
        profiles.update(tx, expert["id"], {"timeZone": zone}, now=now)
        expert = {**expert, "timeZone": zone}
    after = {**DEFAULTS, **(before or {}), **given, "updatedAt": now}
    tx.set(path, after)
    return _whole(expert, after)


def accept_bookings(tx: Tx, uid: str, wanted: bool | None, *, now: datetime) -> Doc:
    """Switch bookings on or off; None: the other way round."""
    expert = experts.own(tx, uid)
    value = not preferences.of(expert)["acceptsBookings"] if wanted is None else wanted
    preferences.change(tx, expert["id"], {"acceptsBookings": value}, now=now)
    return _whole({**expert, "acceptsBookings": value}, tx.get("availability", expert["id"]))


def rules(expert: Doc, found: Doc | None) -> Rules:
    """The rules of a mentor by their two documents."""
    doc = {**DEFAULTS, **(found or {})}
    vacation = doc["vacation"]
    return Rules(
        zone=expert.get("timeZone") or experts.TIME_ZONE,
        weekly={int(day): _windows(windows) for day, windows in doc["weekly"].items()},
        exceptions={date.fromisoformat(day): _windows(windows) for day, windows in doc["exceptions"].items()},
        holidays=((date.fromisoformat(vacation["from"]), date.fromisoformat(vacation["to"])),) if vacation else (),
        accepting=preferences.bookable(expert),
        notice=timedelta(minutes=doc["noticeMins"]),
        buffer=timedelta(minutes=doc["bufferMins"]),
        horizon=timedelta(days=doc["horizonDays"]),
    )


def open_times(
    tx: Tx,
    expert: Doc,
    begins: datetime,
    ends: datetime,
    duration: timedelta,
    *,
    horizon: timedelta | None = None,
    now: datetime,
) -> list[datetime]:
    """The starts that are open from `begins` to before `ends`: one document of rules, one calendar day a UTC day.
    `horizon`: how early who asks can book; the mentor's own holds too."""
    uid = expert["firebaseUid"]
    if uid is None:
        return []
    found = _within(rules(expert, tx.get("availability", expert["id"])), horizon)
    # Nothing outside is open: those days need not be read.
    begins, ends = max(begins, now), min(ends, now + found.horizon)
    if ends <= begins or not found.accepting:
        return []
    # Without locks: who only looks must not be in the way of who books.
    tx.peek(*calendar.paths((uid,), begins - found.buffer, ends + duration + found.buffer))
    return open_slots(found, _taken(tx, uid, found, begins, ends + duration, now), begins, ends, duration, now)


def is_free(
    tx: Tx,
    expert: Doc,
    start: datetime,
    duration: timedelta,
    *,
    but: str | None = None,
    notice: bool = True,
    horizon: timedelta | None = None,
    now: datetime,
) -> bool:
    """Whether a booking may begin at `start`, by the same rules. `but`: a reservation that does not count. Without
    `notice` also at short notice: somebody who was in time has paid late."""
    found = _within(rules(expert, tx.get("availability", expert["id"])), horizon)
    if not notice:
        found = replace(found, notice=timedelta(0))
    taken = _taken(tx, expert["firebaseUid"], found, start, start + duration, now, but)
    return is_open(found, taken, start, duration, now)


def _within(found: Rules, horizon: timedelta | None) -> Rules:
    return found if horizon is None else replace(found, horizon=min(found.horizon, horizon))


def _taken(
    tx: Tx, uid: str, found: Rules, begins: datetime, ends: datetime, now: datetime, but: str | None = None
) -> Iterable[Span]:
    reservations: list[Reservation] = calendar.overlapping(tx, uid, begins - found.buffer, ends + found.buffer, now=now)
    return [(one.begins, one.ends) for one in reservations if one.id != but]


def _whole(expert: Doc, found: Doc | None) -> dict[str, Any]:
    return {
        **DEFAULTS,
        **(found or {}),
        "timeZone": expert.get("timeZone") or experts.TIME_ZONE,
        "acceptsBookings": preferences.of(expert)["acceptsBookings"],
    }


def _windows(windows: Iterable[dict[str, int]]) -> tuple[Window, ...]:
    # Firestore has no lists in lists.
    return tuple((one["from"], one["to"]) for one in windows)
