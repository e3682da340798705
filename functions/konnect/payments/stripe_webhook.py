"""POST /api/v1/payments/webhook: Stripe's events, verified, received once, answered at once."""

from konnect.http.routing import Call, Router
from konnect.integrations.stripe import webhook as stripe

from . import stripe_events
from .errors import InvalidSignature
from .schemas import WebhookAnswer

router = Router("Webhooks")


@router.post(
    "/api/v1/payments/webhook",
    response=WebhookAnswer,
    auth="public",
    limit=None,
    summary="Stripe's events",
    errors=(400, 503),
)
def hear_of_payments(call: Call) -> WebhookAnswer:
    """Signed by Stripe over the time and the raw body (`Stripe-Signature`, five minutes old at most). Every verified
    event is answered 200, also one of no use here (nothing is sold as a Stripe subscription:
    `customer.subscription.updated` is recorded, no more); only an effect that could not be written is answered 503, and
    so sent again.
    """
    secret = call.ctx.settings.stripe_webhook_secret
    signature = call.request.headers.get("Stripe-Signature", "")
    if not secret or not stripe.verified(call.raw_body, signature, secret):
        raise InvalidSignature("the body is not signed with the webhook's secret, or too long ago")
    return WebhookAnswer(outcome=stripe_events.handle(call.ctx, stripe.read(call.raw_body), call.now))
