"""What must hold of withdrawals, by documents and by the provider's own books."""

from collections import Counter
from collections.abc import Iterator

from konnect.integrations.razorpay.entities import Payout
from konnect.store import Doc

from .bank import RETURNED, Bank
from .snapshot import Snapshot

Findings = Iterator[str]
SHOWN = {"pending": "pending", "processing": "pending", "paid": "completed", "failed": "failed", "reversed": "failed"}


def withdrawals_hold(now: Snapshot, bank: Bank) -> Findings:
    """A payout holds its amount until its outcome, which comes once. The provider has one payout at most of each, and
    money that it has, or may still get, is never back in a wallet."""
    there = Counter(payout.reference_id for payout in bank.payouts.values())
    of = {payout.reference_id: payout for payout in bank.payouts.values()}
    for key, payout in now["payouts"].items():
        status = payout["status"]
        outcomes = [o for o in ("paid", "failed", "reversed") if f"payout:{key}:{o}" in now["movements"]]
        expected = {"paid": ["paid"], "failed": ["failed"], "reversed": ["paid", "reversed"]}.get(status, [])
        held = 0 if expected else payout["amountPaise"]
        if outcomes != expected or payout["heldPaise"] != held:
            yield f"payout {key}: {payout}, outcomes {outcomes}"
        taken = _taken(now["movements"][f"payout:{key}"])
        if taken != {"earned": -payout["amountPaise"]}:
            yield f"payout {key}: {payout['amountPaise']} withdrawn from {taken}"
        view = now["transactions"][key]["status"]
        if view != SHOWN[status]:
            yield f"payout {key}: {status}, shown as {view}"
        yield from _at_the_bank(key, payout, bank, there[key], of.get(key))


def _at_the_bank(key: str, payout: Doc, bank: Bank, count: int, found: Payout | None) -> Findings:
    status = payout["status"]
    if count > 1:
        yield f"payout {key}: {count} at the provider"
    if found is not None and status == "pending":
        yield f"payout {key}: at the provider, and still pending here"
    if status in {"failed", "reversed"} and found is not None and found.status not in RETURNED:
        yield f"payout {key}: {status} here, {found.status} there: paid twice"
    if status in {"failed", "paid"} and payout["settledBy"] == "hand" and found is not None:
        yield f"payout {key}: settled by hand, and {found.status} there"
    was_paid = found is not None and found.status in {"processed", "reversed"}
    if status in {"paid", "reversed"} and payout["settledBy"] == "provider" and not was_paid:
        yield f"payout {key}: {status} here, {found} there"
    if status in {"failed", "paid"} and found is None and bank.may_arrive(key):
        yield f"payout {key}: {status}, though a request is still on its way"
    if payout["contradiction"] is not None:
        yield f"payout {key}: {payout['contradiction']}"


def _taken(movement: Doc) -> dict[str, int]:
    return {part: paise for leg in movement["legs"] for part, paise in leg.get("parts", {}).items()}


def payouts_collected(now: Snapshot, bank: Bank) -> Findings:
    """In the end both sides say the same."""
    for payout in bank.payouts.values():
        here = now["payouts"][payout.reference_id]["status"]
        if (here == "paid") != (payout.status == "processed"):
            yield f"payout {payout.reference_id}: {here} here, {payout.status} there"
