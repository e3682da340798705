"""What of a wallet stands in the way of its owner's deletion. The wallet itself stays, empty, with its ledger."""

from datetime import datetime, timedelta
from typing import Any

from konnect.ledger import service as ledger
from konnect.money import inr, rupees
from konnect.store import Query, Tx

DEPOSIT_WAIT = timedelta(hours=1)
"""An unpaid deposit older than this is an abandoned checkout, not money under way."""
LIMIT = 20


def open_matters(tx: Tx, uid: str, *, now: datetime) -> list[dict[str, Any]]:
    """Money that is the owner's, under way, or owed: [{code, message, way, amount, …}], amounts in INR."""
    tx.prefetch(("wallets", uid), ("payables", uid), ("receivables", uid))
    found = []
    balance_paise, earned_paise = ledger.available(tx, uid), ledger.available(tx, uid, part="earned")
    if balance_paise:
        found.append(
            {
                "code": "WALLET_NOT_EMPTY",
                "message": f"the wallet holds {inr(balance_paise)}",
                "way": "withdraw what you earned; spend the rest, or ask for a refund of your deposit",
                "amount": rupees(balance_paise),
                "withdrawable": rupees(earned_paise),
            }
        )
    due_paise = int((tx.get("payables", uid) or {}).get("balancePaise", 0))
    if due_paise:
        found.append(
            {
                "code": "EARNINGS_DUE",
                "message": f"{inr(due_paise)} of earnings is due to you",
                "way": "wait for the next weekly payout; what is less than its minimum we pay out when you ask us",
                "amount": rupees(due_paise),
            }
        )
    debt_paise = -int((tx.get("receivables", uid) or {}).get("balancePaise", 0))
    if debt_paise > 0:
        found.append(
            {
                "code": "DEBT_OPEN",
                "message": f"{inr(debt_paise)} of refunds is to be taken from your earnings",
                "way": "earn it back, or ask us to settle it",
                "amount": rupees(debt_paise),
            }
        )
    pending = (
        Query(("transactions",), order=(("createdAt", "desc"),), limit=LIMIT)
        .filter("userId", "==", uid)
        .filter("status", "==", "pending")
    )
    for transaction in tx.query(pending):
        if transaction["type"] == "deposit" and now - transaction["createdAt"] > DEPOSIT_WAIT:
            continue
        what = "DEPOSIT_PENDING" if transaction["type"] == "deposit" else "WITHDRAWAL_PENDING"
        found.append(
            {
                "code": what,
                "message": f"a {transaction['type']} of {inr(transaction['amountPaise'])} is under way",
                "way": "wait until it is settled; a checkout that was left counts for an hour",
                "amount": transaction["amount"],
                "transactionId": transaction["id"],
            }
        )
    return found
