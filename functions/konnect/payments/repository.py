"""orders/{id}, by the provider's order id (Stripe's: its checkout session's), and payments/{id}, by the provider's
payment id. No client reads them.

An order: {gateway: razorpay | stripe, purpose: {kind, uid, …}, amountPaise, currency, status, receipt, lastFailure,
createdAt, expiresAt, paidAt, updatedAt, nextCheckAt}. Status: created → paid, or created → expired (nobody tried) or
failed (attempts failed) → paid by a late payment; paid is final. `nextCheckAt` is None once the sweep has nothing to
ask any more.

A payment is one real capture, credited once: {gateway, orderId, uid, amountPaise, currency, method, result, refunds,
createdAt}; of Stripe's also {disputes: {id: status}}. `result` is what its purpose made of it; `refunds` are the
amounts that went back, by the refund's id.
"""

from datetime import datetime
from typing import Any, Protocol

from konnect import ids
from konnect.integrations.gateway import Payment
from konnect.money import CURRENCY
from konnect.store import Database, Doc, Query, Tx

from . import gateways, policy


class Reader(Protocol):
    """A transaction, or the database outside of one."""

    def get(self, *path: str) -> Doc | None: ...


def order(reader: Reader, order_id: str) -> Doc | None:
    """The order with its "id"; None also for what can be no id, which a client or an event may bring."""
    found = reader.get("orders", order_id) if ids.valid(order_id) else None
    return {**found, "id": order_id} if found is not None else None


def payment(reader: Reader, payment_id: str) -> Doc | None:
    found = reader.get("payments", payment_id) if ids.valid(payment_id) else None
    return {**found, "id": payment_id} if found is not None else None


def create_order(
    tx: Tx,
    order_id: str,
    *,
    purpose: dict[str, Any],
    amount_paise: int,
    receipt: str,
    gateway: gateways.Name = gateways.RAZORPAY,
    now: datetime,
) -> None:
    tx.create(
        ("orders", order_id),
        {
            "gateway": gateway,
            "purpose": purpose,
            "amountPaise": amount_paise,
            "currency": CURRENCY,
            "status": "created",
            "receipt": receipt,
            "lastFailure": None,
            "createdAt": now,
            "expiresAt": now + policy.EXPIRES_AFTER,
            "paidAt": None,
            "updatedAt": now,
            "nextCheckAt": policy.next_check(now, now),
        },
    )


def update_order(tx: Tx, order_id: str, *, now: datetime, **fields: Any) -> None:
    tx.update(("orders", order_id), {**fields, "updatedAt": now})


def create_payment(tx: Tx, paid: Payment, order: Doc, *, result: dict[str, Any], now: datetime) -> None:
    tx.create(
        ("payments", paid.id),
        {
            "gateway": gateways.name_of(order),
            "orderId": paid.order_id,
            "uid": order["purpose"]["uid"],
            "amountPaise": paid.amount_paise,
            "currency": paid.currency,
            "method": paid.method,
            "result": result,
            "refunds": {},
            "createdAt": now,
        },
    )


def due(db: Database, *, now: datetime, limit: int) -> list[Doc]:
    """Orders that the sweep has to ask about, the longest due first."""
    return Query(("orders",), (("nextCheckAt", "<=", now),), (("nextCheckAt", "asc"),), limit).run(db)


def captured(db: Database, since: datetime, until: datetime) -> list[Doc]:
    """Payments credited from `since` to before `until`."""
    query = Query(("payments",), (("createdAt", ">=", since), ("createdAt", "<", until)), (("createdAt", "asc"),))
    return query.run(db)
