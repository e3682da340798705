"""Offers and requests, and what becomes of them until both have agreed; and their end by one side, or by time.

The requester agrees to the terms by asking, the other side by accepting.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from konnect import clock
from konnect.config import Settings
from konnect.contacts import masked
from konnect.errors import BadRequest, Conflict
from konnect.identity import service as identity
from konnect.members import service as members
from konnect.members import skills
from konnect.platform import platform_config
from konnect.store import Database, Doc, Page, Tx
from konnect.tasks import Task

from . import access, events, messages, policy, repository
from .policy import EndReason, Status

EXPIRE = "/exchanges/expire"
SYSTEM = "system"
"""Who ends an exchange that neither of the two ends."""


@dataclass(frozen=True)
class Wanted:
    """What `uid` offers and asks for; `provider_id` None: of whoever accepts first. `exchange_id`: of the exchange, if
    it is a new one."""

    uid: str
    provider_id: str | None
    offered_skill: str
    requested_skill: str
    message: str
    terms: Doc
    exchange_id: str


def create(tx: Tx, wanted: Wanted, *, settings: Settings, now: datetime) -> Doc:
    """Make an open offer, or a request to one member, who is told. The same again, as long as it waits (a request: as
    long as it goes on), is the same exchange.

    Raises NotFound (USER_NOT_FOUND), BadRequest (providerId: oneself; requestedSkill: the same), Conflict
    (EXCHANGE_LIMIT: too many of one's own wait, or that member was asked too often today).
    """
    offered, requested = skills.key(wanted.offered_skill), skills.key(wanted.requested_skill)
    if offered == requested:
        raise BadRequest.field("requestedSkill", "must be another one than is offered")
    if wanted.provider_id == wanted.uid:
        raise BadRequest.field("providerId", "nobody exchanges with themselves")
    claim = repository.claim_path(wanted.uid, wanted.provider_id, offered, requested)
    # A click that is repeated must not wait for the locks of the first.
    tx.peek(claim)
    claimed = tx.get(*claim)
    if claimed is not None:
        exchange = repository.find(tx, claimed["exchangeId"])
        _schedule_expiry(tx, exchange)
        return exchange
    # Outside of the transaction, which would lock all of them: one too many does no harm.
    if repository.waiting(tx.db, wanted.uid) >= policy.WAITING_MAX:
        raise Conflict(f"at most {policy.WAITING_MAX} offers and requests wait at a time", code="EXCHANGE_LIMIT")
    if wanted.provider_id is not None:
        asked = repository.count_asked(tx.db, wanted.uid, wanted.provider_id, in_days(now, -1, settings))
        if asked >= policy.ASKED_A_DAY:
            message = f"one member is asked {policy.ASKED_A_DAY} times a day at most"
            raise Conflict(message, code="EXCHANGE_LIMIT")
    requester = members.ensure(tx, wanted.uid, now)
    provider = None if wanted.provider_id is None else _active(tx, wanted.provider_id)
    days = policy.OPEN_DAYS if provider is None else policy.PENDING_DAYS
    message, terms = wanted.message, wanted.terms
    if provider is None and platform_config(tx.db).maskContacts != "nowhere":
        # Everybody reads an offer.
        message = masked(message)
        terms = {name: masked(said) if isinstance(said, str) else said for name, said in terms.items()}
    exchange = {
        "requesterId": wanted.uid,
        "requesterName": requester["name"],
        "providerId": wanted.provider_id,
        "providerName": provider["name"] if provider is not None else None,
        "participants": [wanted.uid] if provider is None else [wanted.uid, provider["id"]],
        "isOffer": provider is None,
        "offeredSkill": wanted.offered_skill,
        "offeredKey": offered,
        "requestedSkill": wanted.requested_skill,
        "requestedKey": requested,
        "message": message,
        "terms": terms,
        "status": "open" if provider is None else "pending",
        "sessions": [],
        "milestones": [],
        "completedBy": [],
        "feedback": {},
        **dict.fromkeys(("endReason", "endedBy", "note", "acceptedAt", "endedAt")),
        "expiresAt": in_days(now, days, settings),
        "createdAt": now,
        "updatedAt": now,
    }
    tx.create(("exchanges", wanted.exchange_id), exchange)
    tx.create(claim, {"exchangeId": wanted.exchange_id})
    exchange = {**exchange, "id": wanted.exchange_id}
    _schedule_expiry(tx, exchange)
    messages.requested(tx, exchange, now=now)
    events.updated(tx, exchange)
    return exchange


def accept(tx: Tx, exchange_id: str, uid: str, *, settings: Settings, now: datetime) -> Doc:
    """Agree to the terms: the one who was asked, or of an open offer whoever comes first. Again by them: the same.

    Raises NotFound (EXCHANGE_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (EXCHANGE_TAKEN: another one came
    first; OWN_EXCHANGE; EXCHANGE_CLOSED).
    """
    # Many may want the same offer at once.
    tx.peek(("exchanges", exchange_id))
    exchange = repository.find(tx, exchange_id)
    if uid == exchange["requesterId"]:
        raise Conflict("it is for others to accept", code="OWN_EXCHANGE")
    if exchange["acceptedAt"] is not None and uid == exchange["providerId"]:
        return exchange
    if exchange["status"] != "open" and uid not in exchange["participants"]:
        if exchange["isOffer"] and exchange["acceptedAt"] is not None:
            raise Conflict("somebody else has accepted it", code="EXCHANGE_TAKEN")
        raise access.not_a_participant()
    if exchange["status"] not in policy.WAITING or exchange["expiresAt"] <= now:
        raise access.closed(exchange)
    if identity.is_closed(tx, exchange["requesterId"]):
        raise Conflict("the account of who has asked is closed", code="EXCHANGE_CLOSED")
    provider = members.ensure(tx, uid, now)
    if exchange["isOffer"]:
        # Who has offered it may offer it again.
        _release_claim(tx, exchange)
    else:
        members.asked(tx, uid, answered=True, now=now)
    fields = {
        "providerId": uid,
        "providerName": provider["name"],
        "participants": [exchange["requesterId"], uid],
        "status": "accepted",
        "acceptedAt": now,
        "expiresAt": in_days(now, policy.IDLE_DAYS, settings),
    }
    exchange = repository.update(tx, exchange, fields, now=now)
    messages.accepted(tx, exchange, now=now)
    events.updated(tx, exchange)
    return exchange


def reject(tx: Tx, exchange_id: str, uid: str, *, note: str, now: datetime) -> Doc:
    """The one who was asked does not want it; `note` says why. Again: the same.

    Raises NotFound (EXCHANGE_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (OWN_EXCHANGE, EXCHANGE_CLOSED: also
    once it is accepted).
    """
    exchange = access.of_participant(tx, exchange_id, uid)
    if uid == exchange["requesterId"]:
        raise Conflict("one's own is cancelled, not rejected", code="OWN_EXCHANGE")
    if exchange["status"] == "rejected":
        return exchange
    if exchange["status"] != "pending":
        raise access.closed(exchange)
    members.asked(tx, uid, answered=True, now=now)
    exchange = end(tx, exchange, "rejected", "rejected", by=uid, note=note, now=now)
    messages.rejected(tx, exchange, now=now)
    return exchange


def cancel(tx: Tx, exchange_id: str, uid: str, *, note: str, now: datetime) -> Doc:
    """Withdraw what waits, by who has made it; or leave what goes on, by either of the two. Again: the same.

    Raises NotFound (EXCHANGE_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (EXCHANGE_CLOSED; EXCHANGE_PENDING:
    who was asked rejects it).
    """
    exchange = access.of_participant(tx, exchange_id, uid)
    if exchange["status"] == "cancelled":
        return exchange
    if exchange["status"] not in policy.LIVE:
        raise access.closed(exchange)
    if exchange["status"] == "pending" and uid != exchange["requesterId"]:
        raise Conflict("a request is rejected, not cancelled", code="EXCHANGE_PENDING")
    reason: EndReason = "cancelled" if exchange["status"] == "accepted" else "withdrawn"
    exchange = end(tx, exchange, "cancelled", reason, by=uid, note=note, now=now)
    messages.cancelled(tx, exchange, now=now)
    return exchange


def close(tx: Tx, exchange_id: str, uid: str, *, now: datetime) -> None:
    """End an exchange of an account that is being closed, whatever its state. Again: nothing."""
    exchange = repository.find(tx, exchange_id)
    if exchange["status"] in policy.LIVE:
        exchange = end(tx, exchange, "cancelled", "account-closed", by=SYSTEM, now=now)
        messages.cancelled(tx, exchange, but=uid, now=now)


def expire(tx: Tx, exchange_id: str, *, now: datetime) -> bool:
    """End what waits, or lies idle, once its time is over: nobody has to be asked. Returns whether it did."""
    exchange = repository.find(tx, exchange_id)
    expires_at = exchange["expiresAt"]
    if expires_at is None or now < expires_at:
        return False
    if exchange["status"] == "pending":
        members.asked(tx, exchange["providerId"], answered=False, now=now)
    reason: EndReason = "idle" if exchange["status"] == "accepted" else "expired"
    exchange = end(tx, exchange, "cancelled", reason, by=SYSTEM, now=now)
    messages.cancelled(tx, exchange, now=now)
    return True


def end(tx: Tx, exchange: Doc, status: Status, reason: EndReason, *, by: str, note: str = "", now: datetime) -> Doc:
    """Write the end; sessions that were to come are cancelled with it."""
    _release_claim(tx, exchange)
    planned = [{**one, "status": "cancelled"} if one["status"] == "scheduled" else one for one in exchange["sessions"]]
    fields: dict[str, Any] = {
        "status": status,
        "endReason": reason,
        "endedBy": by,
        "note": note or None,
        "sessions": planned,
        "expiresAt": None,
        "endedAt": now,
    }
    ended = repository.update(tx, exchange, fields, now=now)
    events.updated(tx, ended)
    return ended


def of_member(
    db: Database,
    uid: str,
    *,
    status: str | None = None,
    limit: int,
    cursor: str | None = None,
    number: int | None = None,
) -> Page:
    """The exchanges in which `uid` takes part, the newest first."""
    return repository.of_member(db, uid, status=status, limit=limit, cursor=cursor, number=number)


def in_days(now: datetime, days: float, settings: Settings) -> datetime:
    return clock.after(now, settings.seconds(days * policy.DAY_S))


def _active(tx: Tx, uid: str) -> Doc:
    """A member who can be asked. Raises NotFound (USER_NOT_FOUND)."""
    member, user = members.get(tx, uid), tx.get("users", uid) or {}
    if member is None or member["status"] != "active" or user.get("disabled"):
        raise members.not_found()
    return member


def _release_claim(tx: Tx, exchange: Doc) -> None:
    whom = None if exchange["isOffer"] else exchange["providerId"]
    path = repository.claim_path(exchange["requesterId"], whom, exchange["offeredKey"], exchange["requestedKey"])
    claimed = tx.get(*path)
    # An offer that was accepted may have been made again since.
    if claimed is not None and claimed["exchangeId"] == exchange["id"]:
        tx.delete(path)


def _schedule_expiry(tx: Tx, exchange: Doc) -> None:
    if exchange["status"] in policy.WAITING:
        at = exchange["expiresAt"]
        tx.enqueue(Task(EXPIRE, ("exchange", exchange["id"], at.isoformat()), {"exchangeId": exchange["id"]}, at))
