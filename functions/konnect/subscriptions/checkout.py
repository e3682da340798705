"""Subscribing, verifying, changing and cancelling. The network is outside of every transaction; a user makes one
subscription at a time, by a claim on subscribers/{uid}."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from konnect import clock, ids
from konnect.clock import now as current_time
from konnect.config import Settings
from konnect.context import Context
from konnect.errors import Conflict, KonnectError
from konnect.identity import service as identity
from konnect.integrations.razorpay.errors import Refused
from konnect.integrations.razorpay.subscriptions import Subscription, SubscriptionGateway
from konnect.money import CURRENCY
from konnect.payments.errors import InvalidSignature
from konnect.store import Doc, Tx

from . import following, policy, repository
from .plans import Plan

log = logging.getLogger(__name__)

MONTHS = 120
"""Charges at most; mandates end some time."""
RESERVED = timedelta(seconds=60)
STILL_PAYABLE = timedelta(minutes=10)
"""An unpaid one is answered again while it can be paid at least so long."""
PLANS_PATH = ("config", "subscriptionPlans")

Step = Literal["answer", "make", "replace", "change", "keep"]


def subscribe(
    ctx: Context,
    provider: SubscriptionGateway,
    uid: str,
    plan: Plan,
    *,
    now: datetime,
    clock: Callable[[], datetime] = current_time,
) -> Doc:
    """The subscription that the checkout is opened with: a new one, or the one of this plan that waits for its first
    payment. For who has another plan it is changed at the end of the paid period, without a checkout.

    Raises Conflict (IN_PROGRESS, ALREADY_SUBSCRIBED, SUBSCRIPTION_ENDING, PLAN_CHANGE_REFUSED, ACCOUNT_CLOSED),
    Unavailable, BadGateway; nothing is left behind that could be paid.
    """
    by = ids.new()
    step, found = ctx.run(partial(_reserve, uid=uid, plan=plan, by=by, now=now))
    if step == "answer":
        assert found is not None
        return found
    try:
        if step in {"change", "keep"}:
            assert found is not None
            return _change(ctx, provider, found, plan if step == "change" else None, by, now)
        if found is not None:
            following.follow(ctx, provider, found["id"], now=now, clock=clock)
            _check_unpaid(repository.get(ctx.db, found["id"]), now)
            following.stop(ctx, provider, found["id"], now=now, clock=clock)
            _check_unpaid(repository.get(ctx.db, found["id"]), now)
        expires_at = now + policy.EXPIRES_AFTER
        made = provider.create_subscription(
            plan_id=_provider_plan(ctx, provider, plan, now),
            months=MONTHS,
            expires_at=expires_at,
            notes={"kind": "subscription", "uid": uid, "planId": plan.id},
        )
        # Should we stop here: a subscription that no browser knows can't be paid, and expires.
        return ctx.run(partial(_record, uid=uid, plan=plan, made=made, expires_at=expires_at, by=by, now=now))
    except KonnectError:
        _release(ctx, uid, by, now)
        raise


def _reserve(tx: Tx, uid: str, plan: Plan, by: str, now: datetime) -> tuple[Step, Doc | None]:
    """What is to be done, and with which subscription; the user is claimed for it, unless it is done already."""
    _check_enabled(tx, uid)
    claim = repository.subscriber(tx, uid)["reserving"]
    if claim is not None and claim["by"] != by and claim["until"] > now:
        raise Conflict("your first request is under way", code="IN_PROGRESS", retry_after_s=1)
    found = repository.open_of(tx, uid)
    step = _step(found, plan, now) if found is not None else "make"
    if step != "answer":
        repository.write_subscriber(tx, uid, now=now, reserving={"by": by, "until": now + RESERVED})
    return step, found


def _step(found: Doc, plan: Plan, now: datetime) -> Step:
    """What a wish for `plan` means for who has a subscription. Raises Conflict."""
    status, next_plan = found["providerStatus"], found["nextPlan"]
    if found["cancelAtPeriodEnd"]:
        details = [{"periodEnd": clock.iso(found["paidUntil"])}]
        said = "your subscription is cancelled and ends with its period; subscribe anew then"
        raise Conflict(said, code="SUBSCRIPTION_ENDING", details=details)
    if status == "created" or (status in {"halted", "paused"} and not policy.is_paid(found["paidUntil"], now)):
        same = status == "created" and found["plan"] == plan.fields
        return "answer" if same and found["expiresAt"] - now > STILL_PAYABLE else "replace"
    if status in policy.OVER:
        return "replace"
    if found["planId"] == plan.id:
        if next_plan is not None:
            return "keep"
        details = [{"subscriptionId": found["id"], "shortUrl": found["shortUrl"]}]
        raise Conflict("you have this plan", code="ALREADY_SUBSCRIBED", details=details)
    if next_plan is not None and next_plan["id"] == plan.id and next_plan["confirmedAt"] is not None:
        return "answer"
    return "change"


def _check_unpaid(subscription: Doc, now: datetime) -> None:
    """It is given up for another one; one that was paid meanwhile isn't."""
    if policy.is_paid(subscription["paidUntil"], now):
        details = [{"subscriptionId": subscription["id"], "shortUrl": subscription["shortUrl"]}]
        raise Conflict("your first subscription was paid meanwhile", code="ALREADY_SUBSCRIBED", details=details)


def _check_enabled(tx: Tx, uid: str) -> None:
    # Read here, so that an account that is being closed does not subscribe meanwhile.
    if identity.is_closed(tx, uid):
        raise Conflict("the account is closed", code="ACCOUNT_CLOSED")


def _record(tx: Tx, uid: str, plan: Plan, made: Subscription, expires_at: datetime, by: str, now: datetime) -> Doc:
    known = repository.find(tx, made.id)
    if known is not None:
        # Ours: an earlier attempt was committed, although its answer was lost.
        return known
    _check_enabled(tx, uid)
    if (repository.subscriber(tx, uid)["reserving"] or {}).get("by") != by:
        raise Conflict("another of your requests was faster", code="IN_PROGRESS", retry_after_s=1)
    subscription: Doc = {
        "userId": uid,
        "planId": plan.id,
        "planName": plan.name,
        "plan": plan.fields,
        "price": plan.fields["price"],
        "pricePaise": plan.price_paise,
        "currency": CURRENCY,
        "status": made.status,
        "providerStatus": made.status,
        "providerPlanId": made.plan_id,
        "nextPlan": None,
        "isOpen": True,
        "cancelAtPeriodEnd": False,
        "cancelRequestedAt": None,
        "periodStart": None,
        "paidUntil": None,
        "paidCount": 0,
        "shortUrl": made.short_url,
        "askedAt": now,
        "createdAt": now,
        "updatedAt": now,
        "expiresAt": expires_at,
        "activatedAt": None,
        "endedAt": None,
    }
    subscription["nextCheckAt"] = policy.next_check(subscription, now)
    tx.create((repository.SUBSCRIPTIONS, made.id), subscription)
    repository.write_subscriber(tx, uid, now=now, subscriptionId=made.id, reserving=None)
    return {**subscription, "id": made.id}


def _release(ctx: Context, uid: str, by: str, now: datetime) -> None:
    def free(tx: Tx) -> None:
        if (repository.subscriber(tx, uid)["reserving"] or {}).get("by") == by:
            repository.write_subscriber(tx, uid, now=now, reserving=None)

    try:
        ctx.run(free)
    except KonnectError as error:
        # It lapses by itself; the client must see the first failure.
        log.warning("a subscriber was not released", extra={"uid": uid, "error": error.message})


# The provider's plans


def _provider_plan(ctx: Context, provider: SubscriptionGateway, plan: Plan, now: datetime) -> str:
    """The provider's id of a plan at its price: found once, and kept in config/subscriptionPlans."""
    key = f"{plan.id}-{plan.price_paise}"
    kept = ctx.db.get(*PLANS_PATH) or {}
    if key in kept:
        return str(kept[key])
    wanted = _configured(ctx.settings, plan)
    if wanted and provider.fetch_plan(wanted).is_monthly(plan.price_paise):
        plan_id = wanted
    else:
        if wanted:
            log.warning("the plan that is configured has another price", extra={"plan": plan.id, "provider": wanted})
        notes: dict[str, str] = {"planId": plan.id}
        plan_id = provider.create_plan(name=plan.name, amount_paise=plan.price_paise, notes=notes).id

    def keep(tx: Tx) -> str:
        # Two at once make two; one stays, the other is never used.
        first = (tx.get(*PLANS_PATH) or {}).get(key)
        if first is None:
            tx.merge(PLANS_PATH, {key: plan_id})
        return str(first or plan_id)

    return ctx.run(keep)


def _configured(settings: Settings, plan: Plan) -> str:
    return {"pro": settings.razorpay_plan_pro, "premium": settings.razorpay_plan_premium}.get(plan.id, "")


# Another plan, from the next period on


def _change(ctx: Context, provider: SubscriptionGateway, found: Doc, plan: Plan | None, by: str, now: datetime) -> Doc:
    """`plan` None: keep the one that there is, after all. What is charged is known by what is written first: should the
    provider's answer be lost, either price is understood."""
    subscription_id, uid = found["id"], found["userId"]
    following_plan: Doc | None = None
    if plan is not None:
        from_ = found["paidUntil"] or now
        following_plan = {**plan.fields, "from": from_, "confirmedAt": None}
        provider_plan_id = _provider_plan(ctx, provider, plan, now)
        ctx.run(lambda tx: repository.update(tx, subscription_id, now=now, nextPlan=following_plan))
    try:
        if plan is None:
            provider.keep_plan(subscription_id)
        else:
            provider.change_plan(subscription_id, provider_plan_id)
    except Refused as error:
        if plan is None:
            # There was none at the provider: an attempt that was refused, or whose answer was lost.
            log.warning("no change of plan to take back", extra={"subscription": subscription_id})
        else:
            ctx.run(lambda tx: repository.update(tx, subscription_id, now=now, nextPlan=found["nextPlan"]))
            details = [{"reason": error.description}]
            said = "your way of payment allows no change of plan; cancel, and subscribe anew at the period's end"
            raise Conflict(said, code="PLAN_CHANGE_REFUSED", details=details) from error

    def confirm(tx: Tx) -> Doc:
        kept = {**following_plan, "confirmedAt": now} if following_plan is not None else None
        repository.update(tx, subscription_id, now=now, nextPlan=kept)
        repository.write_subscriber(tx, uid, now=now, reserving=None)
        return repository.get(tx, subscription_id)

    return ctx.run(confirm)


# The browser's word


def verify(
    ctx: Context,
    provider: SubscriptionGateway,
    uid: str,
    *,
    subscription_id: str,
    payment_id: str,
    signature: str,
    now: datetime,
) -> Doc:
    """Bring a subscription up to date after the checkout. Raises InvalidSignature, NotFound, Unavailable, BadGateway
    (the webhook or the sweep will do it then)."""
    if not provider.subscription_matches(subscription_id, payment_id, signature):
        raise InvalidSignature("the signature is not the payment provider's")
    repository.of_owner(ctx.db, subscription_id, uid)
    # The signature proves who pays, not that the money has come: only the provider knows.
    written = following.follow(ctx, provider, subscription_id, now=now)
    assert written is not None
    return written


def cancel(ctx: Context, provider: SubscriptionGateway, uid: str, *, now: datetime) -> Doc:
    """Nothing more is charged; what is paid for stays until its end. A repeat changes nothing.

    Raises NotFound (SUBSCRIPTION_NOT_FOUND), Unavailable, BadGateway.
    """
    found = repository.open_of(ctx.db, uid)
    if found is None:
        raise repository.not_found()
    return following.stop(ctx, provider, found["id"], now=now)
