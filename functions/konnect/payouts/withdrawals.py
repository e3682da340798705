"""Withdrawals: payouts of what an owner's wallet has earned (design: deposits go back by refund to their source)."""

import logging
from datetime import datetime
from typing import Any

from konnect import idempotency, ids
from konnect.errors import Conflict
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg
from konnect.money import CURRENCY, inr, rupees
from konnect.notifications import service as notifications
from konnect.notifications.types import Type
from konnect.store import Doc, Tx
from konnect.wallet import transactions

from . import details, repository, service, tax
from .purposes import Outcome

log = logging.getLogger(__name__)

KIND = "withdrawal"
DESCRIPTION = "Withdrawal of earnings"
_SHOWN = {"pending": "pending", "processing": "pending", "paid": "completed", "failed": "failed", "reversed": "failed"}
"""A payout's status as its owner's transaction has it."""


def withdraw(
    tx: Tx, uid: str, amount_paise: int, *, key: idempotency.Key | None, request_id: str, now: datetime
) -> dict[str, Any]:
    """Take earned money out of the wallet, into `payout:{id}` until the bank transfer's outcome is known. TDS is
    withheld from what is sent (tax.py).

    `request_id` is this request's own: should a commit's outcome stay unknown, the second attempt finds the first.
    Raises PaymentRequired when less is earned, beyond what is owed, than asked for; Conflict (IDEMPOTENCY_KEY_REUSED)
    for a key of another withdrawal, however long ago; BadRequest (amount) for what TDS leaves too little of.
    """
    # Derived where a key is given, so that a repeat can never be a second withdrawal.
    payout_id = ids.digest("withdrawal", key.id if key else request_id)
    # Without locks: many at once, on one wallet or under one key, would wait for each other until all give up.
    tx.peek(("wallets", uid), tax.path(uid, now), ("payouts", payout_id), *([("idempotency", key.id)] if key else []))
    answered = idempotency.replay(tx, key, now=now)
    if answered is not None:
        return answered
    tx.prefetch(("receivables", uid), details.path(uid))
    result: dict[str, Any] = {
        "transactionId": payout_id,
        "status": "pending",
        "amount": rupees(amount_paise),
        "amountPaise": amount_paise,
        "currency": CURRENCY,
    }
    made = repository.find(tx, payout_id)
    if made is not None:
        if repository.returned(made) != amount_paise:
            raise Conflict("this Idempotency-Key was used with other input", code="IDEMPOTENCY_KEY_REUSED")
        # Its task may be what could not be created then; the name makes a second one harmless.
        tx.enqueue(service.send_task(payout_id))
        # A key is remembered here for longer than its answer is kept: by now it may have ended.
        result["status"] = _SHOWN[made["status"]]
        withheld_paise = amount_paise - made["amountPaise"]
        return {**result, **_net(amount_paise, withheld_paise), "balance": rupees(ledger.available(tx, uid))}
    withdrawable = max(0, ledger.available(tx, uid, part="earned") - ledger.debt(tx, uid))
    if withdrawable < amount_paise:
        raise ledger.insufficient(amount_paise, withdrawable)
    opened = service.open_new(tx, payout_id, kind=KIND, uid=uid, amount_paise=amount_paise, now=now)
    transactions.write(
        tx,
        payout_id,
        uid=uid,
        type="withdraw",
        status="pending",
        amount_paise=amount_paise,
        description=DESCRIPTION,
        reference_id=payout_id,
        tds_paise=opened.tds_paise,
        now=now,
    )
    result |= {**_net(amount_paise, opened.tds_paise), "balance": rupees(opened.balance_paise)}
    idempotency.record(tx, key, result, now=now)
    return result


def _net(amount_paise: int, tds_paise: int) -> dict[str, Any]:
    net_paise = amount_paise - tds_paise
    return {
        "tds": rupees(tds_paise),
        "tdsPaise": tds_paise,
        "netAmount": rupees(net_paise),
        "netAmountPaise": net_paise,
    }


# The purpose's interface (purposes.Purpose)


def source(uid: str, amount_paise: int) -> Leg:
    return Leg(accounts.wallet(uid), amount_paise, part="earned")


def settled(tx: Tx, payout: Doc, outcome: Outcome, *, reference: str, reason: str, now: datetime) -> None:
    """The transaction ends; the owner is told by notification and mail."""
    uid, amount, whole = payout["userId"], inr(payout["amountPaise"]), inr(repository.returned(payout))
    tds_paise = repository.returned(payout) - payout["amountPaise"]
    less = f", and {inr(tds_paise)} of TDS was withheld" if tds_paise else ""
    transactions.settle(
        tx, payout["id"], "completed" if outcome == "paid" else "failed", now=now, reason=reason or None
    )
    if (tx.get("users", uid) or {}).get("deletedAt") is not None:
        if outcome != "paid":
            log.error("money came back for a deleted account", extra={"payout": payout["id"], "uid": uid})
        return
    shown = (payout["destination"] or {}).get("shown")
    to = f" to {shown}" if shown else ""
    told: dict[Outcome, tuple[Type, str, str]] = {
        "paid": ("payout_processed", "Your withdrawal is paid", f"{amount} is on its way{to}{less}."),
        "failed": (
            "payout_failed",
            "Your withdrawal failed",
            f"{whole} could not be sent{to}, and is in your wallet again: {reason}.",
        ),
        "reversed": (
            "payout_reversed",
            "Your withdrawal came back",
            f"Your bank returned {amount} that we had sent{to}; {whole} is in your wallet again: {reason}.",
        ),
    }
    type, title, body = told[outcome]
    notifications.notify(
        tx,
        uid,
        type,
        about=(payout["id"],),
        title=title,
        body=body,
        data={
            "payoutId": payout["id"],
            "amount": rupees(payout["amountPaise"]),
            **({"tds": rupees(tds_paise)} if tds_paise else {}),
            "account": shown,
            "reference": reference or None,
            "reason": reason or None,
        },
        now=now,
    )
