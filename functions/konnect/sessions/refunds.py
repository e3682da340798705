"""Refunds of ended sessions, by an admin: whole, in part, several times, up to what was paid.

The user's money goes back at once, to the parts of the wallet it came from, what was spent last first. The platform
gives its fee back and the expert the share, in proportion on cumulative totals (so that refunds which make up the whole
return the fee to the paisa); what the expert has spent becomes a debt (`receivable`) that later earnings pay first.

refunds/{id}: {sessionId, userId, expertUid, amountPaise, feePaise, expertPaise, owedPaise, reason, by, createdAt}.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from konnect import audit, ids
from konnect.errors import BadRequest, Conflict, NotFound
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import SPENDING_ORDER, Leg, Movement, Parts
from konnect.money import CURRENCY, rupees
from konnect.store import Doc, Query, Tx

from . import repository, statement


@dataclass(frozen=True)
class Request:
    """`amount_paise` None: all that is left. `refund_id` makes a repeat harmless."""

    session_id: str
    refund_id: str
    amount_paise: int | None
    reason: str
    by: str


def refund(tx: Tx, given: Request, *, now: datetime) -> dict[str, Any]:
    """Refund a session. A repeat of a refund's id answers what was done; with another amount or session: Conflict.

    Returns the refund. Raises NotFound (SESSION_NOT_FOUND), BadRequest (amount: more than is left), Conflict
    (SESSION_NOT_ENDED, ACCOUNT_DELETED, NOTHING_TO_REFUND, ALREADY_REFUNDED, REFUND_NOT_REFUNDABLE, REFUND_DIFFERS).
    """
    tx.prefetch(("sessions", given.session_id), ("refunds", given.refund_id))
    recorded = tx.get("refunds", given.refund_id)
    if recorded is not None:
        return _repeat(recorded, given)
    session = repository.find(tx, given.session_id)
    if session is None:
        raise _no_session(tx, given.session_id)
    if session["status"] not in {"completed", "cancelled"}:
        raise Conflict("the session has not ended; end it first", code="SESSION_NOT_ENDED")
    tx.prefetch(
        ("sessions", given.session_id, "private", "terms"),
        ("wallets", session["userId"]),
        ("wallets", session["expertUid"]),
        ("receivables", session["expertUid"]),
        ("users", session["userId"]),
    )
    if (tx.get("users", session["userId"]) or {}).get("deletedAt") is not None:
        raise Conflict("the user's account is deleted: nobody could spend the money", code="ACCOUNT_DELETED")
    terms = tx.get("sessions", given.session_id, "private", "terms") or {}
    # What came back of a booked one's hold was never paid to anybody, so there is nothing to reverse of it.
    released_paise = int(session.get("releasedPaise", 0))
    before_paise = int(session.get("refundedAmountPaise", 0)) - released_paise
    fee_total_paise, share_total_paise = terms.get("platformFeePaise", 0), terms.get("earningPaise", 0)
    paid_paise = fee_total_paise + share_total_paise
    amount_paise = _amount(given, paid_paise, before_paise)
    after_paise = before_paise + amount_paise
    fee_paise = part_of(fee_total_paise, after_paise, paid_paise) - part_of(fee_total_paise, before_paise, paid_paise)
    expert_paise = amount_paise - fee_paise
    # Once settled, what the expert can't return from earned money is owed: the user's refund never waits.
    owed_paise = max(0, expert_paise - ledger.available(tx, session["expertUid"], part="earned"))
    wallet = accounts.wallet(session["userId"])
    legs = (
        Leg(wallet, amount_paise, parts=give_back(_parts_paid(tx, given.session_id, wallet), amount_paise)),
        Leg(accounts.wallet(session["expertUid"]), owed_paise - expert_paise, part="earned"),
        Leg(accounts.receivable(session["expertUid"]), -owed_paise),
        Leg(accounts.PLATFORM_FEES, -fee_paise),
    )
    ledger.post(
        tx,
        Movement(
            f"session:{given.session_id}:refund:{given.refund_id}",
            "session.refund",
            tuple(leg for leg in legs if leg.amount_paise),
            {"session": given.session_id, "refund": given.refund_id, "mentor": session["expertUid"]},
        ),
        now=now,
    )
    made: Doc = {
        "sessionId": given.session_id,
        "userId": session["userId"],
        "expertUid": session["expertUid"],
        "amountPaise": amount_paise,
        "feePaise": fee_paise,
        "expertPaise": expert_paise,
        "owedPaise": owed_paise,
        "refundedPaise": after_paise,
        "paidPaise": paid_paise,
        "reason": given.reason,
        "by": given.by,
        "createdAt": now,
    }
    tx.create(("refunds", given.refund_id), made)
    tx.update(
        ("sessions", given.session_id),
        {
            "refundedAmount": rupees(released_paise + after_paise),
            "refundedAmountPaise": released_paise + after_paise,
            "updatedAt": now,
        },
    )
    tx.update(
        ("sessions", given.session_id, "private", "terms"),
        {
            "refundedFeePaise": terms.get("refundedFeePaise", 0) + fee_paise,
            "refundedEarningPaise": terms.get("refundedEarningPaise", 0) + expert_paise,
        },
    )
    _write_transactions(tx, session, given, amount_paise, expert_paise, now)
    audit.write(
        tx,
        actor=given.by,
        action="session.refund",
        target=f"sessions/{given.session_id}",
        before={"refundedAmountPaise": before_paise},
        after={"refundedAmountPaise": after_paise, "refundId": given.refund_id, "amountPaise": amount_paise},
        reason=given.reason,
        now=now,
        entry_id=ids.digest("refund", given.refund_id),
    )
    return _result(given.refund_id, made)


def part_of(whole_paise: int, amount_paise: int, of_paise: int) -> int:
    """`whole_paise` in the proportion amount : of, rounded half up to the paisa. Pure."""
    return (2 * whole_paise * amount_paise + of_paise) // (2 * of_paise)


def give_back(paid: Parts, amount_paise: int) -> Parts:
    """How much of an amount goes back to each part of the wallet: what was spent last comes back first. Pure."""
    back: Parts = {}
    for part in reversed(SPENDING_ORDER):
        taken = min(paid.get(part, 0), amount_paise - sum(back.values()))
        if taken > 0:
            back[part] = taken
    assert sum(back.values()) == amount_paise, "the session's movements show less than was paid"
    return back


def _parts_paid(tx: Tx, session_id: str, wallet: str) -> Parts:
    """What a session has taken from the user's wallet and not given back yet, by part, from its movements."""
    paid = dict.fromkeys(SPENDING_ORDER, 0)
    # Bounded by the longest length of a session, and by how often one is refunded.
    for movement in tx.query(Query(("movements",)).filter("subject.session", "==", session_id)):
        for leg in movement["legs"]:
            if leg["account"] == wallet:
                for part, paise in leg["parts"].items():
                    paid[part] -= paise
    return paid


def _amount(given: Request, paid_paise: int, refunded_paise: int) -> int:
    left_paise = paid_paise - refunded_paise
    if paid_paise == 0:
        raise Conflict("nothing was paid for this session", code="NOTHING_TO_REFUND")
    if left_paise == 0:
        raise Conflict("the session is refunded already", code="ALREADY_REFUNDED")
    amount_paise = left_paise if given.amount_paise is None else given.amount_paise
    if amount_paise > left_paise:
        raise BadRequest.field("amount", f"must be at most {rupees(left_paise)}, which is what is left to refund")
    return amount_paise


def _no_session(tx: Tx, session_id: str) -> Exception:
    """A refund, or its transaction, given as if it were a session."""
    if tx.get("refunds", session_id) is not None or (tx.get("transactions", session_id) or {}).get("type") == "refund":
        return Conflict("a refund can't be refunded", code="REFUND_NOT_REFUNDABLE")
    return NotFound("there is no such session", code="SESSION_NOT_FOUND")


def _repeat(recorded: Doc, given: Request) -> dict[str, Any]:
    same_amount = given.amount_paise in {None, recorded["amountPaise"]}
    if recorded["sessionId"] != given.session_id or not same_amount:
        raise Conflict("this refund id was used for another refund", code="REFUND_DIFFERS")
    return _result(given.refund_id, recorded)


def _result(refund_id: str, made: Doc) -> dict[str, Any]:
    return {
        "refundId": refund_id,
        "sessionId": made["sessionId"],
        "userId": made["userId"],
        "amount": rupees(made["amountPaise"]),
        "amountPaise": made["amountPaise"],
        "platformFee": rupees(made["feePaise"]),
        "expertShare": rupees(made["expertPaise"]),
        "owedByExpert": rupees(made["owedPaise"]),
        "refundedAmount": rupees(made["refundedPaise"]),
        "refundable": rupees(made["paidPaise"] - made["refundedPaise"]),
        "currency": CURRENCY,
    }


def _write_transactions(
    tx: Tx, session: Doc, given: Request, amount_paise: int, expert_paise: int, now: datetime
) -> None:
    text = f"Refund of the session with {session['expertName']}"
    statement.write(tx, session, given.refund_id, "user", "refund", amount_paise, text, now=now)
    if expert_paise:
        # The whole share, as the earning shows it whole even if a debt took some of it.
        text = f"Share of the refunded session with {session['userName']}"
        share_id = f"{given.refund_id}-share"
        statement.write(tx, session, share_id, "expert", "payment", expert_paise, text, now=now, taken_back=True)
