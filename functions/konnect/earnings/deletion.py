"""What of payouts stands in the way of a deletion. The records of money stay; they name nobody but by id."""

from typing import Any

from konnect.money import inr, rupees
from konnect.store import Tx

from . import repository

MAX_NAMED = 5


def open_matters(tx: Tx, uid: str) -> list[dict[str, Any]]:
    """Earnings that are on their way to the bank: [{code, message, way, amount, payoutId}], amounts in INR."""
    return [
        {
            "code": "PAYOUT_PENDING",
            "message": f"a payout of {inr(payout['amountPaise'])} is under way",
            "way": "wait until it is settled; without payout details, give them",
            "amount": rupees(payout["amountPaise"]),
            "payoutId": payout["id"],
        }
        for payout in repository.open_of(tx, uid, limit=MAX_NAMED)
    ]
