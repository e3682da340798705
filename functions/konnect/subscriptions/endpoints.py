"""/api/subscriptions."""

from typing import Any

from konnect.http.routing import Call, Router
from konnect.integrations.razorpay.subscriptions import SubscriptionGateway, subscription_gateway
from konnect.platform import platform_config

from . import checkout, plans, service
from .schemas import CurrentSubscription, Plans, SubscribeRequest, Subscription, VerifySubscriptionRequest

router = Router("Subscriptions")


@router.get("/api/subscriptions/plans", response=Plans, auth="public")
def list_plans(call: Call) -> dict[str, Any]:
    """Free, Pro and Premium. A change of these numbers never alters a month that is paid."""
    return {"items": [plan.fields for plan in plans.sold(platform_config(call.ctx.db)).values()]}


@router.post("/api/subscriptions", response=Subscription, status=201, limit="payments", errors=(409, 502, 503))
def subscribe(call: Call, body: SubscribeRequest) -> dict[str, Any]:
    """Subscribe. Open the checkout with `subscriptionId`, and call `POST /api/subscriptions/verify` with what it
    returns, or wait for the plan to be active. The same again answers the same subscription while it waits for its
    payment. Who has the other plan changes it at the end of the paid period.
    """
    plan = plans.sold(platform_config(call.ctx.db))[body.plan_id]
    provider = _provider(call)
    made = checkout.subscribe(call.ctx, provider, call.user.uid, plan, now=call.now)
    following = made["nextPlan"]
    return {
        **made,
        "subscriptionId": made["id"],
        "nextPlanId": following["id"] if following is not None else None,
        "price": made["plan"]["price"],
        "pricePaise": made["plan"]["pricePaise"],
        "keyId": provider.key_id,
    }


@router.post(
    "/api/subscriptions/verify",
    response=CurrentSubscription,
    summary="Verify a subscription's payment",
    limit="payments",
    errors=(404, 502, 503),
)
def verify(call: Call, body: VerifySubscriptionRequest) -> tuple[dict[str, Any], int]:
    """Checks the checkout's signature, asks Razorpay, and books what was paid, once however often it is called. Answers
    202 while the payment has not come."""
    written = checkout.verify(
        call.ctx,
        _provider(call),
        call.user.uid,
        subscription_id=body.razorpay_subscription_id,
        payment_id=body.razorpay_payment_id,
        signature=body.razorpay_signature,
        now=call.now,
    )
    return _current(call), 200 if written["paidCount"] else 202


@router.get("/api/subscriptions/current", response=CurrentSubscription)
def current(call: Call) -> dict[str, Any]:
    """The caller's plan, period, and minutes left."""
    return _current(call)


@router.delete("/api/subscriptions/current", response=CurrentSubscription, limit="payments", errors=(404, 502, 503))
def cancel(call: Call) -> dict[str, Any]:
    """Cancel: nothing more is charged, and what is paid for stays until the period's end. Again is fine."""
    checkout.cancel(call.ctx, _provider(call), call.user.uid, now=call.now)
    return _current(call)


def _current(call: Call) -> dict[str, Any]:
    db = call.ctx.db
    return service.view(db, call.user.uid, platform_config(db), now=call.now)


def _provider(call: Call) -> SubscriptionGateway:
    return subscription_gateway(call.ctx.settings)
