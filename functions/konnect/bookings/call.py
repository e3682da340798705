"""The call of a booking: when it is open, the way in of each side, and its room.

The room's name has the booking's id and a part that nobody guesses. It is given to the booking when the first link is
taken: before the call is open, there is no room to be in.
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from konnect import clock, ids
from konnect.calls import fallback
from konnect.config import Settings
from konnect.errors import Conflict
from konnect.integrations.jitsi.client import Entry, Guest, Jitsi
from konnect.platform import PlatformConfig
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx
from konnect.subscriptions import service as subscriptions

from . import attendance, repository

OPENS_MINS = 10
"""Before the beginning."""
CLOSES_MINS = 5
"""After the end, like the completion (schedule.SETTLE_AFTER_MINS)."""
_SECRET_SIZE = 16
_ROOM = re.compile(r"graphora-(grp-[0-9]{8}-[0-9a-z]+)-[0-9a-z]{16}")


@dataclass(frozen=True)
class Window:
    """When the call of a booking is open."""

    opens_at: datetime
    closes_at: datetime

    @classmethod
    def of(cls, booking: Doc, pace: Pace) -> "Window":
        return cls(
            clock.after(booking["scheduledAt"], -OPENS_MINS * pace.minute_s),
            clock.after(booking["endsAt"], CLOSES_MINS * pace.minute_s),
        )


def secret() -> str:
    """The part of a room's name that nobody guesses."""
    return ids.crockford(_SECRET_SIZE).lower()


def booking_of(room: str) -> str | None:
    """The id in a room's name, or None for a room that is none of ours."""
    found = _ROOM.fullmatch(room)
    return found[1].upper() if found else None


def link(
    tx: Tx, booking_id: str, uid: str, *, room_secret: str, settings: Settings, config: PlatformConfig, now: datetime
) -> dict[str, Any]:
    """The way in of `uid`, as MeetingLink has it; `room_secret` is for a room that has no name yet. Taking the link
    while the call is open is evidence of having come.

    Raises NotFound (BOOKING_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (NOT_CONFIRMED, BOOKING_CANCELLED,
    SESSION_ENDED).
    """
    pace = Pace.of(settings)
    booking = repository.of_participant(tx, booking_id, uid)
    side: attendance.Side = "student" if booking["studentId"] == uid else "mentor"
    window = Window.of(booking, pace)
    _check(booking, window, now)
    answer: dict[str, Any] = {
        "status": "waiting",
        "provider": config.callProvider,
        "role": "moderator" if side == "mentor" else "participant",
        "opensAt": window.opens_at,
        "closesAt": window.closes_at,
        "scheduledAt": booking["scheduledAt"],
        "endsAt": booking["endsAt"],
        "secondsLeft": 0,
        **dict.fromkeys(("url", "token", "roomName", "domain")),
    }
    if now < window.opens_at:
        # Rounded up: who comes back then finds it open.
        return {**answer, "secondsLeft": math.ceil((window.opens_at - now).total_seconds())}
    room = booking["jitsiRoomName"]
    if room is None:
        room = f"graphora-{booking_id.lower()}-{room_secret}"
        repository.update(tx, booking_id, now=now, jitsiRoomName=room)
    attendance.linked(tx, booking, side, every_s=pace.seconds(attendance.EVERY_S), now=now)
    if config.callProvider == "jitsi":
        entry = _jitsi(tx, booking, side, room, window, settings, now)
    else:
        entry = fallback.entry(config, room, about=booking["id"], host_id=booking["mentorId"])
    return {
        **answer,
        "status": "open",
        "url": entry.url,
        "token": entry.token,
        "roomName": entry.room_name,
        "domain": entry.domain,
    }


def _check(booking: Doc, window: Window, now: datetime) -> None:
    if booking["status"] == "pending":
        raise Conflict("the booking is not paid", code="NOT_CONFIRMED")
    if booking["status"] == "cancelled":
        raise Conflict("the booking is cancelled", code="BOOKING_CANCELLED")
    # One that its mentor has called completed goes on until its time is over: the student may still be there.
    if now > window.closes_at:
        raise Conflict("the session is over", code="SESSION_ENDED")


def _jitsi(
    tx: Tx, booking: Doc, side: attendance.Side, room: str, window: Window, settings: Settings, now: datetime
) -> Entry:
    expert = (tx.get("experts", booking["mentorId"]) or {}) if side == "mentor" else {}
    guest = Guest(
        id=booking["studentId"] if side == "student" else booking["mentorUid"],
        name=booking[f"{side}Name"],
        avatar_url=expert.get("imageUrl"),
        is_moderator=side == "mentor",
        may_record=side == "mentor" and _may_record(tx, booking["studentId"], now),
    )
    return Jitsi(settings).entry(room, guest, opens_at=window.opens_at, closes_at=window.closes_at)


def _may_record(tx: Tx, student_id: str, now: datetime) -> bool:
    """Whether the student's subscription includes recordings; the mentor, who moderates, makes them."""
    return subscriptions.plan_of(tx, student_id, now=now).recording
