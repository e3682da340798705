"""`transactions/{id}`: one owner's view of what happened to a wallet. The ledger's movements name both sides, so
clients never read them."""

from datetime import UTC, datetime
from typing import Literal

from konnect.errors import NotFound
from konnect.money import CURRENCY, rupees
from konnect.store import Database, Doc, Page, Query, Tx, page

Type = Literal["deposit", "withdraw", "payment", "earning", "refund"]
Status = Literal["pending", "completed", "failed"]
EVER = datetime(2020, 1, 1, tzinfo=UTC)
"""Before every transaction."""
MOST_PENDING = 1_000


def write(
    tx: Tx,
    transaction_id: str,
    *,
    uid: str,
    type: Type,
    status: Status,
    amount_paise: int,
    description: str,
    reference_id: str,
    now: datetime,
    taken_back: bool = False,
    tds_paise: int | None = None,
) -> Doc:
    """Record what happened once; the id is the effect's, so that a repeat fails the commit.

    `taken_back`: the amount comes off what was earned, as the share of a session that is refunded. `tds_paise`: of a
    withdrawal, what is withheld from it.
    """
    doc: Doc = {
        "walletId": uid,
        "userId": uid,
        "type": type,
        "status": status,
        "amount": rupees(amount_paise),
        "amountPaise": amount_paise,
        "currency": CURRENCY,
        "description": description,
        "referenceId": reference_id,
        "createdAt": now,
        "updatedAt": now,
    }
    if type == "earning" or taken_back:
        # Signed, and on what changes somebody's earnings alone: `earned` sums it.
        doc["earningPaise"] = -amount_paise if taken_back else amount_paise
    if tds_paise is not None:
        doc |= {"tds": rupees(tds_paise), "netAmount": rupees(amount_paise - tds_paise)}
    tx.create(("transactions", transaction_id), doc)
    return doc


def earned(db: Database, uid: str, since: datetime = EVER) -> int:
    """What somebody has earned from `since` on, in paise, less what refunds took back in that time."""
    # A range in any case, so that one index serves every time.
    query = Query(("transactions",)).filter("userId", "==", uid).filter("createdAt", ">=", since)
    return query.sum(db, "earningPaise")


def pending_withdrawals(db: Database, uid: str) -> int:
    """What is on its way to somebody's bank, in paise."""
    query = Query(("transactions",), limit=MOST_PENDING).filter("userId", "==", uid)
    found = query.filter("type", "==", "withdraw").filter("status", "==", "pending").run(db)
    return sum(doc["amountPaise"] for doc in found)


def settle(tx: Tx, transaction_id: str, status: Status, *, now: datetime, reason: str | None = None) -> None:
    """Move a pending one to its end."""
    # The reason is written in any case: a late payment completes what had been given up.
    tx.update(("transactions", transaction_id), {"status": status, "failureReason": reason, "updatedAt": now})


def find(db: Database, transaction_id: str, *, uid: str) -> Doc:
    """Raises NotFound also for another's: whether it exists is nobody else's business."""
    found = db.get("transactions", transaction_id)
    if found is None or found["userId"] != uid:
        raise NotFound("there is no such transaction")
    return {**found, "id": transaction_id}


def of_user(
    db: Database, uid: str, *, type: Type | None = None, status: Status | None = None, limit: int, cursor: str | None
) -> Page:
    """A user's transactions, newest first."""
    return page(db, query_of(uid=uid, type=type, status=status), limit=limit, cursor=cursor)


def query_of(
    *,
    uid: str | None = None,
    type: Type | None = None,
    status: Status | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Query:
    """Transactions created from `since` to before `until`, newest first; without `uid`, everybody's."""
    query = Query(("transactions",), order=(("createdAt", "desc"),))
    for field, value in (("userId", uid), ("type", type), ("status", status)):
        if value:
            query = query.filter(field, "==", value)
    if since:
        query = query.filter("createdAt", ">=", since)
    if until:
        query = query.filter("createdAt", "<", until)
    return query
