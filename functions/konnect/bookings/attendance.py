"""bookings/{id}/private/attendance: who was in a booking's call, for no-show claims. No client reads it.

{student, mentor: {firstJoinedAt, lastSeenAt, joins, inRoomAt} | None, roomOpenedAt, roomClosedAt}. A side has come by
taking the link while the call is open; `inRoomAt` is when Jitsi first saw it in the room, None without its webhooks.
`joins` counts the first link and each coming that Jitsi told. Times are those of the events, which repeat and come in
any order.
"""

from datetime import datetime
from typing import Literal

from konnect.store import Doc, Tx

from . import messages

Side = Literal["student", "mentor"]
EVERY_S = 60
"""A page that asks for its link again and again writes once in such a time."""


def path(booking_id: str) -> tuple[str, ...]:
    return ("bookings", booking_id, "private", "attendance")


def of(tx: Tx, booking_id: str) -> Doc:
    """What is known; a side that has not come is None."""
    known = tx.get(*path(booking_id)) or {}
    return {"student": None, "mentor": None, "roomOpenedAt": None, "roomClosedAt": None, **known}


def linked(tx: Tx, booking: Doc, side: Side, *, every_s: float, now: datetime) -> None:
    """A side has taken its link, while the call is open."""
    known = of(tx, booking["id"])[side]
    if known is None:
        _save(tx, booking, side, {**_first(now), "joins": 1}, now)
    elif (now - known["lastSeenAt"]).total_seconds() >= every_s:
        _save(tx, booking, side, {**known, "lastSeenAt": now}, now)


def in_room(tx: Tx, booking: Doc, side: Side, what: Literal["came", "left"], at: datetime, *, now: datetime) -> None:
    """Jitsi has seen a side come into the room, or leave it: it was there at that time."""
    known = of(tx, booking["id"])[side] or _first(at)
    seen: Doc = {
        "firstJoinedAt": min(at, known["firstJoinedAt"]),
        "lastSeenAt": max(at, known["lastSeenAt"]),
        "joins": known["joins"] + (what == "came"),
        "inRoomAt": min(at, known["inRoomAt"] or at),
    }
    _save(tx, booking, side, seen, now)


def room(tx: Tx, booking: Doc, what: Literal["opened", "closed"], at: datetime) -> None:
    """The room was made, or has ended: the first time and the last."""
    known = of(tx, booking["id"])
    field, pick = ("roomOpenedAt", min) if what == "opened" else ("roomClosedAt", max)
    tx.set(path(booking["id"]), {**known, field: pick(at, known[field] or at)})


def _first(at: datetime) -> Doc:
    return {"firstJoinedAt": at, "lastSeenAt": at, "joins": 0, "inRoomAt": None}


def _save(tx: Tx, booking: Doc, side: Side, seen: Doc, now: datetime) -> None:
    before = of(tx, booking["id"])
    tx.set(path(booking["id"]), {**before, side: seen})
    other: Side = "mentor" if side == "student" else "student"
    if before[side] is None and before[other] is not None:
        messages.started(tx, booking, now=now)
