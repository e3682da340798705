"""An office: a mentor with bookings that are settled, on a project of its own; payouts are settled by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from konnect import ids
from konnect.bookings import pricing, reversal, settlement
from konnect.bookings.repository import get
from konnect.context import Context
from konnect.earnings import policy, repository, service, tasks
from konnect.earnings.service import Paid
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.payouts import service as payouts
from konnect.rates.service import Rates
from konnect.reconciliation.service import reconcile
from konnect.sessions.booked.policy import Split
from konnect.store import Doc, Query, Tx
from tests.payments.api import Api, serve
from tests.support import kept_tasks, movements, new_context, sum_of_all_legs

MENTOR, STUDENT = "ravi", "meera"
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
MONDAY = datetime(2026, 6, 7, 18, 30, tzinfo=UTC)
"""Monday 8 June 2026, 00:00 in India."""
RUN = MONDAY + 6 * HOUR
SETTLED = MONDAY - 3 * DAY
SHARE = 780_00
"""Of 1,000 INR."""
DETAILS = {
    "method": "bank_transfer",
    "bankAccount": {"accountHolder": "R", "accountNumber": "••••6789", "ifscCode": "HDFC0000053", "bankName": "HDFC"},
    "upiId": None,
    "contactId": "cont_1",
    "fundAccountId": "fa_1",
}


class Office:
    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.mentor(MENTOR)

    def mentor(self, uid: str, **fields: Any) -> None:
        self.ctx.db.set(("users", uid), {"name": uid.title(), "role": "expert", "disabled": False, **fields})
        expert = {"name": uid.title(), "firebaseUid": uid, "mentorStatus": "approved", "timeZone": "Asia/Kolkata"}
        self.ctx.db.set(("experts", uid), expert)

    def booking(
        self,
        at: datetime = SETTLED,
        *,
        price: int = 1000,
        kept: int | None = None,
        uid: str = MENTOR,
        topic: str = "Mock Interview",
        rates: Rates | None = None,
    ) -> str:
        """A booking that was settled at a time; `kept`: what a cancellation left of its price, in INR."""
        booking_id, bill = ids.crockford(8), pricing.bill(price * 100, rates or Rates())
        total_paise = bill.total_paise
        begins = at - HOUR
        booking: Doc = {
            "studentId": STUDENT,
            "studentName": "Meera",
            "mentorId": uid,
            "mentorUid": uid,
            "mentorName": uid.title(),
            "mentorSlug": None,
            "participants": [STUDENT, uid],
            "scheduledAt": begins,
            "endsAt": at,
            "duration": 60,
            "topic": topic,
            "status": "in_progress",
            "isOpen": True,
            "price": price,
            "pricePaise": price * 100,
            "total": total_paise / 100,
            "totalPaise": total_paise,
            "payablePaise": total_paise,
            "benefits": [],
            "payment": {"status": "paid", "orderId": "order_1", "paymentId": f"pay_{booking_id}", "paidAt": begins},
            "refund": None,
            "heldPaise": 0,
        }

        def pay(tx: Tx) -> None:
            tx.create(("bookings", booking_id), booking)
            parts = pricing.divide(total_paise, bill)
            terms = {**bill.rates.fields, **settlement.shares(parts, bill), "settledAt": None}
            tx.create(("bookings", booking_id, "private", "terms"), terms)
            legs = (
                Leg(accounts.GATEWAY_RAZORPAY, -total_paise),
                Leg(accounts.hold("booking", booking_id), total_paise),
            )
            subject = {"booking": booking_id, "payment": f"pay_{booking_id}"}
            ledger.post(tx, Movement(f"payment:pay_{booking_id}", "booking.pay", legs, subject), now=begins)

        def close(tx: Tx) -> None:
            kept_paise = total_paise if kept is None else kept * 100
            ended = "completed" if kept is None else "cancelled"
            settlement.close(
                tx,
                get(tx, booking_id),
                Split(kept_paise, total_paise - kept_paise),
                status=ended,
                reason=ended,
                fields={"completedAt": at},
                now=at,
            )

        self.ctx.run(pay)
        self.ctx.run(close)
        return booking_id

    def bookings(self, many: int, at: datetime = SETTLED, **fields: Any) -> list[str]:
        return [self.booking(at, **fields) for _ in range(many)]

    def give_back(self, booking_id: str, rupees: int | None = None, now: datetime = RUN) -> None:
        amount_paise = None if rupees is None else rupees * 100
        given = reversal.Request(booking_id, ids.new(), amount_paise, "not held", "root")
        self.ctx.run(lambda tx: reversal.give_back(tx, given, now=now))

    def dispute(self, booking_id: str, disputed: bool = True) -> None:
        self.ctx.run(lambda tx: tx.update(repository.terms_path(booking_id), {"disputed": disputed}))

    def owe(self, rupees: int, uid: str = MENTOR) -> None:
        legs = (Leg(accounts.receivable(uid), -rupees * 100), Leg(accounts.PLATFORM_FEES, rupees * 100))
        self.ctx.run(lambda tx: ledger.post(tx, Movement(f"owed:{ids.new()}", "test", legs), now=SETTLED))

    # Paying

    def pay(
        self, now: datetime = RUN, *, uid: str = MENTOR, minimum: int = 500, ctx: Context | None = None, **fields: Any
    ) -> Paid:
        given = {"before": policy.until(now), "minimum_paise": minimum * 100, "by_hand": True, "now": now, **fields}
        return (ctx or self.ctx).run(lambda tx: service.pay(tx, uid, **given))

    def run_tasks(self, now: datetime = RUN) -> None:
        """Each of the weekly run's tasks, once, those that they make as well."""
        done: set[str] = set()
        while waiting := [one for one in kept_tasks(self.ctx).keyed("pay-earnings") if one.name not in done]:
            for task in waiting:
                done.add(task.name)
                {tasks.PAGE: tasks.page, tasks.MENTOR: tasks.pay}[task.path](self.ctx, task.payload, now)

    def settle(self, payout_id: str | None, outcome: Any, now: datetime = RUN + HOUR) -> None:
        assert payout_id is not None
        self.ctx.run(
            lambda tx: payouts.settle_by_hand(
                tx, payout_id, outcome, by="root", reference="UTR1", reason="account closed", now=now
            )
        )

    # What there is

    def payout(self, payout_id: str | None) -> Doc:
        assert payout_id is not None
        found = self.ctx.db.get("payouts", payout_id)
        assert found is not None
        return {**found, "id": payout_id}

    def payouts(self, uid: str = MENTOR) -> list[Doc]:
        return Query(("payouts",)).filter("userId", "==", uid).run(self.ctx.db)

    def lines(self, payout_id: str | None) -> list[Doc]:
        assert payout_id is not None
        return repository.lines(repository.lines_query(payout_id).run(self.ctx.db))

    def marked(self, booking_id: str) -> str | None:
        found = self.ctx.db.get(*repository.terms_path(booking_id))
        assert found is not None
        return found["payoutId"]  # type: ignore[no-any-return]

    def payable(self, uid: str = MENTOR) -> int:
        return service.balance(self.ctx.db.get("payables", uid))

    def year(self, uid: str = MENTOR, name: str = "2026-27") -> tuple[int, int, int]:
        found = self.ctx.db.get("taxYears", f"{uid}:{name}") or {}
        return tuple(found.get(field, 0) for field in ("grossPaise", "taxedPaise", "tdsPaise"))  # type: ignore[return-value]

    def account(self, name: str) -> int:
        return sum(leg["amountPaise"] for one in movements(self.ctx) for leg in one["legs"] if leg["account"] == name)

    def told(self, uid: str = MENTOR) -> list[Doc]:
        found = Query(("notifications",)).filter("userId", "==", uid).run(self.ctx.db)
        return sorted(found, key=lambda one: str(one["type"]))

    def check_books(self) -> None:
        assert reconcile(self.ctx).differences == []
        assert sum_of_all_legs(self.ctx) == 0


@pytest.fixture
def office() -> Office:
    return Office(new_context())


@pytest.fixture
def api(office: Office) -> Iterator[Api]:
    settings = office.ctx.settings.model_copy(update={"firebase_auth_emulator_host": "127.0.0.1:1"})
    ctx = Context(settings, office.ctx.db, office.ctx.tasks, office.ctx.realtime)
    with serve(ctx) as served:
        yield served
