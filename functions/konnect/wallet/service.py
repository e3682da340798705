"""Withdrawals. Only earned money leaves a wallet (design: deposits go back by refund to their source)."""

from datetime import datetime
from typing import Any

from konnect import idempotency, ids
from konnect.errors import BadRequest, Conflict, NotFound
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import CURRENCY, rupees
from konnect.store import Doc, Tx

from . import transactions

MAX_AMOUNT_PAISE = 10_000_00
"""At most 10,000 INR a deposit or withdrawal (specs of Konnect)."""


def get(tx: Tx, uid: str, *, now: datetime) -> Doc:
    """The wallet of `uid`, opened if this is the first look."""
    return ledger.open_wallet(tx, uid, now=now)


def withdraw(
    tx: Tx, uid: str, amount_paise: int, *, key: idempotency.Key | None, request_id: str, now: datetime
) -> dict[str, Any]:
    """Take earned money out of the wallet, into `payout:{id}` until the bank transfer's outcome is known.

    `request_id` is this request's own: should a commit's outcome stay unknown, the second attempt finds the first.
    Raises PaymentRequired when less is earned, beyond what is owed, than asked for.
    """
    answered = idempotency.replay(tx, key, now=now)
    if answered is not None:
        return answered
    # Derived where a key is given, so that a repeat can never be a second withdrawal.
    payout_id = ids.digest("withdrawal", key.id if key else request_id)
    tx.prefetch(("wallets", uid), ("receivables", uid), ("payouts", payout_id))
    result: dict[str, Any] = {
        "transactionId": payout_id,
        "status": "pending",
        "amount": rupees(amount_paise),
        "amountPaise": amount_paise,
        "currency": CURRENCY,
    }
    if tx.get("payouts", payout_id) is not None:
        return {**result, "balance": rupees(ledger.available(tx, uid))}
    withdrawable = max(0, ledger.available(tx, uid, part="earned") - ledger.debt(tx, uid))
    if withdrawable < amount_paise:
        raise ledger.insufficient(amount_paise, withdrawable)
    movement = Movement(
        f"payout:{payout_id}",
        "withdrawal",
        (Leg(accounts.wallet(uid), -amount_paise, part="earned"), Leg(accounts.payout(payout_id), amount_paise)),
        {"payout": payout_id, "user": uid},
    )
    tx.create(
        ("payouts", payout_id),
        {"userId": uid, "status": "pending", "amountPaise": amount_paise, "heldPaise": 0, "createdAt": now},
    )
    posted = ledger.post_new(tx, movement, now=now)
    transactions.write(
        tx,
        payout_id,
        uid=uid,
        type="withdraw",
        status="pending",
        amount_paise=amount_paise,
        description="Withdrawal of earnings",
        reference_id=payout_id,
        now=now,
    )
    result["balance"] = rupees(posted.balances[accounts.wallet(uid)])
    idempotency.record(tx, key, result, now=now)
    return result


def settle_withdrawal(
    tx: Tx, payout_id: str, outcome: str, *, reference: str = "", reason: str = "", now: datetime
) -> dict[str, Any]:
    """Close a withdrawal: "paid" after the bank transfer, with its reference; "failed" returns the money.

    Repeating the same outcome changes nothing; another outcome afterwards is a Conflict.
    """
    if outcome not in {"paid", "failed"}:
        raise BadRequest.field("outcome", "must be paid or failed")
    payout = tx.get("payouts", payout_id)
    if payout is None:
        raise NotFound("there is no such payout")
    result = {"payoutId": payout_id, "status": outcome, "amountPaise": payout["amountPaise"]}
    if payout["status"] == outcome:
        return result
    if payout["status"] != "pending":
        raise Conflict(f"the payout is {payout['status']} already", code="PAYOUT_SETTLED")
    amount_paise = payout["amountPaise"]
    to = (
        Leg(accounts.GATEWAY_BANK, amount_paise)
        if outcome == "paid"
        else Leg(accounts.wallet(payout["userId"]), amount_paise, part="earned")
    )
    ledger.post_new(
        tx,
        Movement(
            f"payout:{payout_id}:{outcome}",
            f"withdrawal.{outcome}",
            (Leg(accounts.payout(payout_id), -amount_paise), to),
            {"payout": payout_id, "user": payout["userId"]},
        ),
        now=now,
    )
    tx.update(("payouts", payout_id), {"status": outcome, "reference": reference, "settledAt": now})
    transactions.settle(tx, payout_id, "completed" if outcome == "paid" else "failed", now=now, reason=reason or None)
    return result
