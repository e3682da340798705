"""disputes/{bookingId}: a dispute about a booking, one at most. No client reads it.

{openedBy, studentId, mentorId, mentorUid, statement, answer, status: open | resolved, decision, amount, amountPaise,
refundId, note, decidedBy, createdAt, resolvedAt}, a statement {reason, description, at} as it was written; the booking
has what both sides see (`dispute`), with contacts masked as in messages. While it is open, the mentor's share of the
booking is in no payout, and neither account can be deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from konnect import audit, ids
from konnect.bookings import attendance, messages, no_show, repository, reversal
from konnect.contacts import masked
from konnect.errors import BadRequest, Conflict, NotFound
from konnect.money import rupees
from konnect.platform import PlatformConfig
from konnect.sessions.metering import Pace
from konnect.store import Database, Doc, Page, Query, Tx, page

COLLECTION = "disputes"
UNTIL_MINS = 7 * 24 * 60
"""After its end a booking can be disputed so long."""
_TERMS = ("private", "terms")
_SHOWN = ("status", "openedBy", "answer", "decision", "amount", "note", "decidedBy", "resolvedAt")

Decision = Literal["refund_full", "refund_partial", "no_refund"]


@dataclass(frozen=True)
class Ruling:
    """An admin's decision. `amount_paise`: of a refund_partial, and of nothing else."""

    decision: Decision
    amount_paise: int | None
    note: str
    by: str


def say(
    tx: Tx,
    booking_id: str,
    uid: str,
    reason: str,
    description: str,
    *,
    config: PlatformConfig,
    pace: Pace,
    now: datetime,
) -> Doc:
    """Open a dispute, or answer the other side's, once. The same again answers the same. Returns the booking.

    Raises NotFound (BOOKING_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict (NOT_DISPUTABLE: it was never paid, or
    has not begun; TOO_LATE_TO_DISPUTE, ALREADY_DISPUTED, ALREADY_ANSWERED, DISPUTE_RESOLVED).
    """
    # The booking first: who has its lock sees the dispute of whoever had it before.
    booking = repository.of_participant(tx, booking_id, uid)
    side = repository.side_of(booking, uid)
    dispute = tx.get(COLLECTION, booking_id)
    said: Doc = {"reason": reason, "description": description}
    if dispute is None:
        _check_disputable(booking, pace, now)
        return _open(tx, booking, side, {**said, "at": now}, config, now)
    own = dispute["statement"] if side == dispute["openedBy"] else dispute["answer"]
    if own is not None and said.items() <= own.items():
        return booking
    if side == dispute["openedBy"]:
        raise Conflict("there is a dispute about this booking already", code="ALREADY_DISPUTED")
    if own is not None:
        raise Conflict("you have answered this dispute already", code="ALREADY_ANSWERED")
    if dispute["status"] != "open":
        raise Conflict("the dispute is decided", code="DISPUTE_RESOLVED")
    return _answer(tx, booking, side, {**said, "at": now}, config, now)


def decide(tx: Tx, booking_id: str, ruling: Ruling, *, now: datetime) -> Doc:
    """Decide a dispute: give the student all, a part or nothing of what was kept, and tell both. The same again answers
    the same. All, because the mentor did not come, counts as the mentor's no-show. Returns the dispute, with its "id".

    Raises NotFound (DISPUTE_NOT_FOUND), BadRequest (amount), Conflict (ALREADY_DECIDED, and what a refund of the
    booking raises: BOOKING_NOT_ENDED, NOTHING_TO_REFUND, ALREADY_REFUNDED).
    """
    repository.find(tx, booking_id)
    dispute = tx.get(COLLECTION, booking_id)
    if dispute is None:
        raise NotFound("there is no such dispute", code="DISPUTE_NOT_FOUND")
    if (ruling.amount_paise is None) == (ruling.decision == "refund_partial"):
        needed = "is needed for a partial refund" if ruling.amount_paise is None else "is for a partial refund only"
        raise BadRequest.field("amount", needed)
    if dispute["status"] != "open":
        same = dispute["decision"] == ruling.decision and ruling.amount_paise in {None, dispute["amountPaise"]}
        if not same:
            raise Conflict("the dispute is decided already, and otherwise", code="ALREADY_DECIDED")
        return {**dispute, "id": booking_id}
    made = _refund(tx, booking_id, dispute, ruling, now)
    refund_paise = made["amountPaise"] if made is not None else 0
    booking = repository.get(tx, booking_id)
    result: Doc = {
        "status": "resolved",
        "decision": ruling.decision,
        "amount": rupees(refund_paise),
        "amountPaise": refund_paise,
        "note": ruling.note,
        "resolvedAt": now,
    }
    booking["dispute"] = {**booking["dispute"], **result}
    repository.update(tx, booking_id, now=now, dispute=booking["dispute"])
    tx.update(("bookings", booking_id, *_TERMS), {"disputed": False})
    decided = {**result, "decidedBy": ruling.by}
    tx.update((COLLECTION, booking_id), decided)
    messages.decided(tx, booking, made, ruling.note, now=now)
    audit.write(
        tx,
        actor=ruling.by,
        action="dispute.decide",
        target=f"disputes/{booking_id}",
        before={"status": "open"},
        after={"status": "resolved", "decision": ruling.decision, "amountPaise": refund_paise},
        reason=ruling.note,
        now=now,
        entry_id=ids.digest("dispute", booking_id),
    )
    return {**dispute, **decided, "id": booking_id}


def listed(db: Database, *, status: str | None, limit: int, cursor: str | None) -> Page:
    """Disputes, the newest first."""
    query = Query((COLLECTION,), order=(("createdAt", "desc"),))
    if status is not None:
        query = query.filter("status", "==", status)
    return page(db, query, limit=limit, cursor=cursor)


def views(db: Database, disputes: Sequence[Doc]) -> list[Doc]:
    """Disputes for an admin, each with its booking and who was seen in the call: 3 reads a dispute."""
    paths = [
        (("bookings", one["id"]), ("bookings", one["id"], *_TERMS), attendance.path(one["id"])) for one in disputes
    ]
    found = db.get_many([path for three in paths for path in three]) if paths else {}
    return [_view(one, *(found[path] or {} for path in three)) for one, three in zip(disputes, paths, strict=True)]


def open_of(uid: str, *, limit: int) -> list[Query]:
    """Queries for the open disputes of somebody's bookings, on either side."""
    return [
        Query((COLLECTION,), limit=limit).filter(field, "==", uid).filter("status", "==", "open")
        for field in repository.SIDES.values()
    ]


def _view(dispute: Doc, booking: Doc, terms: Doc, seen: Doc) -> Doc:
    names = ("studentId", "studentName", "mentorId", "mentorName", "scheduledAt", "endsAt", "total")
    return {
        **{name: booking[name] for name in names},
        "id": dispute["id"],
        "bookingStatus": booking["status"],
        "bookingStatusReason": booking["statusReason"],
        "refundable": rupees(reversal.left_of(booking, terms)),
        "attendance": seen,
        "openedAt": dispute["createdAt"],
        **dispute["statement"],
        **{name: dispute[name] for name in _SHOWN},
    }


def _check_disputable(booking: Doc, pace: Pace, now: datetime) -> None:
    if booking["confirmedAt"] is None or (booking["isOpen"] and now < booking["scheduledAt"]):
        state = "was not paid for" if booking["confirmedAt"] is None else "has not begun"
        raise Conflict(f"the session {state}", code="NOT_DISPUTABLE")
    if now > booking["endsAt"] + timedelta(seconds=UNTIL_MINS * pace.minute_s):
        raise Conflict("seven days have passed since its end", code="TOO_LATE_TO_DISPUTE")


def _open(tx: Tx, booking: Doc, side: str, statement: Doc, config: PlatformConfig, now: datetime) -> Doc:
    undecided: Doc = {"decision": None, "amount": None, "amountPaise": None, "note": None, "resolvedAt": None}
    tx.create(
        (COLLECTION, booking["id"]),
        {
            "openedBy": side,
            "studentId": booking["studentId"],
            "mentorId": booking["mentorId"],
            "mentorUid": booking["mentorUid"],
            "statement": statement,
            "answer": None,
            "status": "open",
            "decidedBy": None,
            "createdAt": now,
            **undecided,
        },
    )
    # By this the payouts leave it out.
    tx.update(("bookings", booking["id"], *_TERMS), {"disputed": True})
    shown = {
        "status": "open",
        "openedBy": side,
        **_shown(statement, config),
        "openedAt": now,
        "answer": None,
        **undecided,
    }
    del shown["at"]
    return _tell(tx, booking, shown, "dispute_opened", side, now)


def _answer(tx: Tx, booking: Doc, side: str, statement: Doc, config: PlatformConfig, now: datetime) -> Doc:
    tx.update((COLLECTION, booking["id"]), {"answer": statement})
    shown = {**booking["dispute"], "answer": _shown(statement, config)}
    return _tell(tx, booking, shown, "dispute_answered", side, now)


def _tell(
    tx: Tx, booking: Doc, shown: Doc, type: Literal["dispute_opened", "dispute_answered"], side: str, now: datetime
) -> Doc:
    repository.update(tx, booking["id"], now=now, dispute=shown)
    booking = {**booking, "dispute": shown, "updatedAt": now}
    messages.disputed(tx, booking, type, side, now=now)
    return booking


def _shown(statement: Doc, config: PlatformConfig) -> Doc:
    """As the other side reads it."""
    if config.maskContacts == "nowhere":
        return dict(statement)
    return {**statement, "description": masked(statement["description"])}


def _refund(tx: Tx, booking_id: str, dispute: Doc, ruling: Ruling, now: datetime) -> Doc | None:
    if ruling.decision == "no_refund":
        return None
    given = reversal.Request(booking_id, f"{booking_id}-dispute", ruling.amount_paise, "dispute", ruling.by)
    made = reversal.give_back(tx, given, now=now)
    booking = repository.get(tx, booking_id)
    absent = dispute["openedBy"] == "student" and dispute["statement"]["reason"] == "no_show"
    if ruling.decision == "refund_full" and absent and booking["status"] == "completed":
        no_show.called_off(tx, booking, now=now)
    return made
