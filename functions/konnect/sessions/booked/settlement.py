"""The end of a booked session, whatever it was: its hold is divided once, its time is free again."""

from datetime import datetime
from typing import Any, Literal

from konnect.calendar import service as calendar
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import rupees
from konnect.store import Doc, Tx

from .. import billing, refunds, repository, schedule, statement
from .policy import Split

KIND = "session"
"""Of its reservations in the calendars."""


def take(tx: Tx, session: Doc, price_paise: int, now: datetime) -> None:
    """Move the price from the user's wallet into the session's hold. Raises PaymentRequired."""
    ledger.post_new(
        tx,
        Movement(
            f"session:{session['id']}:hold",
            "session.hold",
            (
                Leg(accounts.wallet(session["userId"]), -price_paise),
                Leg(accounts.hold("session", session["id"]), price_paise),
            ),
            {"session": session["id"]},
        ),
        now=now,
    )
    text = f"Booked session with {session['expertName']}"
    statement.write(tx, session, f"{session['id']}-payment", "user", "payment", price_paise, text, now=now)


def close(
    tx: Tx,
    session: Doc,
    split: Split,
    *,
    status: Literal["completed", "cancelled"],
    reason: str,
    fields: Doc,
    now: datetime,
) -> tuple[Doc, int]:
    """Give back, settle, free both sides and see to the queue. `fields`: what else is written of the session.

    Returns the session and the expert's share in paise.
    """
    session_id, price_paise = session["id"], session["totalAmountPaise"]
    assert split.kept_paise + split.returned_paise == price_paise == session["heldPaise"], "all of the hold is divided"
    # Without locks what is written below: both sides, and timers, may come at once.
    tx.peek(
        ("wallets", session["userId"]),
        ("wallets", session["expertUid"]),
        ("sessions", session_id, "private", "terms"),
    )
    tx.prefetch(
        ("receivables", session["expertUid"]),
        ("movements", f"session:{session_id}:hold"),
        *repository.claim_paths(session["expertId"], session["userId"]),
    )
    if split.returned_paise:
        _give_back(tx, session, split.returned_paise, now)
    terms = tx.get("sessions", session_id, "private", "terms") or {}
    share_paise, fee_paise = billing.settle(tx, session, terms["platformFeePercent"], now)
    ended: Doc = {
        **fields,
        "status": status,
        "endReason": reason,
        "releasedPaise": split.returned_paise,
        "refundedAmount": rupees(split.returned_paise),
        "refundedAmountPaise": split.returned_paise,
        "nextTickAt": None,
        "updatedAt": now,
    }
    tx.update(("sessions", session_id), ended)
    tx.update(
        ("sessions", session_id, "private", "terms"), {"earningPaise": share_paise, "platformFeePaise": fee_paise}
    )
    if split.kept_paise:
        statement.write_earning(tx, session, share_paise, now=now)
    people = (session["userId"], session["expertUid"])
    calendar.release(tx, people, session_id, session["scheduledAt"], session["endsAt"])
    if session["status"] == "in_progress":
        repository.release(tx, session["expertId"], session["userId"], session_id)
    schedule.advance(tx, session["expertId"], session_id)
    return {**session, **ended, "heldPaise": 0}, share_paise


def _give_back(tx: Tx, session: Doc, amount_paise: int, now: datetime) -> None:
    """To the parts of the wallet that it came from, what was spent last first, as a refund does it.

    A kind of its own: what is given back here has never been anybody's revenue.
    """
    session_id, wallet = session["id"], accounts.wallet(session["userId"])
    taken = ledger.recorded_parts(tx, f"session:{session_id}:hold", wallet)
    paid = {part: -paise for part, paise in taken.items()}
    ledger.post_new(
        tx,
        Movement(
            f"session:{session_id}:release",
            "session.release",
            (
                Leg(accounts.hold("session", session_id), -amount_paise),
                Leg(wallet, amount_paise, parts=refunds.give_back(paid, amount_paise)),
            ),
            {"session": session_id, "mentor": session["expertUid"]},
        ),
        now=now,
    )
    text = f"Refund of the session with {session['expertName']}"
    statement.write(tx, session, f"{session_id}-refund", "user", "refund", amount_paise, text, now=now)


def summary(session: Doc, minutes: int, kept_paise: int) -> dict[str, Any]:
    """What `chat-ended` says to both."""
    return {
        "chatId": session["id"],
        "duration": minutes,
        "durationSeconds": session["durationSeconds"],
        "totalCharged": rupees(kept_paise),
        "reason": session["endReason"],
    }
