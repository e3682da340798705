"""A till: courses by EDUCATOR on a project of one's own, people who buy them, and Stripe's sandbox, whose webhooks go
to the API."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from konnect.config import Settings
from konnect.context import Context
from konnect.course_sales import checkout, purchase
from konnect.course_sales.checkout import Wanted
from konnect.integrations.stripe.client import Gateway, gateway
from konnect.learning import enrollments
from konnect.payments import refunds, stripe_tasks
from konnect.reconciliation.service import reconcile
from konnect.store import Doc, Query
from local.sandboxes import background
from local.sandboxes.stripe import RetryPolicy, StripeSandbox
from tests.learning import classroom
from tests.learning.classroom import EDUCATOR, LEARNER, Classroom
from tests.payments.api import TIMEOUT_S, User
from tests.support import START, kept_tasks, movements, sum_of_all_legs, wallet_of

SECRET_KEY, WEBHOOK_SECRET = "sk_test_konnect", "whsec_konnect"
PRICE = 1000
WEBHOOK_PATH = "/api/v1/payments/webhook"
SHOP = "https://skillverse.example"
SHARES = {"educator": 800_00, "fee": 169_49, "gst": 30_51}
"""Of PRICE, by the defaults: 20 % for the platform, of which 18 % GST are a part."""

Running = tuple[StripeSandbox, asyncio.AbstractEventLoop]


@dataclass
class Till:
    room: Classroom
    sandbox: StripeSandbox
    loop: asyncio.AbstractEventLoop

    @property
    def ctx(self) -> Context:
        return self.room.ctx

    @property
    def gateway(self) -> Gateway:
        return gateway(self.ctx.settings)

    @property
    def learner(self) -> User:
        return self.room.of(LEARNER)

    def course(self, *, price: float = PRICE, **fields: Any) -> Doc:
        return self.room.course(price=price, **fields)

    # The learner

    def open(self, course: Doc, uid: str = LEARNER, *, ctx: Context | None = None, **wanted: Any) -> Doc:
        """What create-checkout answers."""
        given = Wanted(uid, course["id"], **wanted)
        return checkout.start(ctx or self.ctx, self.gateway, given, key=None, now=START)

    def pay(self, session_id: str, outcome: str = "paid") -> Doc:
        """Pay at Stripe's page and wait until no webhook is under way."""
        return self.act(f"sessions/{session_id}/pay", {"outcome": outcome})

    def bought(self, course: Doc, uid: str = LEARNER) -> Doc:
        """A purchase by card that is paid."""
        opened = self.open(course, uid)
        self.pay(opened["sessionId"])
        return self.purchase(opened["paymentId"])

    def verify(self, session_id: str, uid: str = LEARNER, *, ctx: Context | None = None) -> Doc:
        return checkout.verify(ctx or self.ctx, self.gateway, uid, session_id, now=START)

    def by_wallet(self, course: Doc, uid: str = LEARNER, *, ctx: Context | None = None) -> Doc:
        return (ctx or self.ctx).run(lambda tx: purchase.by_wallet(tx, course, uid, now=START))

    # Stripe

    def act(self, path: str, body: Any = None) -> Doc:
        """One of the sandbox's own paths, and wait until no webhook is under way."""
        answer = requests.post(f"{self.sandbox.url}/sandbox/{path}", json=body or {}, timeout=TIMEOUT_S)
        assert answer.ok, answer.text
        self.drain()
        return dict(answer.json())

    def drain(self) -> None:
        asyncio.run_coroutine_threadsafe(self.sandbox.drain(), self.loop).result(TIMEOUT_S)

    def fault(self, **fault: Any) -> None:
        self.act("faults", fault)

    def events(self, about: str) -> list[Doc]:
        url = f"{self.sandbox.url}/sandbox/events"
        return list(requests.get(url, params={"about": about}, timeout=TIMEOUT_S).json()["items"])

    def redeliver(self, about: str, **which: Any) -> list[int]:
        """Send recorded events again; the statuses they were answered with."""
        deliveries = self.act("events/redeliver", {"about": about, **which})["deliveries"]
        return [one.get("status", 0) for one in deliveries]

    # What waits

    def follow_all(self) -> None:
        """Each task that asks Stripe about a payment."""
        for task in kept_tasks(self.ctx).keyed("stripe-follow"):
            stripe_tasks.follow(self.ctx, task.payload, START)

    def send_refunds(self) -> list[str | None]:
        """Each refund that a task is there for."""
        waiting = kept_tasks(self.ctx).keyed("gateway-refund")
        return [refunds.advance(self.ctx, one.payload["refundId"], now=START) for one in waiting]

    # What we hold

    def purchase(self, purchase_id: str) -> Doc:
        return self.ctx.run(lambda tx: purchase.get(tx, purchase_id))

    def enrollment(self, course: Doc, uid: str = LEARNER) -> Doc | None:
        return self.ctx.db.get("enrollments", enrollments.id_of(course["id"], uid))

    def is_open(self, course: Doc, uid: str = LEARNER) -> bool:
        return self.ctx.run(lambda tx: enrollments.standing(tx, course["id"], uid)) is not None

    def all(self, collection: str) -> list[Doc]:
        return Query((collection,)).run(self.ctx.db)

    def wallet(self, uid: str) -> int:
        return int(wallet_of(self.ctx, uid)["balancePaise"])

    def sums(self) -> dict[str, int]:
        """Each account's legs, summed; what is 0 is left out."""
        found: dict[str, int] = {}
        for movement in movements(self.ctx):
            for leg in movement["legs"]:
                found[leg["account"]] = found.get(leg["account"], 0) + leg["amountPaise"]
        return {account: paise for account, paise in found.items() if paise}

    def kinds(self) -> list[str]:
        return sorted(movement["kind"] for movement in movements(self.ctx))

    def notified(self, uid: str, type: str) -> list[Doc]:
        return [one for one in self.all("notifications") if (one["userId"], one["type"]) == (uid, type)]

    def check(self) -> None:
        """Nothing from nowhere, and every balance explained."""
        assert sum_of_all_legs(self.ctx) == 0
        report = reconcile(self.ctx)
        assert report.ok, report.differences

    def check_sold_once(self, course: Doc, *, source: str) -> None:
        """One sale of PRICE to LEARNER: divided, enrolled, told."""
        account = "gateway:stripe" if source == "checkout" else f"wallet:{LEARNER}"
        [sale] = [one for one in movements(self.ctx) if one["kind"] == "course.pay"]
        assert {leg["account"]: leg["amountPaise"] for leg in sale["legs"]} == {
            account: -PRICE * 100,
            f"wallet:{EDUCATOR}": SHARES["educator"],
            "platform:fees": SHARES["fee"],
            "tax:gst": SHARES["gst"],
        }
        assert wallet_of(self.ctx, EDUCATOR)["withdrawablePaise"] == SHARES["educator"]
        enrollment = self.enrollment(course)
        assert enrollment is not None
        assert (enrollment["status"], enrollment["source"], enrollment["pricePaise"]) == ("active", source, PRICE * 100)
        sold = self.purchase(enrollment["purchaseId"])
        assert (sold["status"], sold["source"]) == ("completed", source)
        assert len(self.notified(LEARNER, "course_purchased")) == len(self.notified(EDUCATOR, "course_sold")) == 1
        self.check()


@contextmanager
def running() -> Iterator[Running]:
    """A sandbox on a port of its own, with the loop that it runs in."""
    sandbox = StripeSandbox(
        0,
        secret_key=SECRET_KEY,
        webhook_secret=WEBHOOK_SECRET,
        webhook_url=None,
        retry=RetryPolicy(first_delay_s=0.01, max_delay_s=0.05, max_attempts=3, timeout_s=60),
    )
    with background(sandbox) as loop:
        yield sandbox, loop


def settings_of(sandbox: StripeSandbox) -> dict[str, Any]:
    return {
        "stripe_url": sandbox.url,
        "stripe_secret_key": SECRET_KEY,
        "stripe_webhook_secret": WEBHOOK_SECRET,
        "stripe_timeout_s": 60.0,
    }


@contextmanager
def opened(stripe: Running, **settings: Any) -> Iterator[Till]:
    sandbox, loop = stripe
    with classroom.opened(**{**settings_of(sandbox), **settings}) as room:
        sandbox.webhook_url = room.api.url + WEBHOOK_PATH
        till = Till(room, sandbox, loop)
        yield till
        requests.delete(f"{sandbox.url}/sandbox/faults", timeout=TIMEOUT_S)
        till.drain()
        gateway.cache_clear()


def of(settings: Settings, sandbox: StripeSandbox) -> Gateway:
    """A gateway to this sandbox."""
    return gateway(settings.model_copy(update=settings_of(sandbox)))
