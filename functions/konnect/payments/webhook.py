"""POST /api/payments/webhook: Razorpay's events, verified, received once, answered at once."""

import logging
from datetime import datetime
from functools import partial

from konnect import clock, ids
from konnect.context import Context
from konnect.external_events import service as external_events
from konnect.http.routing import Call, Router
from konnect.integrations.razorpay import webhook as razorpay
from konnect.integrations.razorpay.webhook import Event
from konnect.payouts import service as payouts
from konnect.store import Tx
from konnect.tasks import Task

from . import refunds, service, turns
from .errors import InvalidSignature
from .schemas import WebhookAnswer
from .service import Outcome

log = logging.getLogger(__name__)
router = Router("Webhooks")

PROVIDER = "razorpay"
FOLLOW_SUBSCRIPTION = "/subscriptions/follow"
"""The task's path: subscriptions stand above payments."""
COLLECT_AFTER_S = 60
"""Most payments are captured by the account's own settings, seconds after they are authorized."""


@router.post(
    "/api/payments/webhook",
    response=WebhookAnswer,
    auth="public",
    limit=None,
    summary="Razorpay's events",
    errors=(400, 503),
)
def receive(call: Call) -> WebhookAnswer:
    """Signed by Razorpay over the raw body (`X-Razorpay-Signature`), events of payouts with RazorpayX's own secret.
    Every verified event is answered 200, also one of no use here; only an effect that could not be written is answered
    503, and so sent again.
    """
    headers, settings = call.request.headers, call.ctx.settings
    signature = headers.get("X-Razorpay-Signature", "")
    secrets = {settings.razorpay_webhook_secret, settings.payout_webhook_secret}
    signed_with = [secret for secret in secrets if razorpay.verified(call.raw_body, signature, secret)]
    if not signed_with:
        raise InvalidSignature("the body is not signed with the webhook's secret")
    event = razorpay.read(call.raw_body, headers.get("x-razorpay-event-id", ""))
    # Read only once somebody has signed it; who knows one secret must not speak of what the other covers.
    needed = settings.payout_webhook_secret if event.payout is not None else settings.razorpay_webhook_secret
    covered = event.payout is not None or event.payment is not None or event.subscription_id
    if needed not in signed_with and covered:
        raise InvalidSignature("the body is not signed with the secret of its kind of event")
    return WebhookAnswer(outcome=handle(call.ctx, event, call.now))


def handle(ctx: Context, event: Event, now: datetime) -> Outcome | payouts.News:
    """The effect of a verified event and the record of it, in one transaction."""
    about = _about(event)
    turn = about.get("orderId") or about.get("payoutId") or event.id
    outcome = turns.run(ctx, turn, partial(_receive, event=event, now=now))
    alarming = {Outcome.MISMATCH, *payouts.ALARMING}
    level = logging.ERROR if event.problem or outcome in alarming else logging.INFO
    log.log(
        level,
        "webhook",
        extra={
            "event": event.name,
            "event_id": event.id,
            "outcome": outcome,
            "problem": event.problem,
            **about,
        },
    )
    if event.name.startswith("payment.dispute.") and outcome is not Outcome.REPEAT:
        # Answered in the dashboard, and what it takes is booked by a person.
        log.error("payment disputed", extra={"event": event.name, "payment": about.get("paymentId", "")})
    return outcome


def _receive(tx: Tx, event: Event, now: datetime) -> Outcome | payouts.News:
    if event.name == "payment.authorized" and event.payment is not None and event.payment.order_id:
        # For a repeat as well: it is sent again if the task could not be created.
        tx.enqueue(_collect(event, now))
    if is_of_subscription(event):
        tx.enqueue(_follow(event))
    if external_events.received(tx, PROVIDER, event.id):
        return Outcome.REPEAT
    outcome = _apply(tx, event, now)
    external_events.record(tx, PROVIDER, event.id, name=event.name, outcome=outcome, subject=_about(event), now=now)
    return outcome


def _apply(tx: Tx, event: Event, now: datetime) -> Outcome | payouts.News:
    payment, refund = event.payment, event.refund
    if event.payout is not None:
        # What its entity says counts, whatever the event is called: payout.updated may be the first to come.
        return payouts.hear(tx, event.payout, now=now)
    if is_of_subscription(event):
        # Its task asks the provider: events come in any order, and only the provider knows which is the last.
        return Outcome.PENDING
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
    if event.name == "refund.failed" and refund is not None and ids.valid(refund.reference):
        return Outcome.FAILED if refunds.hear(tx, refund.reference, refund, now) == "pending" else Outcome.IGNORED
    return Outcome.IGNORED


def is_of_subscription(event: Event) -> bool:
    return event.name.startswith("subscription.") and ids.valid(event.subscription_id)


def _follow(event: Event) -> Task:
    return Task(FOLLOW_SUBSCRIPTION, ("follow", event.id), {"subscriptionId": event.subscription_id})


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
    if event.subscription_id:
        about["subscriptionId"] = event.subscription_id
    if event.payout is not None:
        about |= {"providerId": event.payout.id, "payoutId": event.payout.reference_id}
    return about
