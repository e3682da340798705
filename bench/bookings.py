"""What bookings cost: over HTTP until they are confirmed, each step of a booking's life in reads and writes, a calendar
of 500 bookings, the sweep, an invoice."""

import random
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import requests

from konnect import clock
from konnect.bookings import checkout, course, repository, slots_endpoints, sweeps
from konnect.bookings import service as bookings
from konnect.bookings.service import Wanted
from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation
from konnect.context import Context
from konnect.experts import service as experts
from konnect.integrations.razorpay.client import gateway
from konnect.invoices import paper
from konnect.invoices import repository as invoices
from konnect.invoices import service as invoicing
from konnect.payments import refunds
from konnect.payments import service as payments
from konnect.platform import PlatformConfig
from konnect.rates.service import DEFAULT as RATES
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx, measure
from local.person import Person, make_admin, make_expert

from . import sessions
from .table import Table, median, ms, percentile

PASSWORD = "konnect-bench"
TIMEOUT_S = 30
STUDENTS, BOOKED, WARM_UP = 10, 40, 5
"""Over HTTP; a student books at most five in a minute."""
LIVES = 20
TAKEN, HORIZON_DAYS = 500, 60
CALLS = 20
OVERDUE = 60
# What a step may cost at most, in documents read and written, when nothing comes in its way.
MOST: dict[str, tuple[float, float]] = {
    "held, with an order": (20, 6),
    "verified: confirmed": (15, 12),
    "invoice written": (7, 2),
    "invoice as PDF": (0, 0),
    "begun": (3, 1),
    "completed: settled": (10, 13),
    "cancelled: released": (10, 10),
    "refunded by the sandbox": (5, 7),
    "sweep, overdue": (6.1, 4),
    "sweep, nothing to do": (2, 0),
}
ALL_DAY = [{"from": 0, "to": 1440}]
WEEK = [{"dayOfWeek": day, "slots": [{"start": "00:00", "end": "24:00"}]} for day in range(7)]


@dataclass
class Cost:
    """What a step took, and how many documents it read and wrote, each time."""

    elapsed_s: list[float] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)


Costs = dict[str, Cost]


def run(env: Mapping[str, str], logs: Path) -> list[Table]:
    tables = [_over_http(env)]
    with _without_webhooks(env):
        ctx = sessions.context({**env, "MINUTE_S": "60"}, f"demo-{uuid.uuid4().hex[:12]}")
        now = clock.now()
        for uid in ("mentor", "busy"):
            _mentor(ctx, uid, now)
        return [*tables, _lives(ctx, now), _slots(ctx, now), _sweep(ctx, now)]


# Over HTTP


def _over_http(env: Mapping[str, str]) -> Table:
    """Slot, order, checkout, verification, one after the other, each of another student than the one before."""
    admin = _person(env, "admin")
    make_admin(env, admin)
    mentor = _person(env, "mentor")
    make_expert(admin, mentor)
    mentor.call("PUT", "/api/mentors/profile", {"pricing": {"30": 600, "60": 1000}})
    mentor.call("PUT", "/api/mentors/availability", {"availability": WEEK, "timeZone": "Asia/Kolkata"})
    students = [_person(env, f"student{number}") for number in range(STUDENTS)]
    steps: dict[str, list[float]] = defaultdict(list)
    for index in range(WARM_UP + BOOKED):
        student = students[index % STUDENTS]
        times = [time.perf_counter()]
        slot = student.get(f"/api/mentors/{mentor.uid}/slots?duration=30")["items"][0]["startsAt"]
        times.append(time.perf_counter())
        body = {"mentorId": mentor.uid, "scheduledAt": slot, "duration": 30, "topic": "System Design"}
        made = student.post("/api/bookings", body)
        times.append(time.perf_counter())
        paid = student.pay(made["order"]["orderId"])
        times.append(time.perf_counter())
        answer = student.post("/api/payments/verify", paid)
        times.append(time.perf_counter())
        if answer["bookingStatus"] != "confirmed":
            raise RuntimeError(f"not confirmed: {answer}")
        if index < WARM_UP:
            continue
        names = (
            "the open slots of a week",
            "booked: held, with an order",
            "checkout (the sandbox)",
            "verify: confirmed",
        )
        for name, (before, after) in zip(names, pairwise(times), strict=True):
            steps[name].append(after - before)
        steps["booked to confirmed"].append(times[-1] - times[1])
    rows = [(name, ms(median(taken)), ms(percentile(taken, 99))) for name, taken in steps.items()]
    note = (
        f"{BOOKED} bookings of one mentor by {STUDENTS} students, one after the other, through the gateway; the "
        "sandbox's webhook comes at the same time as the verification, as Razorpay's does."
    )
    return Table("Booking", ("step", "ms", "p99"), rows, note)


def _person(env: Mapping[str, str], name: str) -> Person:
    made = Person.sign_up(env, f"{name}-{uuid.uuid4().hex[:8]}@bench.konnect.test", PASSWORD, name.title())
    made.post("/api/auth/verify")
    return made


# In this process, on a project of its own


@contextmanager
def _without_webhooks(env: Mapping[str, str]) -> Iterator[None]:
    """The stack's functions know nothing of this project's orders."""
    faults = f"{env['RAZORPAY_URL']}/sandbox/faults"
    requests.post(faults, json={"webhooks": {"off": True}}, timeout=TIMEOUT_S).raise_for_status()
    try:
        yield
    finally:
        requests.delete(faults, timeout=TIMEOUT_S).raise_for_status()


def _mentor(ctx: Context, uid: str, now: datetime) -> None:
    """One who is open at any time."""
    fields: Doc = {"name": uid.title(), "firebaseUid": uid, "mentorStatus": "approved", "available": False}
    fields |= {"timeZone": "UTC", "pricing": {"30": 600}, "pricingPaise": {"30": 600_00}}
    ctx.db.set(("experts", uid), {**fields, "createdAt": now, "updatedAt": now})
    ctx.db.set(("users", uid), {"name": uid.title(), "disabled": False})
    ctx.db.set(("availability", uid), {"weekly": {str(day): ALL_DAY for day in range(7)}})


def _wanted(ctx: Context, uid: str, at: datetime, now: datetime) -> Wanted:
    ctx.db.set(("users", uid), {"name": uid.title(), "disabled": False})
    return Wanted(
        uid=uid,
        mentor_id="mentor",
        scheduled_at=at,
        minutes=30,
        topic="System Design",
        agenda="",
        agreed=True,
        price_paise=None,
        coupon_code=None,
        package_purchase_id=None,
        candidates=repository.candidates(f"{now:%Y%m%d}"),
    )


def _lives(ctx: Context, now: datetime) -> Table:
    """Bookings from the slot to the mentor's earnings, or back to the student; and their invoices."""
    costs: Costs = defaultdict(Cost)
    first = _midnight(now) + timedelta(days=2)
    for number in range(WARM_UP + LIVES):
        _live(
            ctx,
            f"student{number}",
            first + timedelta(hours=number),
            now,
            costs if number >= WARM_UP else defaultdict(Cost),
        )
    rows = [
        (
            name,
            ms(median(cost.elapsed_s)),
            ms(percentile(cost.elapsed_s, 99)),
            str(max(cost.reads)),
            str(max(cost.writes)),
        )
        for name, cost in costs.items()
    ]
    note = (
        f"{LIVES} bookings that are held and {LIVES} that are cancelled, one after the other, called directly; hold, "
        "verify and refund with their round trips to the sandbox. Triggers (mails, statistics, search) come on top."
    )
    return Table("A booking's life", ("step", "ms", "p99", "reads", "writes"), rows, note, _too_many(costs))


def _live(ctx: Context, uid: str, at: datetime, now: datetime, costs: Costs) -> None:
    gate, pace = gateway(ctx.settings), Pace.of(ctx.settings)

    def confirmed(scheduled_at: datetime) -> str:
        wanted = _wanted(ctx, uid, scheduled_at, now)
        booking, order = _costs(
            costs, "held, with an order", lambda: checkout.start(ctx, gate, wanted, key=None, now=now)
        )
        paid = _pay(ctx, order["orderId"])
        fields = {name.removeprefix("razorpay_"): value for name, value in paid.items()}
        _costs(costs, "verified: confirmed", lambda: payments.verify(ctx, gate, uid, **fields, now=now))
        return str(booking["id"])

    def invoiced(booking_id: str) -> None:
        payment_id = ctx.db.get("bookings", booking_id)["payment"]["paymentId"]  # type: ignore[index]
        issue = partial(invoicing.issue, payment_id=payment_id, config=PlatformConfig(), now=now)
        _costs(costs, "invoice written", lambda: ctx.run(issue))
        invoice = ctx.run(lambda tx: invoices.find(tx, payment_id))
        assert invoice is not None
        _costs(costs, "invoice as PDF", lambda: paper.pdf(invoice))

    held = confirmed(at)
    invoiced(held)
    begin = partial(course.progress, booking_id=held, pace=pace, now=at)
    _costs(costs, "begun", lambda: ctx.run(begin))
    _costs(costs, "completed: settled", lambda: ctx.run(lambda tx: _complete(tx, held, at + timedelta(minutes=30))))
    called_off = confirmed(at + timedelta(days=20))
    _costs(costs, "cancelled: released", lambda: ctx.run(lambda tx: _cancel(tx, called_off, pace, now)))
    refund_id = ctx.db.get("bookings", called_off)["refund"]["id"]  # type: ignore[index]
    status = _costs(costs, "refunded by the sandbox", lambda: refunds.advance(ctx, refund_id, now=now))
    ended = [(ctx.db.get("bookings", one) or {}).get("status") for one in (held, called_off)]
    if (*ended, status) != ("completed", "cancelled", "processed"):
        raise RuntimeError(f"something else was measured: {ended}, {status}")


def _complete(tx: Tx, booking_id: str, now: datetime) -> Doc:
    return course.complete(tx, repository.get(tx, booking_id), "mentor", now=now)


def _cancel(tx: Tx, booking_id: str, pace: Pace, now: datetime) -> Doc:
    return course.cancel(tx, repository.get(tx, booking_id), "student", reason="I am ill.", pace=pace, now=now)


def _pay(ctx: Context, order_id: str) -> dict[str, str]:
    url = f"{ctx.settings.razorpay_url}/sandbox/orders/{order_id}/pay"
    paid = requests.post(url, json={"outcome": "captured"}, timeout=TIMEOUT_S)
    paid.raise_for_status()
    return dict(paid.json())


# A full calendar


def _slots(ctx: Context, now: datetime) -> Table:
    """The open times of two mentors, of whom one is booked TAKEN times."""
    rng, first = random.Random(1), _midnight(now) + timedelta(days=1)
    blocks = rng.sample(range((HORIZON_DAYS - 2) * 48), TAKEN)

    def reserve(index: int) -> None:
        begins = first + timedelta(minutes=30 * blocks[index])
        taken = Reservation(f"b{index}", begins, begins + timedelta(minutes=30), "booking")
        ctx.run(lambda tx: calendar.reserve(tx, ["busy"], taken, now=now))

    sessions.together(reserve, TAKEN)
    rows, failures = [], []
    for days in (7, 62):
        for uid, count in (("mentor", 0), ("busy", TAKEN)):
            cost, found = _shown(ctx, uid, days, now)
            name = f"{days} days, {count} bookings" if count else f"{days} days, none"
            reads = max(cost.reads)
            rows.append((name, ms(median(cost.elapsed_s)), ms(percentile(cost.elapsed_s, 99)), str(found), str(reads)))
            # The profile, the rules, the calendar's days with one more at the end, and what runs at this moment.
            if reads > min(days, HORIZON_DAYS) + 6:
                failures.append(f"slots, {name}: {reads} reads; at most {min(days, HORIZON_DAYS) + 6} are allowed")
    note = f"`GET /api/mentors/{{id}}/slots` without HTTP, {CALLS} calls each; a horizon of {HORIZON_DAYS} days."
    return Table("Open slots", ("calendar", "ms", "p99", "open slots", "reads"), rows, note, failures)


def _shown(ctx: Context, uid: str, days: int, now: datetime) -> tuple[Cost, int]:
    costs: Costs = defaultdict(Cost)
    pace, ends = Pace.of(ctx.settings), _midnight(now) + timedelta(days=days)

    def find(tx: Tx) -> list[datetime]:
        expert = experts.get(tx, uid)
        length, horizon = timedelta(minutes=30), timedelta(days=HORIZON_DAYS)
        return slots_endpoints.open_times(tx, expert, now, ends, length, horizon, PlatformConfig(), pace, now)

    found: list[datetime] = []
    for _ in range(CALLS):
        found = _costs(costs, "shown", lambda: ctx.run(find))
    return costs["shown"], len(found)


# The sweep


def _sweep(ctx: Context, now: datetime) -> Table:
    """Holds that nobody has paid for, and whose tasks were lost."""
    first, pace = _midnight(now) + timedelta(days=10), Pace.of(ctx.settings)

    def hold(index: int) -> None:
        wanted = _wanted(ctx, f"late{index}", first + timedelta(minutes=30 * index), now)
        ctx.run(lambda tx: bookings.hold(tx, wanted, RATES, held=0, config=PlatformConfig(), pace=pace, now=now))

    sessions.together(hold, OVERDUE)
    later, costs = now + timedelta(minutes=20), defaultdict(Cost)
    answers = [
        _costs(costs, name, lambda: sweeps.sweep(ctx, {}, later, clock=lambda: later))
        for name in ("overdue", "nothing to do")
    ]
    if [(one["bookings"], one["failures"]) for one in answers] != [(OVERDUE, 0), (0, 0)]:
        raise RuntimeError(f"something else was measured: {answers}")
    rows, failures = [], []
    for (name, cost), count in zip(costs.items(), (OVERDUE, 1), strict=True):
        each = (cost.reads[0] / count, cost.writes[0] / count)
        rows.append((name, ms(cost.elapsed_s[0]), ms(cost.elapsed_s[0] / count), f"{each[0]:.1f}", f"{each[1]:.1f}"))
        failures += _more(f"sweep, {name}", *each)
    note = f"`sweep_bookings` over {OVERDUE} holds that have lapsed, then again."
    return Table("Sweep of bookings", ("sweep", "ms", "ms each", "reads each", "writes each"), rows, note, failures)


# What is common


def _costs(costs: Costs, name: str, work: Callable[[], Any]) -> Any:
    with measure() as usage:
        started = time.perf_counter()
        result = work()
        costs[name].elapsed_s.append(time.perf_counter() - started)
    costs[name].reads.append(usage.reads)
    costs[name].writes.append(usage.writes)
    return result


def _too_many(costs: Costs) -> list[str]:
    return [failure for name, cost in costs.items() for failure in _more(name, max(cost.reads), max(cost.writes))]


def _more(name: str, reads: float, writes: float) -> list[str]:
    most = MOST[name]
    if reads <= most[0] and writes <= most[1]:
        return []
    return [f"{name}: {reads:g} reads and {writes:g} writes; at most {most[0]} and {most[1]} are allowed"]


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
