"""What Stripe's events do here, whoever brings them, its webhook or the sweep: each once."""

import logging
from datetime import datetime
from functools import partial

from konnect.context import Context
from konnect.external_events import service as external_events
from konnect.integrations.stripe.webhook import Event
from konnect.store import Doc, Query, Tx

from . import gateways, service, stripe_tasks, turns
from .service import Outcome

log = logging.getLogger(__name__)

PAID = {"checkout.session.completed", "checkout.session.async_payment_succeeded"}
_FOLLOWED = ("charge.refund", "charge.dispute.", "refund.")
"""Also charge.refunded. What they are about is asked for: since 2022 a charge does not list its refunds."""


def handle(ctx: Context, event: Event, now: datetime) -> Outcome:
    """The effect of a verified event and the record of it, in one transaction."""
    turn = event.session.id if event.session is not None else event.payment_id or event.id
    outcome = turns.run(ctx, turn, partial(_receive, event=event, now=now))
    level = logging.ERROR if event.problem or outcome is Outcome.MISMATCH else logging.INFO
    about = {"event": event.name, "event_id": event.id, "outcome": outcome, "problem": event.problem, **_about(event)}
    log.log(level, "webhook", extra=about)
    return outcome


def _receive(tx: Tx, event: Event, now: datetime) -> Outcome:
    if _is_followed(event):
        # For a repeat as well: it is sent again if the task could not be created.
        stripe_tasks.follow_later(tx, event.payment_id, event.id)
    if external_events.received(tx, gateways.STRIPE, event.id):
        return Outcome.REPEAT
    outcome = _apply(tx, event, now)
    external_events.record(
        tx, gateways.STRIPE, event.id, name=event.name, outcome=outcome, subject=_about(event), now=now
    )
    return outcome


def _apply(tx: Tx, event: Event, now: datetime) -> Outcome:
    session = event.session
    if session is not None and event.name in PAID:
        payment = session.payment
        # A completed session may wait for a bank: then async_payment_succeeded follows, or _failed.
        return service.capture(tx, payment, now=now) if payment is not None and payment.captured else Outcome.PENDING
    if session is not None and event.name in {"checkout.session.expired", "checkout.session.async_payment_failed"}:
        return service.close(tx, session.id, now=now)
    if event.failed is not None:
        order = _order_of(tx, event.receipt)
        return Outcome.UNKNOWN_ORDER if order is None else service.note_failure(tx, event.failed, order["id"], now=now)
    return Outcome.PENDING if _is_followed(event) else Outcome.IGNORED


def _is_followed(event: Event) -> bool:
    return event.name.startswith(_FOLLOWED) and bool(event.payment_id)


def _order_of(tx: Tx, receipt: str) -> Doc | None:
    """A failed payment names no session, but the receipt of ours that it is for."""
    if not receipt:
        return None
    found = tx.query(Query(("orders",), limit=1).filter("receipt", "==", receipt))
    return found[0] if found else None


def _about(event: Event) -> dict[str, str]:
    about = {"orderId": event.session.id if event.session is not None else "", "paymentId": event.payment_id}
    return {name: value for name, value in about.items() if value}
