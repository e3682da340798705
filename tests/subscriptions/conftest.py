"""A club: a desk whose students subscribe, at times of the tests' own. Webhooks only where a test wants them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import requests

from konnect.context import Context
from konnect.integrations.razorpay.subscriptions import SubscriptionGateway, subscription_gateway
from konnect.platform import PlatformConfig
from konnect.store import Doc, Query
from konnect.subscriptions import checkout, deletion, following, plans, repository, service, sweeps
from tests.bookings.conftest import NOW, STUDENT, Desk, open_desk, razorpay, settings
from tests.support import kept_tasks

__all__ = ["open_desk", "razorpay", "settings"]


class Club:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.ctx: Context = desk.ctx
        self._before: set[str] = set()
        self._before = {one["id"] for one in self.at_provider()}

    @property
    def provider(self) -> SubscriptionGateway:
        return subscription_gateway(self.ctx.settings)

    def plan(self, plan_id: plans.PlanId = "pro", **config: Any) -> plans.Plan:
        return plans.sold(PlatformConfig(**config))[plan_id]

    # The customer

    def subscribe(
        self,
        plan_id: plans.PlanId = "pro",
        uid: str = STUDENT,
        *,
        now: datetime = NOW,
        ctx: Context | None = None,
        **config: Any,
    ) -> Doc:
        plan = self.plan(plan_id, **config)
        return checkout.subscribe(ctx or self.ctx, self.provider, uid, plan, now=now, clock=lambda: now)

    def pay(self, subscription_id: str, *, now: datetime = NOW, **fields: Any) -> Doc:
        """At the checkout; what the browser's handler gets."""
        at = int(now.timestamp())
        return self.sandbox("POST", f"/sandbox/subscriptions/{subscription_id}/pay", {"at": at, **fields})

    def member(self, plan_id: plans.PlanId = "pro", uid: str = STUDENT, *, now: datetime = NOW, **config: Any) -> str:
        """Somebody who has paid for the first month."""
        subscription_id = str(self.subscribe(plan_id, uid, now=now, **config)["id"])
        self.pay(subscription_id, now=now)
        self.follow(subscription_id, now=now)
        return subscription_id

    def cancel(self, uid: str = STUDENT, *, now: datetime = NOW) -> Doc:
        return following.stop(self.ctx, self.provider, self.open(uid)["id"], now=now, clock=lambda: now)

    # Time

    def charge(self, subscription_id: str, outcome: str = "captured") -> Doc:
        """The next month's charge at the provider, or a retry."""
        return self.sandbox("POST", f"/sandbox/subscriptions/{subscription_id}/charge", {"outcome": outcome})

    def state(self, subscription_id: str, status: str) -> None:
        self.sandbox("POST", f"/sandbox/subscriptions/{subscription_id}/state", {"status": status})

    def follow(self, subscription_id: str, *, now: datetime = NOW, ctx: Context | None = None) -> Doc | None:
        return following.follow(ctx or self.ctx, self.provider, subscription_id, now=now, clock=lambda: now)

    def sweep(self, now: datetime) -> dict[str, int]:
        return sweeps.sweep(self.ctx, {}, now, clock=lambda: now)

    def close(self, uid: str = STUDENT, *, now: datetime = NOW) -> None:
        deletion.end(self.ctx, uid, now=now)

    def sandbox(self, method: str, path: str, body: Any = None) -> Doc:
        answer = self.desk._sandbox(method, path, body)
        self.desk.drain()
        return answer

    # What there is

    def one(self, subscription_id: str) -> Doc:
        return repository.get(self.ctx.db, subscription_id)

    def open(self, uid: str = STUDENT) -> Doc:
        found = repository.open_of(self.ctx.db, uid)
        assert found is not None
        return found

    def periods(self) -> list[Doc]:
        return sorted(Query((repository.PERIODS,)).run(self.ctx.db), key=lambda one: one["startsAt"])

    def view(self, uid: str = STUDENT, *, now: datetime = NOW) -> Doc:
        return service.view(self.ctx.db, uid, self.desk.config, now=now)

    def told(self) -> list[str]:
        found = Query(("notifications",)).run(self.ctx.db)
        return sorted(one["type"] for one in found if one["type"].startswith("subscription_"))

    def at_provider(self) -> list[Doc]:
        """What was made for this club, the latest first."""
        found = self.sandbox("GET", "/v1/subscriptions?count=100")["items"]
        return [one for one in found if one["id"] not in self._before]

    def followers(self) -> list[Doc]:
        return [task.payload for task in kept_tasks(self.ctx).keyed("follow")]

    def check_books(self) -> None:
        self.desk.check_books()


@pytest.fixture
def club(open_desk: Callable[..., Desk]) -> Club:
    """Without webhooks."""
    desk = open_desk()
    desk.no_webhooks()
    yield Club(desk)
    subscription_gateway.cache_clear()


@pytest.fixture
def live(open_desk: Callable[..., Desk]) -> Club:
    """With webhooks; they come at the real time, and their tasks are kept."""
    yield Club(open_desk())
    subscription_gateway.cache_clear()


def status_of(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]
