"""What presence means for sessions and for being online: one transaction for a connection and all it changes."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module

from konnect.calendar import service as calendar
from konnect.errors import Conflict, Forbidden
from konnect.experts import preferences
from konnect.experts import service as experts
from konnect.platform import PlatformConfig
from konnect.presence import service as presence
from konnect.store import Doc, Tx

from . import offers, repository, schedule, service
from .booked import course
from .booked.settlement import KIND
from .metering import Pace

log = logging.getLogger(__name__)

# What else somebody may be in, by the kind of its reservation, or of the room that a connection was in. By name, since
# those domains stand above this one; each module has attend(tx, id, uid, *, pace, now).
ATTENDED = {"consult": "konnect.consults.course", "live": "konnect.live.attendance"}


@dataclass(frozen=True)
class Current:
    """The session in progress, and the requests that wait for acceptance."""

    session: Doc | None
    offers: list[Doc]


def connected(tx: Tx, uid: str, connection_id: str, instance_id: str, *, pace: Pace, now: datetime) -> Doc | None:
    """A socket of `uid` is there. Returns the session the user is in, to be resumed."""
    change = presence.connect(tx, uid, connection_id, instance_id, now=now)
    if change.present_changed:
        _mark(tx, uid, False, pace, now)
    return current(tx, uid).session


def register_expert(
    tx: Tx, uid: str, connection_id: str, instance_id: str, *, config: PlatformConfig, now: datetime
) -> None:
    """The socket is an expert's portal: the expert comes online and the queue moves.

    Raises Forbidden (EXPERT_NOT_APPROVED), Conflict (PLATFORM_FULL).
    """
    presence.connect(tx, uid, connection_id, instance_id, as_expert=True, now=now)
    expert_id = experts.id_of(tx, uid)
    if experts.come_online(tx, expert_id, config, now=now):
        schedule.advance(tx, expert_id, f"online:{now.isoformat()}")


def restored(
    tx: Tx,
    uid: str,
    connection_id: str,
    instance_id: str,
    *,
    as_expert: bool,
    rooms: Iterable[str] = (),
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> None:
    """Write a live connection down again, whole, after its instance's lease was lost."""
    connected(tx, uid, connection_id, instance_id, pace=pace, now=now)
    for room in rooms:
        presence.enter(tx, uid, connection_id, room, now=now)
        _attend(tx, uid, room, pace, now)
    if not as_expert:
        return
    try:
        register_expert(tx, uid, connection_id, instance_id, config=config, now=now)
    except (Forbidden, Conflict) as error:
        # No longer approved, or the platform is full by now: present all the same, for the session that goes on.
        log.warning("expert not online again", extra={"uid": uid, "error": error.message})


def switch(tx: Tx, uid: str, expert_id: str, on: bool, *, config: PlatformConfig, now: datetime) -> None:
    """The expert's own switch: online is who is switched on and present as an expert. Coming online moves the queue;
    switching on ends a break.

    Raises Forbidden (EXPERT_NOT_APPROVED), Conflict (PLATFORM_FULL).
    """
    present = presence.is_present_as_expert(tx, uid)
    if experts.switch(tx, expert_id, on, present=present, config=config, now=now) and on:
        schedule.advance(tx, expert_id, f"switch:{now.isoformat()}")
    if on:
        set_preferences(tx, expert_id, {"onBreak": False}, now=now)


def set_preferences(tx: Tx, expert_id: str, wanted: dict[str, bool], *, now: datetime) -> None:
    """How the expert works. A break that begins or ends moves the queue, or tells who waits that it doesn't."""
    if "onBreak" in preferences.change(tx, expert_id, wanted, now=now):
        schedule.advance(tx, expert_id, f"break:{now.isoformat()}", tell=True)


def disconnected(
    tx: Tx, uid: str, connection_ids: list[str], *, config: PlatformConfig, pace: Pace, now: datetime
) -> None:
    """Sockets of `uid` are gone; with the last one, the user is absent, and an expert offline."""
    change = presence.disconnect(tx, uid, connection_ids, now=now)
    for room in change.left:
        _attend(tx, uid, room, pace, now)
    if change.expert_changed and not change.expert_present:
        expert_id = experts.id_of(tx, uid)
        experts.set_available(tx, expert_id, False, config, now=now)
        offers.expert_gone(tx, expert_id, now=now)
    if change.present_changed and not change.present:
        _mark(tx, uid, True, pace, now)


def current(tx: Tx, uid: str) -> Current:
    """What `uid` is in or is asked for, on either side."""
    as_user, as_expert = _claims(tx, uid)
    claimed = [*([as_user] if as_user else []), *as_expert]
    tx.prefetch(*(("sessions", session_id) for session_id in claimed))
    found = [session for session_id in claimed if (session := repository.find(tx, session_id)) is not None]
    running = [session for session in found if session["status"] == "in_progress"]
    return Current(running[0] if running else None, [session for session in found if repository.is_offer(session)])


def _mark(tx: Tx, uid: str, absent: bool, pace: Pace, now: datetime) -> None:
    # With the claims, in one call: what is booked for now begins with whom it waited for.
    tx.prefetch(("expertsByUid", uid), *repository.claim_paths(uid, uid), calendar.path(uid, calendar.day(now)))
    as_user, as_expert = _claims(tx, uid)
    if as_user is not None:
        service.set_absent(tx, as_user, "user", absent, pace=pace, now=now)
    for session_id in as_expert:
        service.set_absent(tx, session_id, "expert", absent, pace=pace, now=now)
    for booking in calendar.at(tx, uid, now):
        if booking.kind == KIND and booking.id not in {as_user, *as_expert}:
            session = repository.find(tx, booking.id)
            if session is not None:
                course.attend(tx, session, "user" if uid == session["userId"] else "expert", pace=pace, now=now)
        elif booking.kind in ATTENDED:
            import_module(ATTENDED[booking.kind]).attend(tx, booking.id, uid, pace=pace, now=now)


def _attend(tx: Tx, uid: str, room: str, pace: Pace, now: datetime) -> None:
    """A user has come into the room of something live, or gone; presence has it already. `room`: {kind}:{id}."""
    kind, _, attended_id = room.partition(":")
    import_module(ATTENDED[kind]).attend(tx, attended_id, uid, pace=pace, now=now)


def _claims(tx: Tx, uid: str) -> tuple[str | None, list[str]]:
    """The session that the user is in as a user, and those as an expert."""
    # One call for nearly everybody: an expert's id is the uid, unless an admin imported the profile.
    tx.prefetch(("expertsByUid", uid), *repository.claim_paths(uid, uid))
    return repository.user_claim(tx, uid), repository.expert_claims(tx, experts.id_of(tx, uid))
