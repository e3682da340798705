"""A desk: the API, a mentor who can be booked, students, and Razorpay's sandbox, whose webhooks go to the API.

What depends on the time is called in the process with a time of the test's own; the rest goes through the API.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from konnect.bookings import checkout, course, repository, tasks
from konnect.bookings.service import Wanted
from konnect.calendar import service as calendar
from konnect.config import Settings
from konnect.context import Context
from konnect.integrations.razorpay.client import Gateway, gateway
from konnect.payments import refunds, service
from konnect.platform import PlatformConfig, platform_config
from konnect.reconciliation.service import reconcile
from konnect.sessions.metering import Pace
from konnect.store import Doc, Query
from local.sandboxes.razorpay import RazorpaySandbox
from tests.payments.api import Api
from tests.payments.conftest import Checkout, Shop
from tests.payments.gateway import Running, opening, running, settings_of
from tests.support import kept_tasks, movements, sum_of_all_legs

MENTOR, STUDENT, OTHER = "ravi", "meera", "arjun"
NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
SLOT = NOW + timedelta(days=3)
"""When sessions are booked for, unless a test says otherwise."""
PRICE = 1000
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
ALL_DAY = [{"from": 0, "to": 1440}]


class Desk(Shop):
    def __init__(self, ctx: Context, api: Api, sandbox: RazorpaySandbox, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(ctx, api, sandbox, loop)
        self.pace = Pace.of(ctx.settings)
        for uid in (STUDENT, OTHER):
            self.person(uid)
        self.mentor_of(MENTOR)

    # People

    def person(self, uid: str) -> None:
        self.ctx.db.set(("users", uid), {"name": uid.title(), "disabled": False})

    def mentor_of(self, uid: str, **fields: Any) -> None:
        """A mentor at 600 and 1,000 INR, any time, two hours ahead, in UTC."""
        self.person(uid)
        self.ctx.db.set(
            ("experts", uid),
            {
                "name": uid.title(),
                "firebaseUid": uid,
                "mentorStatus": "approved",
                "available": False,
                "timeZone": "UTC",
                "pricing": {"30": 600, "60": PRICE},
                "pricingPaise": {"30": 600_00, "60": PRICE * 100},
                "createdAt": NOW - 400 * DAY,
                "updatedAt": NOW,
                **fields,
            },
        )
        self.ctx.db.set(("availability", uid), {"weekly": {str(day): ALL_DAY for day in range(7)}})

    @property
    def gateway(self) -> Gateway:
        return gateway(self.ctx.settings)

    @property
    def config(self) -> PlatformConfig:
        return platform_config(self.ctx.db)

    # Booking

    def wanted(self, uid: str = STUDENT, **fields: Any) -> Wanted:
        given: dict[str, Any] = {
            "mentor_id": MENTOR,
            "scheduled_at": SLOT,
            "minutes": 60,
            "topic": "Mock Interview",
            "agenda": "",
            "agreed": True,
            "price_paise": None,
            "coupon_code": None,
            "package_purchase_id": None,
            "candidates": repository.candidates("20260601"),
        }
        return Wanted(uid, **{**given, **fields})

    def book(self, uid: str = STUDENT, *, now: datetime = NOW, ctx: Context | None = None, **fields: Any) -> Doc:
        return checkout.start(ctx or self.ctx, self.gateway, self.wanted(uid, **fields), key=None, now=now)[0]

    def confirmed(self, uid: str = STUDENT, *, now: datetime = NOW, **fields: Any) -> str:
        """A booking that is paid."""
        booking = self.book(uid, now=now, **fields)
        self.settle(self.pay(booking["payment"]["orderId"]), uid, now=now)
        return str(booking["id"])

    def settle(self, paid: Checkout, uid: str = STUDENT, *, now: datetime = NOW) -> Doc:
        """What the browser's verify does, at a time of the test's own."""
        return service.verify(
            self.ctx,
            self.gateway,
            uid,
            order_id=paid.order_id,
            payment_id=paid.payment_id,
            signature=paid.signature,
            now=now,
        )

    def progress(self, booking_id: str, now: datetime) -> None:
        self.ctx.run(lambda tx: course.progress(tx, booking_id, pace=self.pace, now=now))

    def tasks_until(self, now: datetime) -> None:
        """Each task of a booking that is due by then, once, at its own time."""
        done: set[str] = set()
        while True:
            waiting = [one for one in kept_tasks(self.ctx).keyed("booking") if one.name not in done and one.at <= now]
            if not waiting:
                return
            task = min(waiting, key=lambda one: one.at)
            done.add(task.name)
            tasks.progress(self.ctx, task.payload, task.at)

    def cancel(self, booking_id: str, by: course.By, now: datetime, reason: str = "I am ill.") -> Doc:
        return self.ctx.run(
            lambda tx: course.cancel(tx, repository.get(tx, booking_id), by, reason=reason, pace=self.pace, now=now)
        )

    def complete(self, booking_id: str, now: datetime, uid: str = MENTOR) -> Doc:
        return self.ctx.run(lambda tx: course.complete(tx, repository.get(tx, booking_id), uid, now=now))

    def move(self, booking_id: str, to: datetime, now: datetime = NOW, uid: str = STUDENT) -> Doc:
        return self.ctx.run(
            lambda tx: course.reschedule(
                tx, repository.get(tx, booking_id), uid, to, config=self.config, pace=self.pace, now=now
            )
        )

    def send_refunds(self, now: datetime = NOW) -> list[str | None]:
        """Each refund that a task is there for."""
        waiting = kept_tasks(self.ctx).keyed("gateway-refund")
        return [refunds.advance(self.ctx, one.payload["refundId"], now=now) for one in waiting]

    # What there is

    def booking(self, booking_id: str) -> Doc:
        found = self.ctx.db.get("bookings", booking_id)
        assert found is not None
        return {**found, "id": booking_id}

    def terms(self, booking_id: str) -> Doc:
        return self.ctx.db.get("bookings", booking_id, "private", "terms") or {}

    def taken(self, uid: str = MENTOR, now: datetime = NOW) -> list[str]:
        """What a person is booked for in the ten days from `now` on."""
        found = self.ctx.run(lambda tx: calendar.overlapping(tx, uid, now, now + 10 * DAY, now=now))
        return [one.id for one in found]

    def kinds(self) -> list[str]:
        return sorted(movement["kind"] for movement in movements(self.ctx))

    def told(self, type: str) -> list[str]:
        return sorted(one["userId"] for one in Query(("notifications",)).filter("type", "==", type).run(self.ctx.db))

    def earned(self, uid: str = MENTOR) -> int:
        return int((self.ctx.db.get("payables", uid) or {"balancePaise": 0})["balancePaise"])

    def account(self, name: str) -> int:
        return sum(leg["amountPaise"] for one in movements(self.ctx) for leg in one["legs"] if leg["account"] == name)

    def check_books(self) -> None:
        assert reconcile(self.ctx).differences == []
        assert sum_of_all_legs(self.ctx) == 0


@pytest.fixture(scope="module")
def razorpay() -> Iterator[Running]:
    with running() as made:
        yield made


@pytest.fixture
def settings(razorpay: Running) -> Settings:
    return settings_of(razorpay[0], minute_s=60.0)


@pytest.fixture
def open_desk(razorpay: Running, settings: Settings) -> Iterator[Callable[..., Desk]]:
    """Make a desk, with settings changed as named."""
    with opening(Desk, razorpay, settings) as make:
        yield make


@pytest.fixture
def live(open_desk: Callable[..., Desk]) -> Desk:
    """With webhooks; they come at the real time."""
    return open_desk()


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    """Without webhooks, so that nothing happens at another time than the test's."""
    made = open_desk()
    made.no_webhooks()
    return made
