"""Adjustments of a wallet by an admin: a movement against the platform's own account, with a reason."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from konnect import audit, idempotency
from konnect.errors import NotFound
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import CURRENCY, rupees
from konnect.store import Tx

from . import transactions

Part = Literal["promotional", "deposited", "earned"]


@dataclass(frozen=True)
class Adjustment:
    """`amount_paise` is signed. `part` None: a credit is promotional money (it can be spent, not withdrawn), a debit
    takes what would be spent next. `id` makes a repeat harmless."""

    id: str
    uid: str
    amount_paise: int
    part: Part | None
    reason: str
    by: str


def adjust(tx: Tx, given: Adjustment, *, key: idempotency.Key | None, now: datetime) -> dict[str, Any]:
    """Add to a wallet, or take from it, never below zero. Promotional money comes from platform:promotions and returns
    there; everything else is platform:adjustments'.

    Raises NotFound (no such user), PaymentRequired (less is there than is to be taken).
    """
    answered = idempotency.replay(tx, key, now=now)
    if answered is not None:
        return answered
    wallet = tx.get("wallets", given.uid)
    if wallet is None:
        raise NotFound("there is no such wallet", code="WALLET_NOT_FOUND")
    part: Part | None = given.part or ("promotional" if given.amount_paise > 0 else None)
    source = accounts.PLATFORM_PROMOTIONS if part == "promotional" else accounts.PLATFORM_ADJUSTMENTS
    account = accounts.wallet(given.uid)
    posted = ledger.post(
        tx,
        Movement(
            f"adjustment:{given.id}",
            "adjustment",
            (Leg(account, given.amount_paise, part=part), Leg(source, -given.amount_paise)),
            {"adjustment": given.id, "user": given.uid},
        ),
        now=now,
    )
    if posted.repeat:
        return _result(given, wallet["balancePaise"])
    # Credits are shown as deposits, which lets a session in grace go on; earned money as an earning.
    credit: transactions.Type = "earning" if part == "earned" else "deposit"
    transactions.write(
        tx,
        given.id,
        uid=given.uid,
        type=credit if given.amount_paise > 0 else "withdraw",
        status="completed",
        amount_paise=abs(given.amount_paise),
        description="Adjustment",
        reference_id=given.id,
        now=now,
        taken_back=part == "earned" and given.amount_paise < 0,
    )
    after_paise = posted.balances[account]
    audit.write(
        tx,
        actor=given.by,
        action="wallet.adjust",
        target=f"wallets/{given.uid}",
        before={"balancePaise": wallet["balancePaise"]},
        after={"balancePaise": after_paise, "adjustmentId": given.id, "parts": posted.parts[account]},
        reason=given.reason,
        now=now,
        entry_id=given.id,
    )
    result = _result(given, after_paise)
    idempotency.record(tx, key, result, now=now)
    return result


def _result(given: Adjustment, balance_paise: int) -> dict[str, Any]:
    return {
        "adjustmentId": given.id,
        "transactionId": given.id,
        "userId": given.uid,
        "amount": rupees(given.amount_paise),
        "amountPaise": given.amount_paise,
        "balance": rupees(balance_paise),
        "balancePaise": balance_paise,
        "currency": CURRENCY,
    }
