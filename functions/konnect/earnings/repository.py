"""What is unpaid, by the bookings' terms, and what is kept with a payout: payouts/{id}/lines/{n}, whose `lines` are
written when it is opened, and never again."""

from datetime import datetime
from typing import Any

from konnect import ids
from konnect.store import Database, Doc, Query, Tx, page
from konnect.store import Page as Found

from .policy import MOST_SHARES, Share

KIND = "earnings"
LINES_A_DOCUMENT = 100
MOST_PAYOUTS = 50
"""Of one mentor for one week: failed ones, and those beyond what one can hold."""
EVER = datetime.fromisoformat("2020-01-01T00:00:00+00:00")


def terms_path(booking_id: str) -> tuple[str, ...]:
    return ("bookings", booking_id, "private", "terms")


def unpaid_query(uid: str) -> Query:
    """The terms of bookings whose share is in no payout, the earliest first: one more than a payout can hold, so that
    it shows whether that is all."""
    query = Query(("private",), order=(("settledAt", "asc"),), limit=MOST_SHARES + 1, group=True)
    return query.filter("mentorUid", "==", uid).filter("payoutId", "==", None)


def unpaid(tx: Tx, uid: str) -> dict[str, Doc]:
    """The terms of `unpaid_query`, by booking, read without locks. Each is what a payout that takes it is written on: a
    dispute that begins meanwhile writes nothing else that the payout has read."""
    found = [terms["bookingId"] for terms in unpaid_query(uid).run(tx.db)]
    tx.peek(*(terms_path(booking_id) for booking_id in found))
    read = {booking_id: tx.get(*terms_path(booking_id)) or {} for booking_id in found}
    return {booking_id: terms for booking_id, terms in read.items() if terms.get("payoutId", "") is None}


def share(terms: Doc) -> Share:
    return Share(terms["bookingId"], terms["settledAt"], terms["mentorPaise"], bool(terms.get("disputed")))


def earned(db: Database, uid: str, since: datetime = EVER, until: datetime | None = None) -> int:
    """The sum of a mentor's shares settled from `since` to before `until`, net of refunds, in paise."""
    query = Query(("private",), group=True).filter("mentorUid", "==", uid).filter("settledAt", ">=", since)
    if until is not None:
        query = query.filter("settledAt", "<", until)
    return query.sum(db, "mentorPaise")


def payout_id(tx: Tx, uid: str, week: str) -> str:
    """The id of a mentor's next payout for a week."""
    for number in range(1, MOST_PAYOUTS + 1):
        candidate = ids.digest(KIND, uid, week, number)
        tx.peek(("payouts", candidate))
        if tx.get("payouts", candidate) is None:
            return candidate
    raise AssertionError(f"{uid} has {MOST_PAYOUTS} payouts of {week}")


def write_lines(tx: Tx, payout_id: str, lines: list[Doc]) -> None:
    for number, at in enumerate(range(0, len(lines), LINES_A_DOCUMENT)):
        path = ("payouts", payout_id, "lines", f"{number:03}")
        tx.create(path, {"number": number, "lines": lines[at : at + LINES_A_DOCUMENT]})


def lines_query(payout_id: str) -> Query:
    return Query(("payouts", payout_id, "lines"), order=(("number", "asc"),))


def lines(documents: list[Doc]) -> list[Doc]:
    return [line for document in documents for line in document["lines"]]


def payables(db: Database, *, after: str | None, limit: int) -> list[Doc]:
    """Mentors' accounts, by uid: an order that no payment changes."""
    query = Query(("payables",), order=(("__name__", "asc"),), limit=limit)
    if after is not None:
        query = Query(query.collection, order=query.order, limit=limit, after=(after,))
    return query.run(db)


def payouts_of(
    db: Database, *, uid: str | None, kind: str | None, statuses: tuple[str, ...], limit: int, cursor: str | None
) -> Found:
    """Payouts of both kinds, the newest first; without `uid`, everybody's."""
    query = Query(("payouts",), order=(("createdAt", "desc"),))
    for field, value in (("userId", uid), ("kind", kind)):
        if value is not None:
            query = query.filter(field, "==", value)
    if statuses:
        query = query.filter("status", "in", list(statuses))
    return page(db, query, limit=limit, cursor=cursor)


def sum_of(db: Database, uid: str, statuses: list[str]) -> int:
    """What a mentor's payouts of earnings in these states send to the bank, in paise."""
    query = Query(("payouts",)).filter("userId", "==", uid).filter("kind", "==", KIND)
    return query.filter("status", "in", statuses).sum(db, "amountPaise")


def open_of(tx: Tx, uid: str, *, limit: int) -> list[dict[str, Any]]:
    """A mentor's payouts of earnings that have not come to an end."""
    query = Query(("payouts",), limit=limit).filter("userId", "==", uid).filter("kind", "==", KIND)
    return tx.query(query.filter("status", "in", ["pending", "processing"]))
