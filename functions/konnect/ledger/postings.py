"""Pure part of the ledger: movements, legs, and how a wallet's three parts change."""

from dataclasses import dataclass, field
from typing import Any

Parts = dict[str, int]
"""Paise by where a wallet's money came from: promotional, deposited, earned."""

SPENDING_ORDER = ("promotional", "deposited", "earned")


class Overdraft(Exception):
    """A leg takes more than there is."""

    def __init__(self, account: str, needed_paise: int, available_paise: int) -> None:
        super().__init__(f"{account}: {needed_paise} needed, {available_paise} available")
        self.account = account
        self.needed_paise = needed_paise
        self.available_paise = available_paise


@dataclass(frozen=True)
class Leg:
    """One account's share of a movement, in paise: positive credits it, negative debits it.

    On a wallet, `parts` says from or to which part; left out, a debit follows SPENDING_ORDER and a credit must
    name its `part`.
    """

    account: str
    amount_paise: int
    part: str | None = None
    parts: Parts | None = None

    @property
    def is_wallet(self) -> bool:
        return self.account.startswith("wallet:")


@dataclass(frozen=True)
class Movement:
    """Money that moves, whole or not at all. `subject` says what it is for: {"session": id, "minute": 3}.

    `counted`: the sums of its business day have it. Minutes, which are many, are not: their settlement is.
    """

    id: str
    kind: str
    legs: tuple[Leg, ...]
    subject: dict[str, Any] = field(default_factory=dict)
    counted: bool = True

    def __post_init__(self) -> None:
        if sum(leg.amount_paise for leg in self.legs) != 0:
            raise ValueError(f"the legs of {self.id} do not sum to zero")
        if len(self.legs) < 2 or any(leg.amount_paise == 0 for leg in self.legs):
            raise ValueError(f"{self.id} needs two legs or more, none of them zero")
        if len({leg.account for leg in self.legs}) != len(self.legs):
            raise ValueError(f"{self.id} names an account twice")

    @property
    def amounts(self) -> dict[str, int]:
        return {leg.account: leg.amount_paise for leg in self.legs}


def split(balance: Parts, leg: Leg) -> Parts:
    """The signed change of each part of a wallet that `leg` makes. Raises Overdraft."""
    if leg.amount_paise > 0:
        parts = leg.parts or {leg.part or "": leg.amount_paise}
        change = dict(parts)
    else:
        needed = -leg.amount_paise
        available = sum(balance.values()) if leg.part is None else balance[leg.part]
        if leg.parts is None and available < needed:
            raise Overdraft(leg.account, needed, available)
        change = {}
        for part in SPENDING_ORDER if leg.part is None else (leg.part,):
            taken = min(balance[part], needed) if leg.parts is None else leg.parts.get(part, 0)
            if taken:
                change[part] = -taken
                needed -= taken
    if set(change) - set(SPENDING_ORDER) or sum(change.values()) != leg.amount_paise:
        raise ValueError(f"{leg.account}: the parts {change} do not make {leg.amount_paise}")
    for part, amount in change.items():
        if balance[part] + amount < 0:
            raise Overdraft(leg.account, -amount, balance[part])
    return change
