"""What moved on each business day: ledgerDays/{day}-{shard}, added to in the movement's own transaction, so exact; and
by month what moved because of one mentor (or expert): ledgerMonths/{YYYY-MM}-{uid}, of movements whose subject has a
"mentor". Days and months are Asia/Kolkata's.

A day has {day, shard} and one field for each kind of movement, class of account and direction, in paise:
"session.settle hold-", "deposit wallet+"; and "deposit count". A class is the account's kind, and the whole name for
platform, tax and gateway accounts. A mentor's month has the same fields, and {month, mentor, settledPaise}: what holds
were settled and courses bought for, by which the months are listed.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from google.cloud import firestore

from konnect import clock
from konnect.store import Database, Doc, Query, Tx

from .postings import Movement

COLLECTION = "ledgerDays"
MONTHS = "ledgerMonths"
_SETTLED = (
    *(f"{kind}.settle hold-" for kind in ("session", "booking", "consult")),
    *(f"course.pay {account}-" for account in ("wallet", "gateway:stripe")),
)
_WHOLE = {"platform", "tax", "gateway"}

Sums = Counter[str]
"""Paise (or how many movements) by "kind class±" and "kind count"."""


def add(tx: Tx, movement: Movement, shard: str, *, now: datetime) -> None:
    """Count a new movement into its day, and into its mentor's month."""
    sums = Sums({f"{movement.kind} count": 1})
    for leg in movement.legs:
        sums[f"{movement.kind} {class_of(leg.account)}{'+' if leg.amount_paise > 0 else '-'}"] += abs(leg.amount_paise)
    day = clock.business_day(now).isoformat()
    fields = {name: firestore.Increment(value) for name, value in sums.items()}
    tx.merge((COLLECTION, f"{day}-{shard}"), {"day": day, "shard": int(shard), **fields})
    mentor = movement.subject.get("mentor")
    if mentor is not None:
        month, settled_paise = day[:7], sum(sums[name] for name in _SETTLED)
        of_mentor = {"month": month, "mentor": mentor, "settledPaise": firestore.Increment(settled_paise)}
        tx.merge((MONTHS, f"{month}-{mentor}"), {**of_mentor, **fields})


def class_of(account: str) -> str:
    kind = account.partition(":")[0]
    return account if kind in _WHOLE else kind


def of_range(db: Database, first: date, last: date) -> dict[str, Sums]:
    """The sums of each day from `first` to `last` that had any: up to accounts.SHARDS reads a day."""
    query = Query((COLLECTION,)).filter("day", ">=", first.isoformat()).filter("day", "<=", last.isoformat())
    found: dict[str, Sums] = {}
    for doc in query.run(db):
        day = found.setdefault(doc["day"], Sums())
        day.update(sums_of(doc))
    return found


def of_mentors(month: str) -> Query:
    """Each mentor's sums of a month (YYYY-MM), the largest first: a document each."""
    return Query((MONTHS,), (("month", "==", month),), (("settledPaise", "desc"),))


def sums_of(doc: Doc) -> Sums:
    """What a document of a day or a month sums up."""
    return Sums({name: value for name, value in doc.items() if " " in name})


def total(parts: Iterable[Sums]) -> Sums:
    whole = Sums()
    for part in parts:
        whole.update(part)
    return whole
