"""What presence means for sessions and for being online: one transaction for a connection and all it changes."""

from datetime import datetime

from konnect.experts import service as experts
from konnect.platform import PlatformConfig
from konnect.presence import service as presence
from konnect.store import Doc, Tx

from . import repository, schedule, service
from .metering import Pace


def connected(tx: Tx, uid: str, connection_id: str, instance_id: str, *, pace: Pace, now: datetime) -> Doc | None:
    """A socket of `uid` is there. Returns the session the user is in, to be resumed."""
    change = presence.connect(tx, uid, connection_id, instance_id, now=now)
    if change.present_changed:
        _mark(tx, uid, False, pace, now)
    session_id = current_session(tx, uid)
    return repository.find(tx, session_id) if session_id else None


def register_expert(
    tx: Tx, uid: str, connection_id: str, instance_id: str, *, config: PlatformConfig, now: datetime
) -> None:
    """The socket is an expert's portal: the expert comes online and the queue moves.

    Raises Forbidden (EXPERT_NOT_APPROVED), Conflict (PLATFORM_FULL).
    """
    presence.connect(tx, uid, connection_id, instance_id, as_expert=True, now=now)
    if experts.set_available(tx, uid, True, config, now=now):
        schedule.advance(tx, uid, f"online:{connection_id}")


def disconnected(
    tx: Tx, uid: str, connection_ids: list[str], *, config: PlatformConfig, pace: Pace, now: datetime
) -> None:
    """Sockets of `uid` are gone; with the last one, the user is absent, and an expert offline."""
    change = presence.disconnect(tx, uid, connection_ids, now=now)
    if change.expert_changed and not change.expert_present:
        experts.set_available(tx, uid, False, config, now=now)
    if change.present_changed and not change.present:
        _mark(tx, uid, True, pace, now)


def current_session(tx: Tx, uid: str) -> str | None:
    """The session in progress that `uid` takes part in, on either side."""
    tx.prefetch(*repository.claim_paths(uid, uid))
    as_user = repository.user_claim(tx, uid)
    as_expert = repository.expert_claims(tx, uid)
    return as_user or (as_expert[0] if as_expert else None)


def _mark(tx: Tx, uid: str, absent: bool, pace: Pace, now: datetime) -> None:
    tx.prefetch(*repository.claim_paths(uid, uid))
    as_user = repository.user_claim(tx, uid)
    if as_user is not None:
        service.set_absent(tx, as_user, "user", absent, pace=pace, now=now)
    for session_id in repository.expert_claims(tx, uid):
        service.set_absent(tx, session_id, "expert", absent, pace=pace, now=now)
