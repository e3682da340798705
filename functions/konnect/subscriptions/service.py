"""What a user has of a subscription now; for other domains, too."""

from datetime import datetime, timedelta
from typing import Any

from konnect.payments.repository import Reader
from konnect.platform import PlatformConfig
from konnect.store import Doc

from . import plans, policy, repository
from .plans import FREE, Plan


def plan_of(reader: Reader, uid: str, *, now: datetime) -> Plan:
    """The plan that a user has paid for, as it was then; FREE without one. One read."""
    running = repository.running(reader, uid, now)
    return plans.of(running["plan"]) if running is not None else FREE


def horizon(reader: Reader, uid: str, config: PlatformConfig, *, now: datetime) -> timedelta:
    """How early a user can book a mentor."""
    return timedelta(days=max(config.bookingHorizonDays, plan_of(reader, uid, now=now).horizon_days))


def view(reader: Reader, uid: str, config: PlatformConfig, *, now: datetime) -> dict[str, Any]:
    """What a user has now, and the subscription that it comes from (schemas.CurrentSubscription)."""
    running, subscription = repository.running(reader, uid, now), repository.open_of(reader, uid)
    period = repository.period(reader, running["id"]) if running is not None else None
    return {
        "plan": running["plan"] if running is not None else plans.sold(config)["free"].fields,
        "periodStart": running["startsAt"] if running is not None else None,
        "periodEnd": running["endsAt"] if running is not None else None,
        "minutesIncluded": period["minutes"] if period is not None else 0,
        "minutesLeft": period["minutes"] - period["minutesUsed"] if period is not None else 0,
        **_of_subscription(subscription, now),
    }


def _of_subscription(subscription: Doc | None, now: datetime) -> dict[str, Any]:
    if subscription is None:
        return {"status": "none", "cancelAtPeriodEnd": False}
    following = subscription["nextPlan"]
    return {
        "status": policy.status(subscription["providerStatus"], subscription["paidUntil"], now),
        "subscriptionId": subscription["id"],
        "planId": subscription["planId"],
        "nextPlanId": following["id"] if following is not None else None,
        "cancelAtPeriodEnd": subscription["cancelAtPeriodEnd"],
        "shortUrl": subscription["shortUrl"],
    }
