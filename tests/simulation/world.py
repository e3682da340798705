"""The platform's people and the hostile environment: what the machine's rules act on."""

import json
from datetime import datetime, timedelta
from importlib import import_module
from itertools import count
from typing import Any

from konnect import idempotency, overdue, platform
from konnect.course_sales import enrolling
from konnect.course_sales import refund as course_refunds
from konnect.errors import KonnectError, Unavailable
from konnect.experts import service as experts
from konnect.http.routes import TASK_HANDLERS
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.payments import deposits, service, webhook
from konnect.payments import sweeps as payment_sweeps
from konnect.presence import service as presence
from konnect.sessions import attendance, offers, queue, requests, sweeps, triggers
from konnect.sessions import service as sessions
from konnect.sessions.metering import Pace
from konnect.store import Doc, Tx
from konnect.tasks import Task

from . import checks, snapshot
from .frame import Faults, Trigger, fail
from .payouts import PayoutWorld
from .provider import Webhook

USERS = ("meera", "kabir", "lena")
EXPERTS = {"asha": 1000, "ravi": 750}
"""Paise a minute."""
EVERYBODY = (*USERS, *EXPERTS)
COURSE = "sql"
_REFUSED_REFUNDS = {"ALREADY_REFUNDED", "REFUND_DIFFERS"}
TASK_EARLY = timedelta(seconds=0.4)
"""A queue's clock may be ahead of ours by this."""


class World(PayoutWorld):
    def __init__(self) -> None:
        super().__init__()
        self.pace = Pace.of(self.ctx.settings)
        self.orders: list[tuple[str, str]] = []
        """(order id, uid) of the deposits begun."""
        self.instances = ["i1", "i2"]
        self.sockets: dict[str, tuple[str, str, bool]] = {}
        """Living connections: id → (uid, instance, as expert)."""
        self._renewed_at: dict[str, datetime] = {}
        self._serial = count(1)

    # Time

    def pass_time(self, seconds: float, *, punctual: bool) -> None:
        """Let time pass; `punctual`: each task comes at its time meanwhile."""
        until = self.now + timedelta(seconds=seconds)
        while punctual and (due := [task for task in self.tasks.waiting if self.at(task) <= until]):
            task = min(due, key=self.at)
            self.now = max(self.now, self.at(task))
            self._renew_leases()
            self.deliver(task)
            self.check()
        self.now = until
        self._renew_leases()

    def _renew_leases(self) -> None:
        for instance in self.instances:
            renewed_at = self._renewed_at.get(instance)
            if renewed_at is None or self.now - renewed_at >= timedelta(seconds=presence.LEASE_RENEWAL_S):
                presence.renew(self.db, instance, now=self.now)
                self._renewed_at[instance] = self.now

    # Cloud Tasks, triggers, Cloud Scheduler

    def at(self, task: Task) -> datetime:
        return task.at or self.now

    def due(self) -> list[Task]:
        return [task for task in self.tasks.waiting if self.at(task) <= self.now + TASK_EARLY]

    def deliver(self, task: Task, *, faults: Faults = (), keep: bool = False) -> None:
        """Cloud Tasks calls the handler; unless that succeeds, or `keep`, the task stays."""
        module, _, name = TASK_HANDLERS[task.path].partition(":")
        handler = getattr(import_module(module), name)
        payload = json.loads(json.dumps(task.payload))
        what = f"task {' '.join(str(part) for part in task.key)}"
        answer = self.call(what, lambda: handler(self.ctx, payload, self.now), faults=faults)
        assert not isinstance(answer, KonnectError) or isinstance(answer, Unavailable), f"{what}: refused for ever"
        if isinstance(answer, Unavailable):
            # Let it come again a little later, as the queue's back-off would.
            self.tasks.waiting.remove(task)
            self.tasks.waiting.append(
                Task(task.path, task.key, task.payload, max(self.at(task), self.now + timedelta(seconds=1)))
            )
        elif not keep:
            self.tasks.waiting.remove(task)

    def lose(self, task: Task) -> None:
        self.log(f"task {' '.join(str(part) for part in task.key)} is lost")
        self.tasks.waiting.remove(task)

    def tell(self, trigger: Trigger, *, faults: Faults = ()) -> None:
        what = f"event {trigger.change.path} → {(trigger.change.after or {}).get('status')}"
        told = self.call(
            what, lambda: triggers.on_transaction_written(self.ctx, trigger.change, self.now), faults=faults
        )
        assert not isinstance(told, KonnectError) or isinstance(told, Unavailable), f"{what}: refused for ever"
        trigger.delivered += not isinstance(told, KonnectError)

    def sweep(self, *, faults: Faults = ()) -> None:
        answer = self.call(
            "sweep of sessions", lambda: sweeps.sweep(self.ctx, {}, self.now, clock=lambda: self.now), faults=faults
        )
        if not faults:
            assert not isinstance(answer, KonnectError), answer
            self.check()
            with self.step():
                fail(checks.overdue(self.snapshot, overdue.LATE_S))

    # Presence

    def connect(self, uid: str, instance: str, *, faults: Faults = ()) -> None:
        connection = f"c{next(self._serial)}"
        self.persist(
            f"{uid} connects to {instance}",
            lambda: self.ctx.run(
                lambda tx: attendance.connected(tx, uid, connection, instance, pace=self.pace, now=self.now)
            ),
            faults=faults,
        )
        self.sockets[connection] = (uid, instance, False)
        if uid in EXPERTS:
            answer = self.persist(f"{uid} registers as an expert", lambda: self._register(uid, connection, instance))
            self.sockets[connection] = (uid, instance, not isinstance(answer, KonnectError))

    def _register(self, uid: str, connection: str, instance: str) -> None:
        config = platform.platform_config(self.db)
        self.ctx.run(lambda tx: attendance.register_expert(tx, uid, connection, instance, config=config, now=self.now))

    def disconnect(self, connection: str, *, faults: Faults = ()) -> None:
        uid, _, _ = self.sockets.pop(connection)
        config = platform.platform_config(self.db)
        self.persist(
            f"{uid} disconnects {connection}",
            lambda: self.ctx.run(
                lambda tx: attendance.disconnected(tx, uid, [connection], config=config, pace=self.pace, now=self.now)
            ),
            faults=faults,
        )

    def crash_instance(self, dead: str) -> None:
        """An instance of signaling dies with its sockets; another takes its place."""
        self.instances = [f"{name}'" if name == dead else name for name in self.instances]
        self.sockets = {key: socket for key, socket in self.sockets.items() if socket[1] != dead}
        self.log(f"instance {dead} crashes")

    # Sessions

    def add_expert(self, uid: str, price_paise: int) -> None:
        def work(tx: Tx) -> None:
            config = platform.platform_config(self.db)
            form = {"name": uid.title(), "pricePerMinPaise": price_paise}
            experts.register(tx, uid, f"{uid}@konnect.test", form, config, now=self.now)
            tx.update(("experts", uid), {"mentorStatus": "approved"})

        self.ctx.run(work)

    def request(self, uid: str, expert_id: str, *, faults: Faults = ()) -> None:
        session_id = f"s{next(self._serial)}"
        config = platform.platform_config(self.db)

        def work(tx: Tx) -> requests.Requested:
            return requests.request(
                tx,
                uid=uid,
                name=uid.title(),
                expert_id=expert_id,
                type="chat",
                session_id=session_id,
                config=config,
                pace=self.pace,
                now=self.now,
            )

        answer = self.call(f"{uid} requests {expert_id} ({session_id})", lambda: self.ctx.run(work), faults=faults)
        if isinstance(answer, KonnectError):
            expected = {"UNAVAILABLE", "EXPERT_OFFLINE", "ALREADY_IN_SESSION", "INSUFFICIENT_BALANCE"}
            assert answer.code in expected, answer.code
        else:
            assert (answer.session is not None) != answer.waiting

    def leave_queue(self, uid: str, expert_id: str, *, faults: Faults = ()) -> None:
        self.call(
            f"{uid} leaves the queue of {expert_id}",
            lambda: self.ctx.run(lambda tx: queue.leave(tx, expert_id, uid, now=self.now)),
            faults=faults,
        )

    def end(self, session_id: str, by: str, *, faults: Faults = ()) -> None:
        answer = self.call(
            f"{by} ends {session_id}",
            lambda: self.ctx.run(lambda tx: sessions.end(tx, session_id, by=by, pace=self.pace, now=self.now)),
            faults=faults,
        )
        assert isinstance(answer, Unavailable) or answer["status"] in {"completed", "cancelled"}, answer

    def prefer(self, expert_id: str, *, faults: Faults = (), **settings: bool) -> None:
        self.persist(
            f"{expert_id} prefers {settings}",
            lambda: self.ctx.run(lambda tx: attendance.set_preferences(tx, expert_id, settings, now=self.now)),
            faults=faults,
        )

    def answer(self, session_id: str, by: str, accepted: bool, *, faults: Faults = ()) -> None:
        """The expert accepts or declines a request, maybe one that is closed by now."""

        def work(tx: Tx) -> Doc:
            if accepted:
                return offers.accept(tx, session_id, by=by, pace=self.pace, now=self.now)
            return offers.decline(tx, session_id, by=by, note=None, now=self.now)

        what = f"{by} {'accepts' if accepted else 'declines'} {session_id}"
        answer = self.call(what, lambda: self.ctx.run(work), faults=faults)
        assert isinstance(answer, Unavailable) or answer["status"] != "pending", answer

    def configure(self, **fields: Any) -> None:
        self.ctx.run(lambda tx: platform.change(tx, fields))
        self.log(f"configuration: {fields}")

    # Money in

    def deposit(self, uid: str, amount_paise: int, *, keyed: bool = False, faults: Faults = ()) -> str | None:
        """Open an order, and ask again with the same key after a 503; None if both failed."""
        key = f"d{next(self._serial)}" if keyed else None
        of = idempotency.key(uid, "deposit", key, {"amountPaise": amount_paise})
        what = f"{uid} opens an order of {amount_paise}"

        def work() -> Doc:
            return deposits.start(self.ctx, self.provider, uid, amount_paise, key=of, now=self.now)

        answer = self.call(what, work, faults=faults)
        if isinstance(answer, KonnectError):
            assert isinstance(answer, Unavailable), f"{answer.code} for a first request"
            answer = self.call(f"{what}, again", work)
        if isinstance(answer, KonnectError):
            # The first one left its reservation, which lapses after a minute.
            assert answer.code == "IN_PROGRESS", answer.code
            return None
        self.orders.append((answer["orderId"], uid))
        return str(answer["orderId"])

    def receive(self, of: Webhook, *, faults: Faults = ()) -> None:
        event = of.event
        what = f"webhook {event.id} {event.name} {event.payment.id if event.payment else ''}"
        answer = self.call(what, lambda: webhook.handle(self.ctx, event, self.now), faults=faults)
        assert not isinstance(answer, KonnectError) or isinstance(answer, Unavailable), f"{what}: {answer!r}"
        of.delivered += not isinstance(answer, KonnectError)

    def verify(self, payment_id: str, *, provider_fails: bool, faults: Faults = ()) -> None:
        payment = self.provider.payments[payment_id]
        uid = next((uid for order_id, uid in self.orders if order_id == payment.order_id), None)
        if uid is None:
            return
        self.provider.failing = provider_fails
        answer = self.call(
            f"{uid} verifies {payment_id}",
            lambda: service.verify(
                self.ctx,
                self.provider,
                uid,
                order_id=payment.order_id,
                payment_id=payment_id,
                signature=f"{payment.order_id}|{payment_id}",
                now=self.now,
            ),
            faults=faults,
        )
        if isinstance(answer, KonnectError):
            assert answer.code in {"UNAVAILABLE", "PAYMENT_FAILED"}, answer.code
        elif answer["status"] == "completed":
            assert payment_id in snapshot.take(self.db, self.now)["payments"]

    def spend_elsewhere(self, uid: str, left_paise: int) -> None:
        """Another purchase leaves this much in the wallet."""
        paise = max(0, self.snapshot["wallets"][uid]["balancePaise"] - left_paise)
        if paise:
            legs = (Leg(accounts.wallet(uid), -paise), Leg(accounts.PLATFORM_ADJUSTMENTS, paise))
            bought = Movement(f"test:{next(self._serial)}", "purchase", legs)
            self.ctx.run(lambda tx: ledger.post(tx, bought, now=self.now))
            self.log(f"{uid} spends {paise} elsewhere")

    def top_up(self, uid: str, amount_paise: int) -> None:
        """Order, payment and its webhook, at once and without a fault."""
        order_id = self.deposit(uid, amount_paise)
        assert order_id is not None
        self.provider.pay(order_id, "captured")
        self.receive(self.provider.webhooks[-2])

    def sweep_payments(self, *, provider_fails: bool = False, faults: Faults = ()) -> None:
        self.provider.failing = provider_fails
        answer = self.call("sweep of payments", lambda: payment_sweeps.sweep(self.ctx, {}, self.now), faults=faults)
        assert not isinstance(answer, KonnectError) or faults, answer

    # Courses

    def offer_course(self, uid: str, price_paise: int) -> None:
        instructor = {"id": uid, "uid": uid, "name": uid.title()}
        course = {"title": "SQL", "status": "published", "price": price_paise / 100, "pricePaise": price_paise}
        self.db.set(("courses", COURSE), {**course, "instructor": instructor, "enrolledCount": 0})

    def buy_course(self, uid: str, *, faults: Faults = ()) -> None:
        answer = self.call(
            f"{uid} buys the course",
            lambda: self.ctx.run(
                lambda tx: enrolling.enroll(tx, COURSE, uid, by_wallet=True, shown_paise=None, now=self.now)
            ),
            faults=faults,
        )
        refused = isinstance(answer, KonnectError) and not isinstance(answer, Unavailable)
        assert not refused or answer.code in {"INSUFFICIENT_BALANCE", "OWN_COURSE"}, answer  # type: ignore[union-attr]

    def refund_course(self, purchase_id: str, refund_id: str, *, faults: Faults = ()) -> None:
        given = course_refunds.Request(purchase_id, refund_id, "poor", "root")
        answer = self.persist(
            f"refund {refund_id} of a course",
            lambda: self.ctx.run(lambda tx: course_refunds.refund(tx, given, now=self.now)),
            faults=faults,
        )
        assert not isinstance(answer, KonnectError) or answer.code in _REFUSED_REFUNDS, answer

    def course_sales(self) -> list[str]:
        found = self.snapshot["coursePurchases"]
        return sorted(found, key=lambda key: (found[key]["createdAt"], found[key]["userId"]))

    # What the rules choose from

    def sessions(self) -> list[Doc]:
        """In the order they were asked for."""
        found = [{**doc, "id": key} for key, doc in self.snapshot["sessions"].items()]
        return sorted(found, key=lambda doc: (doc["createdAt"], doc["userId"], doc["expertId"]))

    def running(self) -> list[Doc]:
        return [session for session in self.sessions() if session["status"] == "in_progress"]

    def asked(self) -> list[Doc]:
        """Requests that wait for acceptance; else those that were closed."""
        found = self.sessions()
        open_ones = [session for session in found if session["status"] == "pending"]
        return open_ones or [session for session in found if session["status"] == "cancelled"]

    def sockets_of(self, uid: str) -> list[str]:
        return [connection for connection, socket in self.sockets.items() if socket[0] == uid]
