"""What a subscription's state at the provider means here, and when it is looked at again. Pure.

Here a subscription lasts as long as what is paid for, whatever the provider calls it: one that is cancelled there ends
with its paid period.
"""

from datetime import datetime, timedelta

from konnect.store import Doc

OVER = frozenset({"cancelled", "completed", "expired"})
"""At the provider: nothing is charged any more."""
FAILING = frozenset({"pending", "halted"})
"""A charge has failed: it is tried again for some days, then no more."""
EXPIRES_AFTER = timedelta(hours=24)
"""Until then the first payment has to be made."""
AFTER_CHARGE = timedelta(hours=1)
"""A charge is made within so long of its time, usually."""
SOON = timedelta(minutes=10)


def status(provider_status: str, paid_until: datetime | None, now: datetime) -> str:
    """created, authenticated, active, pending, halted, paused, and over: cancelled, completed, expired."""
    if provider_status in OVER and is_paid(paid_until, now):
        return "active"
    return provider_status


def is_paid(paid_until: datetime | None, now: datetime) -> bool:
    return paid_until is not None and paid_until > now


def next_check(subscription: Doc, now: datetime) -> datetime | None:
    """When the sweep asks the provider again; None once it is over.

    `subscription` as it is to be written. Webhooks come first; this is for what they don't tell.
    """
    if not subscription["isOpen"]:
        return None
    at_provider, paid_until = subscription["providerStatus"], subscription["paidUntil"]
    if at_provider in OVER:
        return paid_until if is_paid(paid_until, now) else now
    if subscription["cancelRequestedAt"] is not None:
        return now + SOON
    if at_provider in {"created", "authenticated"}:
        age = now - subscription["createdAt"]
        return now + min(max(age, SOON), EXPIRES_AFTER)
    if at_provider == "active":
        if is_paid(paid_until, now):
            return paid_until + AFTER_CHARGE
        overdue = now - (paid_until or subscription["createdAt"])
        return now + (AFTER_CHARGE if overdue < timedelta(days=3) else timedelta(hours=12))
    return now + timedelta(hours=6 if at_provider == "pending" else 24)
