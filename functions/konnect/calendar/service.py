"""calendars/{uid}/days/{YYYY-MM-DD}: what a person is booked for on one UTC day. No client reads it.

{reservations: {id: {from, to, kind, heldUntil}}, expiresAt}. A reservation over midnight is in both days. A person has
one calendar, so that nobody is booked as an expert and as a user at once, nor by two products.

Reserving reads the days of everybody concerned, the absent ones too, and writes them only if they are as they were
read: of two that meet at one time, whatever their lengths, the second to commit is run again and finds the first.
Without locks, since fifty who want one slot would hold each other up. Whoever only looks reads under a lock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from konnect.errors import Conflict
from konnect.store import Doc, Tx

LONGEST = timedelta(days=1)
KEPT = timedelta(days=7)
"""A day's document goes this long after its end, by TTL."""


@dataclass(frozen=True)
class Reservation:
    """From `begins` to before `ends`. `held_until`: until then it counts without being paid for; None: it counts."""

    id: str
    begins: datetime
    ends: datetime
    kind: str
    held_until: datetime | None = None

    def overlaps(self, begins: datetime, ends: datetime) -> bool:
        return self.begins < ends and begins < self.ends


class SlotTaken(Conflict):
    """Somebody has another reservation then: `uid` has `by`."""

    code = "SLOT_TAKEN"

    def __init__(self, uid: str, by: Reservation) -> None:
        super().__init__("that time is taken")
        self.uid = uid
        self.by = by


def reserve(tx: Tx, uids: Iterable[str], wanted: Reservation, *, now: datetime) -> None:
    """Put `wanted` into the calendars of all of `uids`. With the id of a reservation of the same times it takes that
    one's place: so a held one is made to stay, or is reserved again. Raises SlotTaken.
    """
    assert timedelta(0) < wanted.ends - wanted.begins <= LONGEST
    people = list(dict.fromkeys(uids))
    tx.peek(*paths(people, wanted.begins, wanted.ends))
    for uid in people:
        for other in overlapping(tx, uid, wanted.begins, wanted.ends, now=now):
            if other.id != wanted.id:
                raise SlotTaken(uid, other)
    record = {"from": wanted.begins, "to": wanted.ends, "kind": wanted.kind, "heldUntil": wanted.held_until}
    for uid in people:
        for day in _days(wanted.begins, wanted.ends):
            # What is held no longer goes with the next write.
            others = {key: doc for key, doc in _reservations(tx, uid, day).items() if _counts(doc, now)}
            _write(tx, uid, day, {**others, wanted.id: record})


def release(tx: Tx, uids: Iterable[str], reservation_id: str, begins: datetime, ends: datetime) -> None:
    """Take a reservation out of the calendars of all of `uids`; one that is out already is fine."""
    people = list(dict.fromkeys(uids))
    tx.peek(*paths(people, begins, ends))
    for uid in people:
        for day in _days(begins, ends):
            found = _reservations(tx, uid, day)
            if found.pop(reservation_id, None) is not None:
                _write(tx, uid, day, found)


def overlapping(tx: Tx, uid: str, begins: datetime, ends: datetime, *, now: datetime) -> list[Reservation]:
    """What a person is booked for at any moment from `begins` to before `ends`, in order."""
    found: dict[str, Reservation] = {}
    for day in _days(begins, ends):
        for key, doc in _reservations(tx, uid, day).items():
            reservation = Reservation(key, doc["from"], doc["to"], doc["kind"], doc["heldUntil"])
            if reservation.overlaps(begins, ends) and _counts(doc, now):
                found[key] = reservation
    return sorted(found.values(), key=lambda reservation: (reservation.begins, reservation.id))


def at(tx: Tx, uid: str, now: datetime) -> list[Reservation]:
    """What a person is booked for at this moment: one read."""
    return overlapping(tx, uid, now, now + timedelta(microseconds=1), now=now)


def next_within(tx: Tx, uid: str, now: datetime, within: timedelta) -> Reservation | None:
    """The reservation that goes on, or else the next to begin within that time."""
    return next(iter(overlapping(tx, uid, now, now + within, now=now)), None)


def prefetch(tx: Tx, uids: Iterable[str], begins: datetime, ends: datetime) -> None:
    """Read the days of several people in one call."""
    tx.prefetch(*paths(uids, begins, ends))


def paths(uids: Iterable[str], begins: datetime, ends: datetime) -> list[tuple[str, ...]]:
    """The documents of several people's days."""
    return [path(uid, day) for uid in uids for day in _days(begins, ends)]


def path(uid: str, day: date) -> tuple[str, ...]:
    return ("calendars", uid, "days", day.isoformat())


def day(moment: datetime) -> date:
    """The day whose document has a moment."""
    return moment.astimezone(UTC).date()


def _days(begins: datetime, ends: datetime) -> list[date]:
    """The UTC days that a time touches; its end does not belong to it."""
    first, last = day(begins), day(ends - timedelta(microseconds=1))
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _reservations(tx: Tx, uid: str, day: date) -> dict[str, Doc]:
    return dict((tx.get(*path(uid, day)) or {}).get("reservations", {}))


def _counts(doc: Doc, now: datetime) -> bool:
    return doc["heldUntil"] is None or doc["heldUntil"] > now


def _write(tx: Tx, uid: str, day: date, reservations: dict[str, Doc]) -> None:
    if not reservations:
        tx.delete(path(uid, day))
        return
    ends = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    tx.set(path(uid, day), {"reservations": reservations, "expiresAt": ends + KEPT})
