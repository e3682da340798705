"""Account names, and where each keeps its balance.

| account | balance | opened by |
|---|---|---|
| wallet:{uid} | wallets/{uid}: balancePaise and its three parts | sign-up |
| hold:{kind}:{id} | heldPaise of that session, consult, booking or package; 0 once closed | its owner |
| payable:{uid} | payables/{uid}: earnings of bookings, until the weekly payout | first earning |
| payout:{id} | payouts/{id}: between a withdrawal and the provider's answer | the withdrawal |
| refund:{id} | gatewayRefunds/{id}: between a refund to the source and the provider's word on it | the refund |
| receivable:{uid} | receivables/{uid}: what an expert owes the platform (negative: a debt) | a refund |
| platform:*, tax:*, gateway:* | no document (one takes about a write a second): counters/{account}/shards/{n} | - |
"""

from dataclasses import dataclass

PLATFORM_FEES = "platform:fees"
PLATFORM_ADJUSTMENTS = "platform:adjustments"
PLATFORM_PROMOTIONS = "platform:promotions"
PLATFORM_SUBSCRIPTIONS = "platform:subscriptions"
"""Of plans by the month, without GST."""
GATEWAY_RAZORPAY = "gateway:razorpay"
GATEWAY_STRIPE = "gateway:stripe"
GATEWAY_BANK = "gateway:bank"
GATEWAY_FEES = "gateway:fees"
"""What the gateway keeps of payments, as the product's prices reckon with it."""
TAX_GST = "tax:gst"
TAX_TDS = "tax:tds"
"""Withheld from payouts."""

SHARDS = 16
HOLD_COLLECTIONS = {
    "session": "sessions",
    "consult": "consults",
    "booking": "bookings",
    "package": "packagePurchases",
}
_DOCUMENTS = {"wallet": "wallets", "payable": "payables", "receivable": "receivables"}
_SHARDED = {"platform", "tax", "gateway"}


def wallet(uid: str) -> str:
    return f"wallet:{uid}"


def hold(kind: str, owner_id: str) -> str:
    """The money held for a session, consult or booking."""
    assert kind in HOLD_COLLECTIONS
    return f"hold:{kind}:{owner_id}"


def payout(payout_id: str) -> str:
    return f"payout:{payout_id}"


def payable(uid: str) -> str:
    return f"payable:{uid}"


def refund(refund_id: str) -> str:
    """Money on its way back to where it was paid from."""
    return f"refund:{refund_id}"


def receivable(uid: str) -> str:
    return f"receivable:{uid}"


@dataclass(frozen=True)
class Place:
    """Where an account's balance is: a document's field, or the shards of a counter (field is "")."""

    path: tuple[str, ...]
    field: str


def place(account: str) -> Place:
    """The place of an account's balance. Raises ValueError for a name that is no account."""
    kind, _, rest = account.partition(":")
    if not rest:
        raise ValueError(f"no account: {account}")
    if kind in _SHARDED:
        return Place(("counters", account), "")
    if kind == "hold":
        owner, _, owner_id = rest.partition(":")
        return Place((HOLD_COLLECTIONS[owner], owner_id), "heldPaise")
    if kind == "refund":
        return Place(("gatewayRefunds", rest), "heldPaise")
    if kind == "payout":
        return Place(("payouts", rest), "heldPaise")
    return Place((_DOCUMENTS[kind], rest), "balancePaise")


def owner(account: str) -> str:
    """The id behind an account: wallet:u1 → u1, hold:session:s1 → s1."""
    return account.rsplit(":", 1)[1]
