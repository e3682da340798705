"""What a payout is of: earned money withdrawn from a wallet, or earnings of bookings, paid weekly from payable:{uid}.
Its document names its kind when it is opened; a kind is a line in KINDS and a module with these functions.
"""

from datetime import datetime
from importlib import import_module
from typing import Literal, Protocol, cast

from konnect.ledger.postings import Leg
from konnect.store import Doc, Tx

Outcome = Literal["paid", "failed", "reversed"]

KINDS = {"withdrawal": "konnect.payouts.withdrawals", "earnings": "konnect.earnings.purpose"}


class Purpose(Protocol):
    """`payout` is its document with its "id". Each function runs once an outcome: the caller has proved it new."""

    def source(self, uid: str, amount_paise: int) -> Leg:
        """The leg on the account that the money comes from (negative), or goes back to (positive)."""

    def settled(self, tx: Tx, payout: Doc, outcome: Outcome, *, reference: str, reason: str, now: datetime) -> None:
        """Show the owner, and tell them. `reference` is the bank's, `reason` the words on failed and reversed."""


def of(kind: str) -> Purpose:
    """The purpose of a kind. Raises KeyError for one that has no module, which no payout can have."""
    return cast(Purpose, import_module(KINDS[kind]))
