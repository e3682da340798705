"""exchanges/{id}: {requesterId, requesterName, providerId, providerName (null while it is an open offer), participants:
[uid], isOffer (made to everybody), offeredSkill and requestedSkill (by the requester; offeredKey and requestedKey are
what is compared), message, terms: {commitmentHours, sessionFrequency, cancellationPolicy}, status: open | pending |
accepted | completed | rejected | cancelled, sessions: [{id, topic, scheduledAt, durationMins, status: scheduled |
completed | cancelled, scheduledBy, meetingUrl, roomName}], milestones: [{id, title, doneAt}], completedBy: [uid],
feedback: {uid of who gave it: {rating, comment, endorsed, createdAt}}, endReason, endedBy, note, expiresAt (while it
waits or goes on), createdAt, acceptedAt, endedAt, updatedAt}, for its two to read.

exchangeClaims/{digest of who, whom and what}: {exchangeId}, so that the same request is there once.
"""

from datetime import datetime

from konnect import ids
from konnect.errors import NotFound
from konnect.store import Database, Doc, Page, Query, Tx, page

from .policy import WAITING

SWEEP_LIMIT = 100
_NEWEST = (("createdAt", "desc"),)


def find(tx: Tx, exchange_id: str) -> Doc:
    """Raises NotFound (EXCHANGE_NOT_FOUND)."""
    found = tx.get("exchanges", exchange_id)
    if found is None:
        raise not_found()
    return {**found, "id": exchange_id}


def not_found() -> NotFound:
    return NotFound("there is no such exchange", code="EXCHANGE_NOT_FOUND")


def update(tx: Tx, exchange: Doc, fields: Doc, *, now: datetime) -> Doc:
    """Change fields; returns the exchange as it is then."""
    changed = {**fields, "updatedAt": now}
    tx.update(("exchanges", exchange["id"]), changed)
    return {**exchange, **changed}


def claim_path(requester: str, provider: str | None, offered_key: str, requested_key: str) -> tuple[str, str]:
    return "exchangeClaims", ids.digest(requester, provider or "", offered_key, requested_key)


def waiting(db: Database, uid: str) -> int:
    """How many offers and requests of `uid` wait."""
    return Query(("exchanges",)).filter("requesterId", "==", uid).filter("status", "in", list(WAITING)).count(db)


def count_asked(db: Database, uid: str, provider: str, since: datetime) -> int:
    """How often `uid` has asked `provider` since then, whatever became of it."""
    query = Query(("exchanges",)).filter("requesterId", "==", uid).filter("providerId", "==", provider)
    return query.filter("isOffer", "==", False).filter("createdAt", ">", since).count(db)


def open_offers(
    db: Database,
    *,
    offered: str | None,
    requested: str | None,
    limit: int,
    cursor: str | None = None,
    number: int | None = None,
) -> Page:
    """Offers to everybody, the newest first, by the keys of their skills; from `cursor`, or page `number`."""
    query = Query(("exchanges",), order=_NEWEST).filter("status", "==", "open")
    if offered is not None:
        query = query.filter("offeredKey", "==", offered)
    if requested is not None:
        query = query.filter("requestedKey", "==", requested)
    return page(db, query, limit=limit, cursor=cursor, number=number)


def of_member(
    db: Database, uid: str, *, status: str | None, limit: int, cursor: str | None = None, number: int | None = None
) -> Page:
    """Those in which `uid` takes part, the newest first."""
    query = Query(("exchanges",), order=_NEWEST).filter("participants", "array_contains", uid)
    if status is not None:
        query = query.filter("status", "==", status)
    return page(db, query, limit=limit, cursor=cursor, number=number)


def overdue(db: Database, now: datetime, cursor: str | None = None) -> Page:
    """Those whose time is over, the longest overdue first."""
    query = Query(("exchanges",), order=(("expiresAt", "asc"),)).filter("expiresAt", "<=", now)
    return page(db, query, limit=SWEEP_LIMIT, cursor=cursor)


def candidates(db: Database, keys: list[str], *, limit: int) -> list[Doc]:
    """Members who offer one of these skills, the best rated first."""
    query = Query(("members",), order=(("exchangeRating.average", "desc"),), limit=limit)
    return query.filter("status", "==", "active").filter("offeredKeys", "array_contains_any", keys).run(db)
