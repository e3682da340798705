"""payouts/{id}: money between an account of ours and its owner's bank. No client reads it.

{kind: withdrawal | earnings, userId, status, grossPaise, tds, amountPaise, about, heldPaise, destination, request,
attempt, attempts, waitingFor, providerId, providerStatus, utr, settledBy: provider | hand, reference, reason,
contradiction, createdAt, updatedAt, settledAt, nextCheckAt}.

    pending → processing → paid → reversed
        ↘          ↘
         paid, failed (by hand, or refused or given back by the provider)

`grossPaise` is what left its account, `tds` what was withheld of that (tax.take), `amountPaise` the rest, which is
sent; `about` is what its kind keeps with it. `destination` is where it goes: frozen when details are known, so that a
change of them is for later payouts. `request` is what the provider is asked, frozen with the first attempt; from then
on the status is processing, and only the provider's word, or none at all after every attempt has settled, ends it.
`attempt` is the latest of unknown outcome. `nextCheckAt` is None once the sweep has nothing to do any more.
"""

from datetime import datetime
from typing import Any, Protocol

from konnect import ids
from konnect.store import Database, Doc, Query, Tx

from . import policy

LIMIT = 100


class Reader(Protocol):
    """A transaction, or the database outside of one."""

    def get(self, *path: str) -> Doc | None: ...


def find(reader: Reader, payout_id: str) -> Doc | None:
    """The payout with its "id"; None also for what can be no id, which an event may bring."""
    found = reader.get("payouts", payout_id) if ids.valid(payout_id) else None
    return {**found, "id": payout_id} if found is not None else None


def create(
    tx: Tx,
    payout_id: str,
    *,
    kind: str,
    uid: str,
    gross_paise: int,
    tds: Doc,
    destination: Doc | None,
    about: Doc | None,
    now: datetime,
) -> None:
    tx.create(
        ("payouts", payout_id),
        {
            "kind": kind,
            "userId": uid,
            "status": "pending",
            "grossPaise": gross_paise,
            "tds": tds,
            "amountPaise": gross_paise - tds["tdsPaise"],
            "about": about,
            "heldPaise": 0,
            "destination": destination,
            "request": None,
            "attempt": None,
            "attempts": 0,
            "waitingFor": None,
            "providerId": None,
            "providerStatus": None,
            "utr": None,
            "settledBy": None,
            "reference": None,
            "reason": None,
            "contradiction": None,
            "createdAt": now,
            "updatedAt": now,
            "settledAt": None,
            "nextCheckAt": policy.next_check(now, now),
        },
    )


def update(tx: Tx, payout_id: str, *, now: datetime, **fields: Any) -> None:
    tx.update(("payouts", payout_id), {**fields, "updatedAt": now})


def pending_of(tx: Tx, uid: str) -> list[Doc]:
    """A user's payouts that nobody has been asked for yet."""
    query = Query(("payouts",), limit=LIMIT).filter("userId", "==", uid).filter("status", "==", "pending")
    return tx.query(query)


def has_earned(db: Database, uid: str) -> bool:
    """Whether there is, or was, something to pay to a user."""
    wallet, payable = db.get("wallets", uid) or {}, db.get("payables", uid) or {}
    return (
        wallet.get("withdrawablePaise", 0) > 0
        or payable.get("balancePaise", 0) > 0
        or bool(Query(("payouts",), limit=1).filter("userId", "==", uid).run(db))
    )


def returned(payout: Doc) -> int:
    """What goes back to where a payout came from if it fails, in paise."""
    # Payouts of before there was TDS have the amount alone.
    return int(payout["grossPaise"] if "grossPaise" in payout else payout["amountPaise"])


def due(db: Database, *, now: datetime, limit: int) -> list[Doc]:
    """Payouts that the sweep has to look at, the longest due first."""
    return Query(("payouts",), (("nextCheckAt", "<=", now),), (("nextCheckAt", "asc"),), limit).run(db)
