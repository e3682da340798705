"""consults/{id}: {userId, userName, expertId, expertUid, expertName, type, status: pending | active | completed |
cancelled, pricePerMin, durationMinutes, price, heldPaise, userJoined, expertJoined, acceptedAt, expiresAt (while it is
pending: the end of the time to accept, then of the time to come), startedAt, endsAt, warnAt, endedAt, endReason,
endedBy, seconds, amount, refundedAmount, reservedFrom, reservedUntil, …}, for its two to read; amounts with their twins
in paise. consults/{id}/private/terms: fee and share, for the consultant.
"""

from datetime import datetime

from konnect.errors import NotFound
from konnect.store import Database, Doc, Page, Query, Tx, page

OPEN = ("pending", "active")
SWEEP_SHARDS = 16
SWEEP_LIMIT = 200


def find(tx: Tx, consult_id: str) -> Doc | None:
    consult = tx.get("consults", consult_id)
    return None if consult is None else {**consult, "id": consult_id}


def terms(tx: Tx, consult_id: str) -> Doc:
    return tx.get(*terms_path(consult_id)) or {}


def terms_path(consult_id: str) -> tuple[str, ...]:
    return ("consults", consult_id, "private", "terms")


def listed(db: Database, field: str, uid: str, *, limit: int, cursor: str | None) -> Page:
    """Consults whose `field` (userId or expertUid) is `uid`, newest first."""
    query = Query(("consults",), order=(("createdAt", "desc"),)).filter(field, "==", uid)
    return page(db, query, limit=limit, cursor=cursor)


def overdue(db: Database, before: datetime, cursor: str | None = None) -> Page:
    """Consults whose next action should have happened, the longest overdue first."""
    query = Query(("consults",), order=(("nextTickAt", "asc"),)).filter("shard", "in", list(range(SWEEP_SHARDS)))
    return page(db, query.filter("nextTickAt", "<", before), limit=SWEEP_LIMIT, cursor=cursor)


def not_found() -> NotFound:
    return NotFound("there is no such consult", code="CONSULT_NOT_FOUND")
