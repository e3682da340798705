"""POST /api/payments/webhook: Razorpay's events, verified, received once, answered at once."""

import logging
from datetime import datetime
from functools import partial

from konnect import clock
from konnect.context import Context
from konnect.external_events import service as external_events
from konnect.http.routing import Call, Router
from konnect.integrations.razorpay import webhook as razorpay
from konnect.integrations.razorpay.webhook import Event
from konnect.store import Tx
from konnect.tasks import Task

from . import service, turns
from .errors import InvalidSignature
from .schemas import WebhookAnswer
from .service import Outcome

log = logging.getLogger(__name__)
router = Router("Webhooks")

PROVIDER = "razorpay"
COLLECT_AFTER_S = 60
"""Most payments are captured by the account's own settings, seconds after they are authorized."""


@router.post(
    "/api/payments/webhook", response=WebhookAnswer, auth="public", summary="Razorpay's events", errors=(400, 503)
)
def receive(call: Call) -> WebhookAnswer:
    """Signed by Razorpay over the raw body (`X-Razorpay-Signature`). Every verified event is answered 200, also one of
    no use here; only an effect that could not be written is answered 503, and so sent again.
    """
    headers = call.request.headers
    signature = headers.get("X-Razorpay-Signature", "")
    if not razorpay.verified(call.raw_body, signature, call.ctx.settings.razorpay_webhook_secret):
        raise InvalidSignature("the body is not signed with the webhook's secret")
    event = razorpay.read(call.raw_body, headers.get("x-razorpay-event-id", ""))
    return WebhookAnswer(outcome=handle(call.ctx, event, call.now))


def handle(ctx: Context, event: Event, now: datetime) -> Outcome:
    """The effect of a verified event and the record of it, in one transaction."""
    order_id = event.payment.order_id if event.payment is not None else ""
    outcome = turns.run(ctx, order_id or event.id, partial(_receive, event=event, now=now))
    level = logging.ERROR if event.problem or outcome is Outcome.MISMATCH else logging.INFO
    log.log(
        level,
        "webhook",
        extra={
            "event": event.name,
            "event_id": event.id,
            "outcome": outcome,
            "problem": event.problem,
            **_about(event),
        },
    )
    return outcome


def _receive(tx: Tx, event: Event, now: datetime) -> Outcome:
    if event.name == "payment.authorized" and event.payment is not None and event.payment.order_id:
        # For a repeat as well: it is sent again if the task could not be created.
        tx.enqueue(_collect(event, now))
    if external_events.received(tx, PROVIDER, event.id):
        return Outcome.REPEAT
    outcome = _apply(tx, event, now)
    external_events.record(tx, PROVIDER, event.id, name=event.name, outcome=outcome, subject=_about(event), now=now)
    return outcome


def _apply(tx: Tx, event: Event, now: datetime) -> Outcome:
    payment, refund = event.payment, event.refund
    if payment is None:
        return Outcome.IGNORED
    if event.name in {"payment.captured", "order.paid"} and payment.captured:
        return service.capture(tx, payment, now=now)
    if event.name == "payment.authorized":
        return Outcome.PENDING
    if event.name == "payment.failed":
        return service.note_failure(tx, payment, now=now)
    if event.name == "refund.processed" and refund is not None and payment.captured:
        return service.refund(tx, payment, refund, now=now)
    return Outcome.IGNORED


def _collect(event: Event, now: datetime) -> Task:
    assert event.payment is not None
    return Task(
        "/payments/collect",
        ("collect", event.payment.id),
        {"orderId": event.payment.order_id, "paymentId": event.payment.id},
        clock.after(now, COLLECT_AFTER_S),
    )


def _about(event: Event) -> dict[str, str]:
    about: dict[str, str] = {}
    if event.payment is not None:
        about |= {"paymentId": event.payment.id, "orderId": event.payment.order_id}
    if event.refund is not None:
        about["refundId"] = event.refund.id
    return about
