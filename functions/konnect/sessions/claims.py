"""The claims on an expert and on a user, for the domains above: one at a time, whatever they are claimed for."""

from konnect.errors import Conflict
from konnect.experts import service as experts
from konnect.platform import PlatformConfig
from konnect.store import Tx

from . import repository
from .schedule import advance


def paths(expert_id: str, uid: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What `release` reads, and of what `take` reads the two that it writes, for who wants it read before."""
    return repository.claim_paths(expert_id, uid)


def take(tx: Tx, expert_id: str, expert_uid: str, uid: str, claim_id: str, *, config: PlatformConfig) -> None:
    """Claim both sides, where neither is in anything in the other role, as a user or with users of their own. Raises
    Conflict (ALREADY_IN_SESSION; EXPERT_BUSY, also while others wait in the queue)."""
    _check_free(tx, expert_id, uid, config)
    own_id = experts.id_of(tx, uid)
    tx.prefetch(*repository.claim_paths(own_id, expert_uid))
    if repository.expert_claims(tx, own_id):
        raise _in_session()
    if repository.user_claim(tx, expert_uid) is not None:
        raise _busy()
    if tx.query(repository.queue_query(expert_id, 1)):
        raise Conflict("others wait for the expert", code="EXPERT_BUSY")
    repository.claim(tx, expert_id, uid, claim_id)


def take_own(tx: Tx, expert_id: str, uid: str, claim_id: str, *, config: PlatformConfig) -> None:
    """Claim an expert, on both sides, for what has stood in their own calendar: who waits in the queue goes on waiting.
    Raises Conflict (ALREADY_IN_SESSION, EXPERT_BUSY)."""
    _check_free(tx, expert_id, uid, config)
    repository.claim(tx, expert_id, uid, claim_id)


def _check_free(tx: Tx, expert_id: str, uid: str, config: PlatformConfig) -> None:
    if repository.user_claim(tx, uid) is not None:
        raise _in_session()
    if len(repository.expert_claims(tx, expert_id)) >= config.maxSessionsPerMentor:
        raise _busy()


def _in_session() -> Conflict:
    return Conflict("you are in a session already, or have asked for one", code="ALREADY_IN_SESSION")


def _busy() -> Conflict:
    return Conflict("the expert is in a session", code="EXPERT_BUSY")


def release(tx: Tx, expert_id: str, uid: str, claim_id: str) -> None:
    """Free both sides, and see to the queue."""
    repository.release(tx, expert_id, uid, claim_id)
    moves_on(tx, expert_id, claim_id)


def moves_on(tx: Tx, expert_id: str, claim_id: str) -> None:
    """Start the next in the expert's queue, after `claim_id`; a repeat is harmless."""
    advance(tx, expert_id, claim_id)


def of_user(tx: Tx, uid: str) -> str | None:
    """What a user is claimed for."""
    return repository.user_claim(tx, uid)


def of(tx: Tx, uid: str) -> list[str]:
    """What a person is claimed for, on either side."""
    own = repository.user_claim(tx, uid)
    return [*([own] if own else []), *repository.expert_claims(tx, experts.id_of(tx, uid))]
