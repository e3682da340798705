"""Buying a package: its order at the provider, and the purchase, which counts once it is paid."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect import idempotency, ids
from konnect.context import Context
from konnect.errors import Conflict, KonnectError
from konnect.integrations.razorpay.client import Gateway
from konnect.money import inr, rupees
from konnect.payments import customers
from konnect.payments import repository as orders
from konnect.rates import service as rates
from konnect.rates.service import Rates
from konnect.store import Doc, Tx

from . import repository, service


def start(
    ctx: Context,
    gateway: Gateway,
    uid: str,
    package_id: str,
    *,
    price_paise: int | None,
    key: idempotency.Key | None,
    now: datetime,
) -> tuple[Doc, dict[str, Any]]:
    """The purchase, unpaid, and what the checkout is opened with. `price_paise`: what the student was shown.

    Raises NotFound (PACKAGE_NOT_FOUND), BadRequest (own package), Conflict (NOT_ACCEPTING_BOOKINGS, PRICE_CHANGED), and
    Unavailable or BadGateway when the provider fails: nothing is left of it then.
    """
    by = ids.new()
    answered = ctx.run(lambda tx: idempotency.reserve(tx, key, by=by, now=now)) if key else None
    if answered is not None:
        purchase = ctx.run(partial(repository.get, purchase_id=answered["purchaseId"]))
        return purchase, _answer(ctx, gateway, purchase)
    purchase_id, frozen = ids.new(), rates.at(ctx.db, now)
    try:
        *_, found = ctx.run(lambda tx: service.for_sale(tx, uid, package_id, frozen, now))
        if price_paise is not None and price_paise != found.price_paise:
            raise _price_changed(found)
        # Should we stop right after this call: an order that no browser knows can't be paid, and is forgotten.
        order_id = customers.open_order(
            ctx,
            gateway,
            uid,
            amount_paise=found.price_paise,
            receipt=purchase_id,
            notes={"kind": service.KIND, "uid": uid, "purchaseId": purchase_id},
            now=now,
        )
        purchase = ctx.run(
            lambda tx: _open(tx, purchase_id, uid, package_id, frozen, found, order_id, key=key, now=now)
        )
    except KonnectError:
        idempotency.let_go(ctx, key, by=by)
        raise
    return purchase, _answer(ctx, gateway, purchase)


def _open(
    tx: Tx,
    purchase_id: str,
    uid: str,
    package_id: str,
    frozen: Rates,
    shown: service.Quote,
    order_id: str,
    *,
    key: idempotency.Key | None,
    now: datetime,
) -> Doc:
    known = repository.find(tx, purchase_id)
    if known is not None:
        # Ours: an earlier attempt was committed, although its answer was lost.
        return known
    package, expert, mine, found = service.for_sale(tx, uid, package_id, frozen, now)
    if found != shown:
        raise _price_changed(found)
    orders.create_order(
        tx,
        order_id,
        purpose={"kind": service.KIND, "uid": uid, "purchaseId": purchase_id},
        amount_paise=found.price_paise,
        receipt=purchase_id,
        now=now,
    )
    purchase = service.create(tx, purchase_id, uid, package, expert, mine, found, order_id, now)
    idempotency.record(tx, key, {"purchaseId": purchase_id}, now=now)
    return purchase


def _answer(ctx: Context, gateway: Gateway, purchase: Doc) -> dict[str, Any]:
    return {
        "orderId": purchase["payment"]["orderId"],
        "receipt": purchase["id"],
        "amount": purchase["price"],
        "amountPaise": purchase["pricePaise"],
        "currency": purchase["currency"],
        "keyId": gateway.key_id,
        "customerId": customers.linked(ctx.db, purchase["userId"]),
    }


def _price_changed(found: service.Quote) -> Conflict:
    text, details = f"the price is {inr(found.price_paise)} by now", [{"price": rupees(found.price_paise)}]
    return Conflict(text, code="PRICE_CHANGED", details=details)
