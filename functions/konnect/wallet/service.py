"""Wallets. What comes in and goes out belongs to the domains above: payments, payouts, sessions."""

from datetime import datetime

from konnect.ledger import service as ledger
from konnect.store import Doc, Tx

MAX_AMOUNT_PAISE = 10_000_00
"""At most 10,000 INR a deposit or withdrawal (specs of Konnect)."""


def get(tx: Tx, uid: str, *, now: datetime) -> Doc:
    """The wallet of `uid`, opened if this is the first look."""
    return ledger.open_wallet(tx, uid, now=now)
