"""Cloud Tasks handlers of Stripe's payments."""

import logging
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from konnect import ids
from konnect.context import Context
from konnect.integrations.gateway import Refund, Refused
from konnect.integrations.stripe.client import Gateway, gateway
from konnect.integrations.stripe.entities import CONTESTED, Dispute
from konnect.store import Doc, Tx
from konnect.tasks import Task

from . import purposes, refunds, repository, service

log = logging.getLogger(__name__)


def expire_later(tx: Tx, session_id: str) -> None:
    """Have a session closed that nobody should pay any more. Should it be paid before: that goes back by itself."""
    tx.enqueue(Task("/payments/stripe-expire", ("stripe-expire", session_id), {"sessionId": session_id}))


def follow_later(tx: Tx, payment_id: str, event_id: str) -> None:
    """Have Stripe asked what became of a payment: events come in any order, and only Stripe knows the last."""
    tx.enqueue(Task("/payments/stripe-follow", ("stripe-follow", event_id), {"paymentId": payment_id}))


def expire(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"sessionId"}. Raises Unavailable when Stripe can't be asked: the task is tried again."""
    gateway(ctx.settings).expire_checkout(payload["sessionId"])


def follow(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"paymentId"}: refunds and disputes of a payment, whoever has made them. One whose capture we have not heard of
    is credited first. Raises Unavailable when Stripe can't be asked: the task is tried again."""
    provider, payment_id = gateway(ctx.settings), payload["paymentId"]
    if _credited(ctx, provider, payment_id, now) is None:
        return
    # Ours first: of one that failed, what was made in the dashboard since may be the payer's money.
    for refund in sorted(provider.refunds_of(payment_id), key=lambda one: not one.reference):
        if refund.status == "failed" and not refund.is_withdrawn:
            ctx.run(partial(_note_decided, refund=refund, now=now))
        ctx.run(partial(_hear, refund=refund, now=now))
    for dispute in provider.disputes_of(payment_id):
        ctx.run(partial(_note_dispute, dispute=dispute, now=now))


def _credited(ctx: Context, provider: Gateway, payment_id: str, now: datetime) -> Doc | None:
    recorded = repository.payment(ctx.db, payment_id)
    if recorded is not None:
        return recorded
    try:
        payment = provider.fetch_payment(payment_id)
    except Refused:
        # Of no session: of another system on the same account.
        return None
    order = repository.order(ctx.db, payment.order_id)
    if order is None:
        return None
    service.collect(ctx, provider, order, payment, now=now)
    return repository.payment(ctx.db, payment_id)


def _note_decided(tx: Tx, refund: Refund, now: datetime) -> None:
    """One that somebody has made in the dashboard, and that has failed before we heard of it: what it takes back is
    taken back all the same, as if we had asked in between."""
    if not _is_ours(tx, refund) and not refunds.has_failed(tx, refund):
        service.note_refund(tx, replace(refund, status="processed"), now=now)


def _is_ours(tx: Tx, refund: Refund) -> bool:
    return ids.valid(refund.reference) and tx.get(refunds.COLLECTION, refund.reference) is not None


def _hear(tx: Tx, refund: Refund, now: datetime) -> None:
    if _is_ours(tx, refund):
        refunds.hear(tx, refund.reference, refund, now)
    elif refund.status == "processed":
        service.note_refund(tx, refund, now=now)
    elif refund.status == "failed" and refund.id in _noted(tx, refund.payment_id):
        refunds.came_back(tx, refund, now=now)


def _noted(tx: Tx, payment_id: str) -> dict[str, int]:
    return dict((repository.payment(tx, payment_id) or {}).get("refunds", {}))


def _note_dispute(tx: Tx, dispute: Dispute, now: datetime) -> None:
    """While the bank decides nothing changes but that nobody refunds it beside. One that is lost has taken the money
    back, as a refund does; Stripe's own fee for it is between Stripe and the platform."""
    payment = repository.payment(tx, dispute.payment_id)
    assert payment is not None
    known = payment.get("disputes", {})
    if known.get(dispute.id) == dispute.status:
        return
    # One that was lost, and is won after all, has brought the money back: a person must say to whom.
    is_harmless = dispute.is_over and "lost" not in {dispute.status, known.get(dispute.id)}
    level = logging.INFO if is_harmless else logging.ERROR
    log.log(
        level, "payment disputed", extra={"payment": payment["id"], "dispute": dispute.id, "status": dispute.status}
    )
    order = repository.order(tx, payment["orderId"])
    assert order is not None
    disputes = {**known, dispute.id: dispute.status}
    tx.update(("payments", payment["id"]), {"disputes": disputes})
    contested = next((one for one, status in disputes.items() if status in CONTESTED), None)
    purposes.of(order).disputed(tx, order, contested, payment["result"], now=now)
    if dispute.is_lost:
        service.note_refund(tx, Refund(dispute.id, payment["id"], dispute.amount_paise, "processed"), now=now)
