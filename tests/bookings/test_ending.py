"""The ends of a booking: cancelled, moved, completed; what goes back, and who gets the rest."""

from datetime import timedelta
from typing import Any

import pytest

from konnect.admin import console
from konnect.bookings import course
from konnect.context import Context
from konnect.deletion import service as deletion
from konnect.errors import KonnectError, NotFound, Unavailable
from konnect.integrations.razorpay.entities import Refund
from konnect.payments import refunds, sweeps
from konnect.payments import service as payments
from konnect.rates.service import Rates
from konnect.reconciliation.service import reconcile
from konnect.sessions import removal
from konnect.store import Doc
from tests.support import at_once, kept_tasks

from .conftest import DAY, HOUR, MENTOR, MINUTE, NOW, OTHER, SLOT, STUDENT, Desk
from .test_booking import Crash, dying

SECOND = timedelta(seconds=1)
ALL, HALF, NONE = 1000_00, 500_00, 0


def code(desk_call: Any) -> str:
    with pytest.raises(KonnectError) as refused:
        desk_call()
    return refused.value.code


class TestCancelling:
    @pytest.mark.parametrize(
        ("ahead", "student", "mentor"),
        [
            (24 * HOUR + SECOND, ALL, ALL),
            (24 * HOUR, HALF, ALL),
            (4 * HOUR, HALF, ALL),
            (4 * HOUR - SECOND, NONE, ALL),
            (SECOND, NONE, ALL),
            (timedelta(0), None, None),
            (-SECOND, None, None),
            (-30 * MINUTE, None, None),
        ],
    )
    @pytest.mark.parametrize("by", ["student", "mentor"])
    def test_the_table(
        self, desk: Desk, by: course.By, ahead: timedelta, student: int | None, mentor: int | None
    ) -> None:
        booking_id = desk.confirmed()
        back = {"student": student, "mentor": mentor}[by]
        when = SLOT - ahead
        if back is None:
            assert code(lambda: desk.cancel(booking_id, by, when)) == "TOO_LATE_TO_CANCEL"
            assert desk.booking(booking_id)["heldPaise"] == 1000_00
            return
        desk.cancel(booking_id, by, when)
        stored, kept = desk.booking(booking_id), 1000_00 - back
        assert (stored["status"], stored["statusReason"], stored["heldPaise"]) == ("cancelled", f"{by}-cancelled", 0)
        assert (stored["cancelledBy"], stored["cancelledAt"], stored["cancellationReason"]) == (by, when, "I am ill.")
        assert desk.earned() == {0: 0, HALF: 390_00, ALL: 780_00}[kept]
        assert desk.account("platform:fees") == {0: 0, HALF: 84_75, ALL: 169_49}[kept]
        assert desk.account("tax:gst") == {0: 0, HALF: 15_25, ALL: 30_51}[kept]
        assert desk.account("gateway:fees") == {0: 0, HALF: 10_00, ALL: 20_00}[kept]
        assert (stored["refund"] or {"amountPaise": 0})["amountPaise"] == back
        assert desk.terms(booking_id)["mentorPaise"] == desk.earned()
        assert desk.taken() == desk.taken(STUDENT) == []
        assert desk.told("booking_cancelled") == [STUDENT, MENTOR]
        desk.check_books()
        assert desk.send_refunds(when) == (["processed"] if back else [])
        stored = desk.booking(booking_id)
        expected = {0: "paid", HALF: "partially_refunded", ALL: "refunded"}[back]
        assert stored["payment"]["status"] == expected
        assert desk.account("gateway:razorpay") == back - 1000_00
        desk.check_books()

    def test_the_same_again_and_twenty_at_once(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        at_once(20, lambda n: desk.cancel(booking_id, ("student", "mentor")[n % 2], SLOT - 5 * HOUR))
        assert desk.booking(booking_id)["status"] == "cancelled"
        assert desk.kinds().count("booking.release") == 1
        assert len(desk.all("gatewayRefunds")) == 1
        desk.check_books()
        assert desk.cancel(booking_id, "student", SLOT + DAY)["status"] == "cancelled"

    def test_an_unpaid_one(self, desk: Desk) -> None:
        booking = desk.book()
        stored = desk.cancel(booking["id"], "student", NOW + MINUTE)
        assert (stored["status"], stored["statusReason"], stored["refund"]) == ("cancelled", "student-cancelled", None)
        assert desk.taken() == []
        assert desk.kinds() == []

    def test_a_completed_one(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        desk.complete(booking_id, SLOT)
        assert code(lambda: desk.cancel(booking_id, "mentor", SLOT)) == "SESSION_ENDED"

    def test_cancelling_and_completing_at_once(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        at_once(2, lambda n: desk.complete(booking_id, SLOT) if n else desk.cancel(booking_id, "mentor", SLOT - SECOND))
        assert desk.kinds().count("booking.settle") + desk.kinds().count("booking.release") == 1
        desk.check_books()

    def test_gst_on_the_bill(self, desk: Desk) -> None:
        row = {**Rates(gst_added_to_bill=True).fields, "from": NOW - DAY}
        desk.ctx.db.set(("config", "rates", "rows", "first"), row)
        booking_id = desk.confirmed()
        assert desk.booking(booking_id)["total"] == 1036
        desk.ctx.db.set(("config", "rates", "rows", "second"), {**Rates(50).fields, "from": NOW})
        desk.cancel(booking_id, "student", SLOT - 5 * HOUR)
        assert desk.booking(booking_id)["refund"]["amount"] == 518
        accounts = ("platform:fees", "tax:gst", "gateway:fees")
        assert (desk.earned(), *[desk.account(one) for one in accounts]) == (390_00, 100_00, 18_00, 10_00)
        desk.check_books()

    def test_a_crash_after_the_commit(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        living, desk.ctx = desk.ctx, dying(desk.ctx)
        with pytest.raises(Crash):
            desk.cancel(booking_id, "student", NOW)
        desk.ctx = living
        assert kept_tasks(desk.ctx).keyed("gateway-refund") == []
        assert sweeps.sweep(desk.ctx, {}, NOW + 10 * MINUTE)["refunds"] == 1
        assert desk.booking(booking_id)["refund"]["status"] == "processed"
        desk.check_books()


class TestRefunds:
    def cancelled(self, desk: Desk, **fault: Any) -> str:
        """A booking whose price is on its way back."""
        booking_id = desk.confirmed()
        desk.fault(webhooks={"off": True}, **fault)
        desk.cancel(booking_id, "student", NOW)
        return booking_id

    def of(self, desk: Desk) -> Doc:
        [refund] = desk.all("gatewayRefunds")
        return refund

    def at_the_bank(self, desk: Desk) -> list[Doc]:
        return list(desk._sandbox("GET", "/v1/refunds")["items"])

    def own(self, desk: Desk) -> list[Doc]:
        return [one for one in self.at_the_bank(desk) if one["payment_id"] == self.of(desk)["paymentId"]]

    def test_a_pending_one_is_asked_about(self, desk: Desk) -> None:
        booking_id = self.cancelled(desk, refunds={"outcome": "pending"})
        assert desk.send_refunds() == ["processing"]
        assert desk.send_refunds(NOW + MINUTE) == ["processing"]
        [at_the_bank] = self.own(desk)
        desk._sandbox("POST", f"/sandbox/refunds/{at_the_bank['id']}", {"outcome": "processed"})
        assert sweeps.sweep(desk.ctx, {}, NOW + DAY)["refunds"] == 1
        refund = desk.booking(booking_id)["refund"]
        assert (refund["status"], refund["razorpayRefundId"]) == ("processed", at_the_bank["id"])
        assert (self.of(desk)["heldPaise"], self.of(desk)["nextCheckAt"]) == (0, None)
        desk.check_books()

    def test_one_that_the_bank_refuses_is_made_again(self, desk: Desk) -> None:
        booking_id = self.cancelled(desk, refunds={"outcome": "pending"})
        desk.send_refunds()
        [first] = self.own(desk)
        desk._sandbox("POST", f"/sandbox/refunds/{first['id']}", {"outcome": "failed"})
        assert desk.send_refunds(NOW + HOUR) == ["pending"]
        assert self.of(desk)["failedIds"] == [first["id"]]
        desk.check_books()
        desk.no_webhooks()
        assert sweeps.sweep(desk.ctx, {}, NOW + 2 * HOUR)["refundFailures"] == 0
        assert self.of(desk)["status"] == "processed"
        assert {one["status"] for one in self.own(desk)} == {"failed", "processed"}
        # News of the first, late and again.
        news = Refund.parse({**first, "status": "failed"})
        assert desk.ctx.run(lambda tx: refunds.hear(tx, self.of(desk)["id"], news, NOW)) == "processed"
        assert desk.booking(booking_id)["refund"]["status"] == "processed"
        desk.check_books()

    def test_one_that_is_always_refused_waits_for_a_person(self, desk: Desk) -> None:
        booking_id = self.cancelled(desk, refunds={"outcome": "failed"})
        now = NOW
        for _ in range(2 * refunds.MAX_FAILED):
            desk.send_refunds(now)
            now += DAY
        assert (self.of(desk)["status"], self.of(desk)["heldPaise"]) == ("stuck", 1000_00)
        assert len(self.own(desk)) == refunds.MAX_FAILED
        desk.check_books()
        # Who then pays it back at the provider has paid this one.
        by_hand = Refund("rfnd_byhand", self.of(desk)["paymentId"], 1000_00, "processed")
        desk.ctx.run(lambda tx: payments.note_refund(tx, by_hand, now=now))
        assert self.of(desk)["heldPaise"] == 0
        assert desk.booking(booking_id)["refund"]["razorpayRefundId"] == "rfnd_byhand"
        desk.check_books()

    def test_one_that_is_stuck_is_paid_by_the_bank(self, desk: Desk) -> None:
        booking_id = self.cancelled(desk, refunds={"outcome": "failed"})
        now = NOW
        for _ in range(2 * refunds.MAX_FAILED):
            desk.send_refunds(now)
            now += DAY
        payload = {"refundId": self.of(desk)["id"], "way": "bank", "reference": "UTR7"}
        answers = [console.settle_refund(desk.ctx, payload, now) for _ in range(2)]
        assert answers[0] == answers[1]
        assert (self.of(desk)["status"], self.of(desk)["heldPaise"]) == ("processed", 0)
        booking = desk.booking(booking_id)
        assert (booking["refund"]["status"], booking["payment"]["status"]) == ("processed", "refunded")
        desk.check_books()

    def test_an_answer_that_was_lost(self, desk: Desk) -> None:
        """The provider made the refund, and we don't know: the next attempt finds it."""
        lost = {"status": 502, "path": "/v1/payments/*/refund", "times": 1, "applied": True}
        booking_id = self.cancelled(desk, api=lost)
        [task] = kept_tasks(desk.ctx).keyed("gateway-refund")
        with pytest.raises(Unavailable):
            refunds.advance(desk.ctx, task.payload["refundId"], now=NOW)
        assert desk.send_refunds() == ["processed"]
        assert len(self.own(desk)) == 1
        assert desk.booking(booking_id)["payment"]["status"] == "refunded"
        desk.check_books()

    def test_a_refusal_is_tried_again_later(self, desk: Desk) -> None:
        self.cancelled(desk, api={"status": 400, "path": "/v1/payments/*/refund", "times": 1})
        assert desk.send_refunds() == ["pending"]
        assert self.of(desk)["lastError"]
        assert sweeps.sweep(desk.ctx, {}, NOW + DAY)["refunds"] == 1
        assert self.of(desk)["status"] == "processed"
        desk.check_books()

    def test_one_that_fails_does_not_stand_before_the_others(self, desk: Desk) -> None:
        bad, good = desk.confirmed(), desk.confirmed(OTHER, scheduled_at=SLOT + DAY)
        order_id = desk.booking(bad)["payment"]["orderId"]
        desk.fault(order_id=order_id, api={"status": 503}, webhooks={"off": True})
        for number, booking_id in enumerate((bad, good)):
            desk.cancel(booking_id, "student", NOW + number * SECOND)
        assert sweeps.sweep(desk.ctx, {}, NOW + HOUR)["refundFailures"] == 1
        assert [desk.booking(one)["refund"]["status"] for one in (bad, good)] == ["processing", "processed"]
        # It is not the first again at once.
        assert sweeps.sweep(desk.ctx, {}, NOW + HOUR + MINUTE)["refunds"] == 0
        desk.check_books()

    def test_twenty_at_once_pay_back_once(self, desk: Desk) -> None:
        self.cancelled(desk)
        refund_id = self.of(desk)["id"]
        at_once(20, lambda _: refunds.advance(desk.ctx, refund_id, now=NOW))
        assert len(self.own(desk)) == 1
        assert desk.kinds().count("refund.paid") == 1
        desk.check_books()

    def test_webhooks_tell_it_in_any_order(self, live: Desk) -> None:
        from konnect import clock

        now = clock.now()
        begins = now.replace(minute=0, second=0, microsecond=0) + 3 * DAY
        booking = live.book(now=now, scheduled_at=begins)
        live.pay(booking["payment"]["orderId"])
        live.fault(refunds={"outcome": "pending"}, webhooks={"duplicate": 2})
        live.cancel(booking["id"], "mentor", now)
        assert live.send_refunds(now) == ["processing"]
        [at_the_bank] = self.own(live)
        live._sandbox("POST", f"/sandbox/refunds/{at_the_bank['id']}", {"outcome": "processed"})
        live.drain()
        assert live.booking(booking["id"])["refund"]["status"] == "processed"
        assert set(live.redeliver(order_id=booking["payment"]["orderId"], times=3, reverse=True)) == {200}
        assert live.kinds() == ["booking.pay", "booking.release", "refund.paid"]
        live.check_books()

    def test_a_failure_told_by_webhook(self, live: Desk) -> None:
        from konnect import clock

        now = clock.now()
        begins = now.replace(minute=0, second=0, microsecond=0) + 3 * DAY
        booking = live.book(now=now, scheduled_at=begins)
        live.pay(booking["payment"]["orderId"])
        live.fault(refunds={"outcome": "failed"})
        live.cancel(booking["id"], "mentor", now)
        live.send_refunds(now)
        live.drain()
        assert (self.of(live)["status"], len(self.of(live)["failedIds"])) == ("pending", 1)
        live.check_books()

    def test_one_made_by_hand_at_the_provider_is_the_platform_s(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        payment_id = desk.booking(booking_id)["payment"]["paymentId"]
        by_hand = Refund("rfnd_foreign", payment_id, 300_00, "processed")
        desk.ctx.run(lambda tx: payments.note_refund(tx, by_hand, now=NOW))
        assert desk.account("platform:adjustments") == -300_00
        assert desk.booking(booking_id)["heldPaise"] == 1000_00
        desk.check_books()

    @pytest.mark.parametrize("by_hand", [300_00, 1000_00, 999_50])
    def test_what_was_paid_back_by_hand_before_is_a_part_of_it(self, desk: Desk, by_hand: int) -> None:
        booking_id = desk.confirmed()
        payment_id = desk.booking(booking_id)["payment"]["paymentId"]
        made = desk.refund(payment_id, by_hand)
        desk.ctx.run(lambda tx: payments.note_refund(tx, Refund(made["id"], payment_id, by_hand, "processed"), now=NOW))
        assert (desk.booking(booking_id)["payment"]["status"], desk.account("platform:adjustments")) == (
            "paid",
            -by_hand,
        )
        desk.cancel(booking_id, "student", NOW)
        assert desk.send_refunds() == ["processed"]
        assert desk.send_refunds() == ["processed"]
        # Of 50 paise no refund can be made.
        kept = 50 if by_hand == 999_50 else 0
        assert desk.account("platform:adjustments") == -desk.account("gateway:razorpay") == kept
        stored = desk.booking(booking_id)
        assert (stored["refund"]["status"], stored["refund"]["amount"]) == ("processed", 1000)
        assert stored["payment"]["refundedPaise"] == 1000_00 - kept
        desk.check_books()

    def test_what_is_still_left_of_the_payment_is_asked_for_whole(self, desk: Desk) -> None:
        """Half goes back, and Razorpay has that much: what was paid back by hand stays the platform's."""
        booking_id = desk.confirmed()
        payment_id = desk.booking(booking_id)["payment"]["paymentId"]
        made = desk.refund(payment_id, 300_00)
        desk.ctx.run(lambda tx: payments.note_refund(tx, Refund(made["id"], payment_id, 300_00, "processed"), now=NOW))
        desk.cancel(booking_id, "student", SLOT - DAY)
        assert desk.send_refunds() == ["processed"]
        assert (desk.account("platform:adjustments"), desk.account("gateway:razorpay")) == (-300_00, -200_00)
        desk.check_books()

    def test_by_hand_while_ours_was_under_way(self, desk: Desk) -> None:
        """Refused, since Razorpay knew of it before we did."""
        booking_id = desk.confirmed()
        payment_id = desk.booking(booking_id)["payment"]["paymentId"]
        desk.cancel(booking_id, "student", NOW)
        made = desk.refund(payment_id, 300_00)
        assert desk.send_refunds() == ["pending"]
        desk.ctx.run(lambda tx: payments.note_refund(tx, Refund(made["id"], payment_id, 300_00, "processed"), now=NOW))
        assert sweeps.sweep(desk.ctx, {}, NOW + HOUR)["refunds"] == 1
        assert self.of(desk)["status"] == "processed"
        assert desk.account("platform:adjustments") == desk.account("gateway:razorpay") == 0
        desk.check_books()


class TestMoving:
    def test_once_and_free(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        later = SLOT + 2 * DAY
        made = desk.move(booking_id, later)
        assert (made["scheduledAt"], made["endsAt"], made["rescheduledFrom"]) == (later, later + HOUR, SLOT)
        assert desk.taken() == desk.taken(STUDENT) == [booking_id]
        assert desk.book(OTHER)["status"] == "pending"
        assert desk.move(booking_id, later)["scheduledAt"] == later
        assert code(lambda: desk.move(booking_id, later + DAY)) == "ALREADY_RESCHEDULED"
        assert desk.told("booking_confirmed") == [STUDENT, STUDENT, MENTOR, MENTOR]
        # Its old time comes and goes.
        desk.tasks_until(SLOT + 2 * HOUR)
        assert desk.booking(booking_id)["status"] == "confirmed"
        desk.tasks_until(later + 2 * HOUR)
        assert desk.booking(booking_id)["status"] == "completed"
        desk.check_books()

    def test_by_half_an_hour_into_its_own_time(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        desk.move(booking_id, SLOT + 30 * MINUTE)
        assert desk.taken() == desk.taken(STUDENT) == [booking_id]

    def test_what_is_refused(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        taken = desk.confirmed(OTHER, scheduled_at=SLOT + DAY)
        assert taken != booking_id
        for to, now, uid, expected in (
            (SLOT + 2 * DAY, SLOT - 24 * HOUR, STUDENT, "TOO_LATE_TO_RESCHEDULE"),
            (SLOT + DAY, NOW, STUDENT, "SLOT_TAKEN"),
            (SLOT + DAY + 15 * MINUTE, NOW, STUDENT, "SLOT_TAKEN"),
            (SLOT + 2 * DAY + 15 * MINUTE, NOW, STUDENT, "SLOT_NOT_OPEN"),
            (NOW - DAY, NOW, STUDENT, "SLOT_NOT_OPEN"),
            (SLOT + 2 * DAY, NOW, MENTOR, "STUDENT_ONLY"),
        ):
            assert code(lambda to=to, now=now, uid=uid: desk.move(booking_id, to, now, uid)) == expected
        assert desk.booking(booking_id)["scheduledAt"] == SLOT
        assert desk.taken(STUDENT) == [booking_id]
        assert desk.move(booking_id, SLOT + 2 * DAY, SLOT - 24 * HOUR - SECOND)["status"] == "confirmed"
        unpaid = desk.book(STUDENT, scheduled_at=SLOT + 3 * DAY)
        assert code(lambda: desk.move(unpaid["id"], SLOT + 4 * DAY)) == "NOT_CONFIRMED"

    def test_two_at_once_for_one_slot(self, desk: Desk) -> None:
        mine, other = desk.confirmed(), desk.confirmed(OTHER, scheduled_at=SLOT + DAY)
        to = SLOT + 2 * DAY
        at_once(2, lambda n: desk.move((mine, other)[n], to, NOW, (STUDENT, OTHER)[n]))
        assert sorted(desk.taken()) == sorted([mine, other])
        assert [desk.booking(one)["scheduledAt"] for one in (mine, other)].count(to) == 1


class TestCompleting:
    def test_the_mentor_is_owed_the_share(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        assert code(lambda: desk.complete(booking_id, SLOT - SECOND)) == "SESSION_NOT_STARTED"
        assert code(lambda: desk.complete(booking_id, SLOT, STUDENT)) == "MENTOR_ONLY"
        at_once(10, lambda _: desk.complete(booking_id, SLOT + 50 * MINUTE))
        stored = desk.booking(booking_id)
        assert (stored["status"], stored["isOpen"], stored["completedAt"]) == ("completed", False, SLOT + 50 * MINUTE)
        accounts = ("platform:fees", "tax:gst", "gateway:fees", "gateway:razorpay")
        assert (desk.earned(), *[desk.account(one) for one in accounts]) == (780_00, 169_49, 30_51, 20_00, -1000_00)
        assert desk.kinds() == ["booking.pay", "booking.settle"]
        assert desk.told("session_completed") == [STUDENT, MENTOR]
        desk.check_books()

    def test_by_itself_five_minutes_after_its_end(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        desk.tasks_until(SLOT)
        stored = desk.booking(booking_id)
        assert (stored["status"], stored["startedAt"]) == ("in_progress", SLOT)
        desk.tasks_until(SLOT + HOUR + 5 * MINUTE - SECOND)
        assert desk.booking(booking_id)["status"] == "in_progress"
        desk.tasks_until(SLOT + HOUR + 5 * MINUTE)
        assert desk.booking(booking_id)["status"] == "completed"
        assert desk.earned() == 780_00
        desk.check_books()

    def test_a_time_beyond_the_reach_of_one_task(self, desk: Desk) -> None:
        begins = NOW + 45 * DAY
        desk.ctx.db.set(("config", "platform"), {"bookingHorizonDays": 60})
        booking_id = desk.confirmed(scheduled_at=begins)
        assert min(task.at for task in kept_tasks(desk.ctx).keyed("booking") if task.at > NOW + DAY) == NOW + 29 * DAY
        desk.tasks_until(begins)
        assert desk.booking(booking_id)["status"] == "in_progress"

    def test_a_timer_that_is_early(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        with pytest.raises(Unavailable):
            desk.ctx.run(lambda tx: course.progress(tx, booking_id, pace=desk.pace, now=SLOT - SECOND, due=SLOT))

    def test_what_the_mentor_owes_is_taken_first(self, desk: Desk) -> None:
        from konnect.ledger import accounts
        from konnect.ledger import service as ledger
        from konnect.ledger.postings import Leg, Movement

        legs = (Leg(accounts.receivable(MENTOR), -500_00), Leg(accounts.PLATFORM_ADJUSTMENTS, 500_00))
        desk.ctx.run(lambda tx: ledger.post(tx, Movement("debt", "adjustment", legs), now=NOW))
        booking_id = desk.confirmed()
        desk.complete(booking_id, SLOT)
        assert (desk.earned(), desk.account(f"receivable:{MENTOR}")) == (280_00, 0)
        desk.check_books()


class TestAround:
    def test_reconcile_sees_what_is_wrong(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        desk.ctx.db.set(("bookings", booking_id), {"heldPaise": 1}, merge=True)
        assert any(booking_id in difference for difference in reconcile(desk.ctx).differences)
        desk.ctx.db.set(
            ("bookings", booking_id), {"heldPaise": 1000_00, "status": "completed", "isOpen": False}, merge=True
        )
        assert any("divided or returned" in difference for difference in reconcile(desk.ctx).differences)

    def test_an_account_with_an_open_booking_is_not_deleted(self, desk: Desk) -> None:
        from konnect.bookings import deletion as own

        booking_id = desk.confirmed()
        for uid in (STUDENT, MENTOR):
            [matter] = desk.ctx.run(lambda tx, uid=uid: own.open_matters(tx, uid))
            assert (matter["code"], matter["bookingId"]) == ("BOOKING_OPEN", booking_id)
        desk.cancel(booking_id, "student", NOW)
        assert desk.ctx.run(lambda tx: own.open_matters(tx, STUDENT)) == []
        own.erase(desk.ctx, STUDENT, deletion.NAME, now=NOW)
        own.erase(desk.ctx, MENTOR, deletion.NAME, now=NOW)
        stored = desk.booking(booking_id)
        assert (stored["studentName"], stored["mentorName"], stored["agenda"]) == (deletion.NAME, deletion.NAME, "")

    def test_an_expert_with_an_open_booking_is_not_removed(self, desk: Desk) -> None:
        desk.confirmed()

        def remove(ctx: Context) -> None:
            ctx.run(lambda tx: removal.remove(tx, MENTOR, by="admin", config=desk.config, now=NOW))

        assert code(lambda: remove(desk.ctx)) == "EXPERT_BUSY"
        with pytest.raises(NotFound):
            desk.ctx.run(lambda tx: removal.remove(tx, "nobody", by="admin", config=desk.config, now=NOW))
