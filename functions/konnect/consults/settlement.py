"""A consult's money: held when it is asked for and extended, divided once when it ends, whatever the end."""

from datetime import datetime
from typing import Literal

from konnect.calendar import service as calendar
from konnect.experts import standing
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import SPENDING_ORDER, Leg, Movement, Parts
from konnect.money import percent_of, rupees
from konnect.sessions import claims, refunds, statement
from konnect.sessions.booked.policy import Split
from konnect.store import Doc, Tx

from . import events, messages, repository


def hold(tx: Tx, consult: Doc, amount_paise: int, number: int, *, now: datetime) -> None:
    """Move an amount from the user's wallet into the consult's hold: the price (number 0), or that of an extension.
    Raises PaymentRequired."""
    consult_id = consult["id"]
    ledger.post_new(
        tx,
        Movement(
            _hold_id(consult_id, number),
            "consult.hold",
            (
                Leg(accounts.wallet(consult["userId"]), -amount_paise),
                Leg(accounts.hold("consult", consult_id), amount_paise),
            ),
            {"consult": consult_id, "number": number},
        ),
        now=now,
    )
    entry_id = f"{consult_id}-payment" if number == 0 else f"{consult_id}-extension-{number}"
    text = f"{'Consult' if number == 0 else 'Longer consult'} with {consult['expertName']}"
    statement.write(tx, consult, entry_id, "user", "payment", amount_paise, text, now=now)


def close(
    tx: Tx,
    consult: Doc,
    split: Split,
    *,
    status: Literal["completed", "cancelled"],
    reason: str,
    by: str | None,
    fields: Doc,
    now: datetime,
) -> Doc:
    """Give back, pay, free both sides, tell them. `by`: the uid of who has ended it; `fields`: what else is written."""
    consult_id, held_paise = consult["id"], consult["heldPaise"]
    assert split.kept_paise + split.returned_paise == held_paise == consult["pricePaise"], "all of the hold is divided"
    # Without locks what is written below: both sides, and timers, may come at once.
    tx.peek(("wallets", consult["userId"]), ("wallets", consult["expertUid"]))
    tx.prefetch(
        repository.terms_path(consult_id),
        ("receivables", consult["expertUid"]),
        *(("movements", _hold_id(consult_id, number)) for number in range(consult["extensions"] + 1)),
        *claims.paths(consult["expertId"], consult["userId"]),
    )
    terms = repository.terms(tx, consult_id)
    if split.returned_paise:
        _give_back(tx, consult, split.returned_paise, now)
    fee_paise = percent_of(split.kept_paise, terms["platformFeePercent"])
    share_paise = split.kept_paise - fee_paise
    if split.kept_paise:
        _pay(tx, consult, share_paise, fee_paise, now)
    ended: Doc = {
        "seconds": 0,
        **fields,
        "status": status,
        "endReason": reason,
        "endedBy": by or events.SYSTEM,
        "amount": rupees(split.kept_paise),
        "amountPaise": split.kept_paise,
        "refundedAmount": rupees(split.returned_paise),
        "refundedAmountPaise": split.returned_paise,
        "warnAt": [],
        "nextTickAt": None,
        "updatedAt": now,
    }
    tx.update(("consults", consult_id), ended)
    tx.update(repository.terms_path(consult_id), {"earningPaise": share_paise, "platformFeePaise": fee_paise})
    people = (consult["userId"], consult["expertUid"])
    calendar.release(tx, people, consult_id, consult["reservedFrom"], consult["reservedUntil"])
    claims.release(tx, consult["expertId"], consult["userId"], consult_id)
    if status == "completed":
        tx.peek(("experts", consult["expertId"]))
        standing.add(tx, consult["expertId"], orders=1, now=now)
    over = {**consult, **ended, "heldPaise": 0}
    events.ended(tx, over, share_paise)
    messages.ended(tx, over, share_paise, now=now)
    return over


def _give_back(tx: Tx, consult: Doc, amount_paise: int, now: datetime) -> None:
    """To the parts of the wallet that it came from, what was spent last first, as a refund does it."""
    consult_id, wallet = consult["id"], accounts.wallet(consult["userId"])
    paid: Parts = dict.fromkeys(SPENDING_ORDER, 0)
    for number in range(consult["extensions"] + 1):
        for part, paise in ledger.recorded_parts(tx, _hold_id(consult_id, number), wallet).items():
            paid[part] -= paise
    ledger.post_new(
        tx,
        Movement(
            f"consult:{consult_id}:release",
            "consult.release",
            (
                Leg(accounts.hold("consult", consult_id), -amount_paise),
                Leg(wallet, amount_paise, parts=refunds.give_back(paid, amount_paise)),
            ),
            {"consult": consult_id},
        ),
        now=now,
    )
    text = f"Unused part of the consult with {consult['expertName']}"
    statement.write(tx, consult, f"{consult_id}-refund", "user", "refund", amount_paise, text, now=now)


def _pay(tx: Tx, consult: Doc, share_paise: int, fee_paise: int, now: datetime) -> None:
    """What the consultant owes (after a refund) is taken from the share first."""
    consult_id, uid = consult["id"], consult["expertUid"]
    owed_paise = min(ledger.debt(tx, uid), share_paise)
    legs = (
        Leg(accounts.hold("consult", consult_id), -share_paise - fee_paise),
        Leg(accounts.wallet(uid), share_paise - owed_paise, part="earned"),
        Leg(accounts.receivable(uid), owed_paise),
        Leg(accounts.PLATFORM_FEES, fee_paise),
    )
    ledger.post_new(
        tx,
        Movement(
            f"consult:{consult_id}:settle",
            "consult.settle",
            tuple(leg for leg in legs if leg.amount_paise),
            {"consult": consult_id, "mentor": uid},
        ),
        now=now,
    )
    if share_paise:
        text = f"Consult with {consult['userName']}"
        statement.write(tx, consult, f"{consult_id}-earning", "expert", "earning", share_paise, text, now=now)


def _hold_id(consult_id: str, number: int) -> str:
    return f"consult:{consult_id}:hold:{number}"
