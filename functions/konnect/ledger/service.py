"""Posting movements. Nothing else writes a balance.

A movement is written with *create*, its balances in the same transaction; so a repeat can neither double nor half it.
"""

import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.cloud import firestore

from konnect.errors import Conflict, KonnectError, PaymentRequired
from konnect.money import CURRENCY, rupees
from konnect.store import Doc, Tx

from . import accounts, days
from .postings import SPENDING_ORDER, Leg, Movement, Overdraft, Parts, split

PARTS_FIELDS = {"promotional": "promotionalPaise", "deposited": "depositedPaise", "earned": "withdrawablePaise"}


class MovementDiffers(Conflict):
    """The id was posted before with other legs: a bug or a forged repeat, never retried."""

    code = "MOVEMENT_DIFFERS"


@dataclass(frozen=True)
class Posted:
    """`repeat`: the movement had been posted before, and nothing changed now. `balances`: of the accounts with a
    balance document, in paise, after the movement (empty for a repeat). `parts`: of each wallet leg, signed."""

    movement_id: str
    repeat: bool
    balances: dict[str, int]
    parts: dict[str, Parts]


def post(tx: Tx, movement: Movement, *, now: datetime) -> Posted:
    """Post a movement once. A repeat with the same legs answers what was recorded; with others: MovementDiffers.

    Raises PaymentRequired (402 INSUFFICIENT_BALANCE, with needed and available) when a wallet can't cover its leg.
    """
    recorded = tx.get("movements", movement.id)
    if recorded is None:
        return post_new(tx, movement, now=now)
    if {leg["account"]: leg["amountPaise"] for leg in recorded["legs"]} != movement.amounts:
        raise MovementDiffers(f"{movement.id} was posted before with other legs")
    parts = {leg["account"]: leg["parts"] for leg in recorded["legs"] if "parts" in leg}
    return Posted(movement.id, repeat=True, balances={}, parts=parts)


def post_new(tx: Tx, movement: Movement, *, now: datetime) -> Posted:
    """Post a movement that the caller has proved new by a state it read in this transaction; saves a read. The
    movement's *create* stays the backstop: a repeat fails the commit."""
    balances: dict[str, int] = {}
    parts: dict[str, Parts] = {}
    legs: list[Doc] = []
    try:
        for leg in movement.legs:
            record: Doc = {"account": leg.account, "amountPaise": leg.amount_paise}
            if leg.is_wallet:
                balances[leg.account], parts[leg.account] = _apply_to_wallet(tx, leg, now)
                record["parts"] = parts[leg.account]
            else:
                balance = _apply(tx, leg, movement.id)
                if balance is not None:
                    balances[leg.account] = balance
            legs.append(record)
    except Overdraft as error:
        raise insufficient(error.needed_paise, error.available_paise) from error
    if movement.counted:
        days.add(tx, movement, shard_of(movement.id), now=now)
    tx.create(
        ("movements", movement.id),
        {
            "kind": movement.kind,
            "legs": legs,
            "accounts": [leg.account for leg in movement.legs],
            "subject": movement.subject,
            "createdAt": now,
        },
    )
    return Posted(movement.id, repeat=False, balances=balances, parts=parts)


def insufficient(needed_paise: int, available_paise: int) -> KonnectError:
    """402 with the amount needed and what is there, in rupees and paise."""
    return PaymentRequired(
        f"{rupees(needed_paise)} {CURRENCY} needed, {rupees(available_paise)} available",
        details=[
            {
                "needed": rupees(needed_paise),
                "neededPaise": needed_paise,
                "available": rupees(available_paise),
                "availablePaise": available_paise,
            }
        ],
    )


def open_wallet(tx: Tx, uid: str, *, now: datetime) -> Doc:
    """The wallet of `uid`, created empty if there is none."""
    wallet = tx.get("wallets", uid)
    if wallet is None:
        wallet = _wallet_doc(uid, dict.fromkeys(SPENDING_ORDER, 0), created_at=now, now=now)
        tx.create(("wallets", uid), wallet)
    return wallet


def available(tx: Tx, uid: str, *, part: str | None = None) -> int:
    """What a wallet can spend (or, with part="earned", withdraw), in paise."""
    wallet = tx.get("wallets", uid)
    if wallet is None:
        return 0
    return int(wallet[PARTS_FIELDS[part]] if part else wallet["balancePaise"])


def debt(tx: Tx, uid: str) -> int:
    """What `uid` owes the platform, in paise: taken from later earnings before they can be withdrawn."""
    return debt_of(tx.get("receivables", uid))


def debt_of(receivable: Doc | None) -> int:
    """`debt`, from the document receivables/{uid}. Pure."""
    return max(0, -int((receivable or {}).get("balancePaise", 0)))


def recorded_parts(tx: Tx, movement_id: str, account: str) -> Parts:
    """How a posted movement split its leg on a wallet: what a reversal gives back to the same parts."""
    recorded = tx.get("movements", movement_id)
    assert recorded is not None, f"{movement_id} was not posted"
    return next(dict(leg["parts"]) for leg in recorded["legs"] if leg["account"] == account)


def shard_of(movement_id: str) -> str:
    """The shard of a counter that a movement adds to: spread evenly, and the same for a repeat."""
    return str(zlib.crc32(movement_id.encode()) % accounts.SHARDS)


def _apply_to_wallet(tx: Tx, leg: Leg, now: datetime) -> tuple[int, Parts]:
    uid = accounts.owner(leg.account)
    wallet = open_wallet(tx, uid, now=now)
    held: Parts = {part: wallet[name] for part, name in PARTS_FIELDS.items()}
    change = split(held, leg)
    after = {part: held[part] + change.get(part, 0) for part in SPENDING_ORDER}
    tx.update(("wallets", uid), _balance_fields(after, now))
    return sum(after.values()), change


def _apply(tx: Tx, leg: Leg, movement_id: str) -> int | None:
    place = accounts.place(leg.account)
    if not place.field:
        shard = (*place.path, "shards", shard_of(movement_id))
        tx.merge(shard, {"balancePaise": firestore.Increment(leg.amount_paise)})
        return None
    found = tx.get(*place.path)
    before = int((found or {}).get(place.field, 0))
    after = before + leg.amount_paise
    # An expert's debt is the one balance that may be below zero.
    if after < 0 and not leg.account.startswith("receivable:"):
        raise Overdraft(leg.account, -leg.amount_paise, before)
    if found is None:
        tx.create(place.path, {place.field: after})
    else:
        tx.update(place.path, {place.field: after})
    return after


def _wallet_doc(uid: str, parts: Parts, *, created_at: datetime, now: datetime) -> Doc:
    return {
        "userId": uid,
        "currency": CURRENCY,
        "createdAt": created_at,
        **_balance_fields(parts, now),
    }


def _balance_fields(parts: Parts, now: datetime) -> dict[str, Any]:
    total = sum(parts.values())
    return {
        **{PARTS_FIELDS[part]: amount for part, amount in parts.items()},
        "balancePaise": total,
        "balance": rupees(total),
        "withdrawable": rupees(parts["earned"]),
        "updatedAt": now,
    }
