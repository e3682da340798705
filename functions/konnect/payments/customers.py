"""customers/{uid}: who a user is at the payment provider, whose checkout then offers the methods that a returning
customer has saved. {customerId, createdAt}. customerClaims/{customerId}: {uid}, so that no two users are one customer.
No client reads them.

The provider knows customers by their address, so only one that its owner has confirmed makes a customer: saved methods
must not open to whoever types somebody's address. Without a customer everything can be paid all the same.
"""

import logging
from datetime import datetime
from functools import partial

from konnect import ids
from konnect.context import Context
from konnect.errors import KonnectError
from konnect.integrations.razorpay.client import Gateway
from konnect.integrations.razorpay.errors import Refused
from konnect.money import CURRENCY
from konnect.store import Tx

from .repository import Reader

log = logging.getLogger(__name__)

CUSTOMERS, CLAIMS = "customers", "customerClaims"


def open_order(
    ctx: Context,
    gateway: Gateway,
    uid: str,
    *,
    amount_paise: int,
    receipt: str,
    notes: dict[str, str],
    now: datetime,
) -> str:
    """Open an order at the provider, as the user's customer if there is one; returns its id. Raises as
    Gateway.create_order."""
    create = partial(gateway.create_order, amount_paise=amount_paise, currency=CURRENCY, receipt=receipt, notes=notes)
    customer_id = _ensure(ctx, gateway, uid, now=now)
    if customer_id is None:
        return create()
    try:
        return create(customer_id=customer_id)
    except Refused:
        # For the customer, who may be gone there, or for anything else, which refuses this too.
        order_id = create()
    log.warning("an order was refused for its customer", extra={"uid": uid, "customer": customer_id})
    erase(ctx, uid)
    return order_id


def linked(reader: Reader, uid: str) -> str | None:
    """The user's customer id, for the checkout's `customer_id`."""
    found = reader.get(CUSTOMERS, uid)
    return found["customerId"] if found is not None else None


def erase(ctx: Context, uid: str) -> None:
    """Undo the link, as for a deleted account. Can be repeated."""
    ctx.run(partial(_erase, uid=uid))


def _ensure(ctx: Context, gateway: Gateway, uid: str, *, now: datetime) -> str | None:
    if ctx.db.get(CUSTOMERS, uid) is not None:
        return linked(ctx.db, uid)
    profile = ctx.db.get("users", uid) or {}
    if not profile.get("emailVerified") or not profile.get("email"):
        return None
    try:
        customer_id = gateway.create_customer(name=profile.get("name"), email=profile["email"], notes={"uid": uid})
        return ctx.run(partial(_link, uid=uid, customer_id=customer_id, now=now))
    except KonnectError as error:
        log.warning("no customer was made", extra={"uid": uid, "error": error.message})
        return None


def _link(tx: Tx, uid: str, customer_id: str, now: datetime) -> str | None:
    known = tx.get(CUSTOMERS, uid)
    if known is not None:
        return linked(tx, uid)
    claim = tx.get(CLAIMS, customer_id) if ids.valid(customer_id) else {"uid": None}
    # Somebody else's, as when an address has changed hands: then this user has none, for good.
    own = claim is None or claim["uid"] == uid
    tx.create((CUSTOMERS, uid), {"customerId": customer_id if own else None, "createdAt": now})
    if claim is None:
        tx.create((CLAIMS, customer_id), {"uid": uid})
    return customer_id if own else None


def _erase(tx: Tx, uid: str) -> None:
    customer_id = linked(tx, uid)
    if customer_id is not None and (tx.get(CLAIMS, customer_id) or {}).get("uid") == uid:
        tx.delete((CLAIMS, customer_id))
    tx.delete((CUSTOMERS, uid))
