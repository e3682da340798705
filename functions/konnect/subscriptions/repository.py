"""subscriptions/{the provider's id}: one subscription, for its user; subscriptionPeriods/{id}: what each charge has
paid for; subscriptionUses/{booking}: minutes that a booking has taken; subscribers/{uid}: what a user has now.

A subscription: {userId, planId, planName, plan (frozen), price, currency, status, providerStatus, providerPlanId,
nextPlan, isOpen, cancelAtPeriodEnd, cancelRequestedAt, periodStart, paidUntil, paidCount, shortUrl, askedAt,
nextCheckAt, createdAt, updatedAt, expiresAt, activatedAt, endedAt}. `isOpen` until it is over and what was paid for has
passed. `nextPlan`: what it changes to, with {from, confirmedAt: when the provider has said so}.
`askedAt` is when the provider was asked for what is written here: older news is not applied.

A period: {userId, subscriptionId, planId, plan (frozen), startsAt, endsAt, paymentId, orderId, price, gstPaise,
minutes, minutesUsed, revokedAt, createdAt, updatedAt}. A subscriber: {subscriptionId: the one that is open, or None,
period: {id, startsAt, endsAt, plan} of the latest paid one, or None, reserving: {by, until} while one is being made}.

A use: {userId, periodId, minutes, amountPaise, usedAt}; it is deleted when it is given back.
"""

from datetime import datetime
from typing import Any

from konnect import ids
from konnect.errors import NotFound
from konnect.payments.repository import Reader
from konnect.store import Database, Doc, Query, Tx

SUBSCRIPTIONS, PERIODS, SUBSCRIBERS = "subscriptions", "subscriptionPeriods", "subscribers"
USES = "subscriptionUses"
_NOBODY: Doc = {"subscriptionId": None, "period": None, "reserving": None}


def find(reader: Reader, subscription_id: str) -> Doc | None:
    """With its "id"; None also for what can be no id."""
    found = reader.get(SUBSCRIPTIONS, subscription_id) if ids.valid(subscription_id) else None
    return {**found, "id": subscription_id} if found is not None else None


def get(reader: Reader, subscription_id: str) -> Doc:
    """Raises NotFound (SUBSCRIPTION_NOT_FOUND)."""
    found = find(reader, subscription_id)
    if found is None:
        raise not_found()
    return found


def of_owner(reader: Reader, subscription_id: str, uid: str) -> Doc:
    """Raises NotFound (SUBSCRIPTION_NOT_FOUND), also for another user's."""
    found = get(reader, subscription_id)
    if found["userId"] != uid:
        raise not_found()
    return found


def update(tx: Tx, subscription_id: str, *, now: datetime, **fields: Any) -> None:
    tx.update((SUBSCRIPTIONS, subscription_id), {**fields, "updatedAt": now})


def subscriber(reader: Reader, uid: str) -> Doc:
    return {**_NOBODY, **(reader.get(SUBSCRIBERS, uid) or {})}


def write_subscriber(tx: Tx, uid: str, *, now: datetime, **fields: Any) -> None:
    """Whole: a map is replaced, and not merged into."""
    tx.set((SUBSCRIBERS, uid), {**subscriber(tx, uid), **fields, "updatedAt": now})


def open_of(reader: Reader, uid: str) -> Doc | None:
    """The one subscription of a user that is not over."""
    subscription_id = subscriber(reader, uid)["subscriptionId"]
    return get(reader, subscription_id) if subscription_id is not None else None


def running(reader: Reader, uid: str, now: datetime) -> Doc | None:
    """The paid period of a user that runs, as the subscriber's document has it: {id, startsAt, endsAt, plan}."""
    period: Doc | None = subscriber(reader, uid)["period"]
    return period if period is not None and period["startsAt"] <= now < period["endsAt"] else None


def period_id(subscription_id: str, starts_at: datetime) -> str:
    return f"{subscription_id}:{int(starts_at.timestamp())}"


def period(reader: Reader, period_id: str) -> Doc:
    found = reader.get(PERIODS, period_id)
    assert found is not None, f"there is no period {period_id}"
    return {**found, "id": period_id}


def due(db: Database, now: datetime, limit: int) -> list[Doc]:
    """Subscriptions that the sweep has to ask about, the longest due first."""
    return Query((SUBSCRIPTIONS,), (("nextCheckAt", "<=", now),), (("nextCheckAt", "asc"),), limit).run(db)


def monthly_value(db: Database, now: datetime) -> tuple[int, int]:
    """How many paid months run, and what they are worth, in paise with GST."""
    return Query((PERIODS,)).filter("revokedAt", "==", None).filter("endsAt", ">", now).tally(db, "pricePaise")


def not_found() -> NotFound:
    return NotFound("there is no such subscription", code="SUBSCRIPTION_NOT_FOUND")
