"""Holding a slot and paying for it: once, whoever asks how often, early, late or at the same moment."""

import re
from datetime import timedelta
from typing import Any

import pytest

from konnect import ids
from konnect.bookings import checkout, service, sweeps
from konnect.context import Context
from konnect.errors import BadRequest, Conflict, KonnectError, NotFound
from konnect.integrations.razorpay.entities import Payment
from konnect.payments import service as payments
from konnect.rates.service import Rates, of_mentor
from konnect.store import Doc, Emit
from konnect.tasks import Task
from tests.support import at_once, kept_tasks

from .conftest import DAY, HOUR, MENTOR, MINUTE, NOW, OTHER, SLOT, STUDENT, Desk


class Crash(Exception):
    """The process is gone."""


class Dying(Context):
    """Commits, and dies before anything follows."""

    def flush(self, tasks: list[Task], emits: list[Emit]) -> None:
        raise Crash


def dying(ctx: Context) -> Context:
    return Dying(ctx.settings, ctx.db, ctx.tasks, ctx.realtime)


def code_of(error: Exception | Any) -> str:
    return error.code if isinstance(error, KonnectError) else repr(error)


class TestHolding:
    def test_the_slot_is_held_and_an_order_is_open(self, desk: Desk) -> None:
        wanted = desk.wanted(agenda="Graphs", price_paise=1000_00)
        booking, order = checkout.start(desk.ctx, desk.gateway, wanted, key=None, now=NOW)
        assert re.fullmatch(r"GRP-20260601-[0-9A-HJKMNP-TV-Z]{3}", booking["id"])
        stored = desk.booking(booking["id"])
        expected = {
            "studentId": STUDENT,
            "studentName": "Meera",
            "mentorId": MENTOR,
            "mentorUid": MENTOR,
            "mentorName": "Ravi",
            "participants": [STUDENT, MENTOR],
            "scheduledAt": SLOT,
            "endsAt": SLOT + HOUR,
            "duration": 60,
            "agenda": "Graphs",
            "policyAgreedAt": NOW,
            "status": "pending",
            "isOpen": True,
            "heldUntil": NOW + 10 * MINUTE,
            "price": 1000,
            "total": 1000,
            "heldPaise": 0,
        }
        assert {name: stored[name] for name in expected} == expected
        terms = desk.terms(booking["id"])
        shares = ("mentorPaise", "commissionPaise", "gstPaise", "gatewayFeePaise", "commissionPercent")
        assert [terms[name] for name in shares] == [780_00, 200_00, 30_51, 20_00, 20]
        assert order == {
            "bookingId": booking["id"],
            "status": "pending",
            "orderId": stored["payment"]["orderId"],
            "receipt": booking["id"],
            "amount": 1000,
            "amountPaise": 1000_00,
            "currency": "INR",
            "keyId": desk.gateway.key_id,
            "customerId": None,
            "expiresAt": NOW + 10 * MINUTE,
        }
        assert desk.order(order["orderId"])["purpose"] == {
            "kind": "booking",
            "uid": STUDENT,
            "bookingId": booking["id"],
        }
        assert desk.taken(MENTOR) == desk.taken(STUDENT) == [booking["id"]]
        [task] = kept_tasks(desk.ctx).keyed("booking", booking["id"])
        assert task.at == NOW + 10 * MINUTE
        desk.check_books()

    def test_the_same_again_is_the_same_while_it_is_held(self, desk: Desk) -> None:
        first = desk.book()
        again = desk.book(now=NOW + 9 * MINUTE, agenda="Trees")
        assert (again["id"], again["payment"]) == (first["id"], first["payment"])
        assert desk.booking(first["id"])["agenda"] == "Trees"
        assert len(desk.all("orders")) == 1
        assert desk.book(now=NOW + 10 * MINUTE)["id"] != first["id"]

    def test_twenty_at_once_by_one_student_are_one(self, desk: Desk) -> None:
        made = at_once(20, lambda _: desk.book()["id"])
        assert len({str(one) for one in made}) == 1, made
        assert len(desk.all("orders")) == 1
        desk.check_books()

    def test_a_hundred_at_once_for_one_slot_are_one(self, desk: Desk) -> None:
        for n in range(100):
            desk.person(f"s{n}")

        def hold(n: int) -> str:
            # Some want the hour, some the half that it ends with.
            half = {"minutes": 30, "scheduled_at": SLOT + 30 * MINUTE} if n % 2 else {}
            wanted = desk.wanted(f"s{n}", **half)
            made = desk.ctx.run(
                lambda tx: service.hold(tx, wanted, Rates(), held=0, config=desk.config, pace=desk.pace, now=NOW)
            )
            return str(made[0]["id"])

        made = at_once(100, hold)
        [won] = [one for one in made if isinstance(one, str)]
        assert {code_of(one) for one in made if not isinstance(one, str)} == {"SLOT_TAKEN"}
        assert [booking["id"] for booking in desk.all("bookings")] == [won] == desk.taken()

    def test_two_mentors_at_once_for_one_student(self, desk: Desk) -> None:
        desk.mentor_of("asha")
        made = at_once(2, lambda n: desk.book(mentor_id=(MENTOR, "asha")[n], scheduled_at=SLOT + 30 * n * MINUTE)["id"])
        assert [code_of(one) for one in made if not isinstance(one, str)] == ["SLOT_TAKEN"]

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"scheduled_at": SLOT + 15 * MINUTE}, "SLOT_NOT_OPEN"),
            ({"scheduled_at": NOW + HOUR}, "SLOT_NOT_OPEN"),
            ({"scheduled_at": NOW - DAY}, "SLOT_NOT_OPEN"),
            ({"scheduled_at": NOW + 60 * DAY}, "SLOT_NOT_OPEN"),
            ({"price_paise": 900_00}, "PRICE_CHANGED"),
            ({"mentor_id": "nobody"}, "EXPERT_NOT_FOUND"),
            ({"topic": "Cooking"}, "INVALID_INPUT"),
            ({"uid": MENTOR}, "INVALID_INPUT"),
        ],
    )
    def test_what_is_refused(self, desk: Desk, fields: dict[str, Any], code: str) -> None:
        with pytest.raises(KonnectError) as refused:
            desk.book(**fields)
        assert refused.value.code == code
        assert desk.all("bookings") == desk.all("orders") == []
        assert desk.taken() == desk.taken(STUDENT) == []

    @pytest.mark.parametrize("change", [{"acceptsBookings": False}, {"pricingPaise": {}}, {"firebaseUid": None}])
    def test_a_mentor_who_can_t_be_booked(self, desk: Desk, change: Doc) -> None:
        desk.ctx.db.set(("experts", MENTOR), change, merge=True)
        if "pricingPaise" in change:
            desk.ctx.run(lambda tx: tx.update(("experts", MENTOR), change))
        with pytest.raises(Conflict) as refused:
            desk.book()
        assert refused.value.code == "NOT_ACCEPTING_BOOKINGS"

    def test_a_length_without_a_price(self, desk: Desk) -> None:
        desk.ctx.run(lambda tx: tx.update(("experts", MENTOR), {"pricingPaise": {"30": 600_00}}))
        with pytest.raises(BadRequest) as refused:
            desk.book()
        assert refused.value.details[0]["field"] == "duration"
        assert desk.book(minutes=30)["price"] == 600

    def test_a_mentor_s_own_topics(self, desk: Desk) -> None:
        desk.ctx.db.set(("experts", MENTOR), {"topics": ["Cooking"]}, merge=True)
        assert desk.book(topic="Cooking")["topic"] == "Cooking"
        assert desk.book(topic="Custom", scheduled_at=SLOT + HOUR)["topic"] == "Custom"

    def test_three_unpaid_are_enough(self, desk: Desk) -> None:
        for n in range(3):
            desk.book(scheduled_at=SLOT + n * HOUR)
        with pytest.raises(Conflict) as refused:
            desk.book(scheduled_at=SLOT + 3 * HOUR)
        assert refused.value.code == "TOO_MANY_UNPAID"
        assert desk.book(scheduled_at=SLOT)["status"] == "pending"

    def test_a_new_mentor_s_commission_is_waived(self, desk: Desk) -> None:
        rates = Rates(new_mentor_free_days=30)
        expert = {"createdAt": NOW - 30 * DAY + MINUTE}
        assert of_mentor(rates, expert, NOW).commission_percent == 0
        assert of_mentor(rates, expert, NOW + MINUTE).commission_percent == 20

    def test_when_the_provider_fails_the_slot_is_free_again(self, desk: Desk) -> None:
        desk.fault(webhooks={"off": True}, api={"status": 503, "path": "/v1/orders", "times": 2})
        with pytest.raises(KonnectError):
            desk.book()
        assert desk.taken() == desk.taken(STUDENT) == []
        assert [(one["status"], one["statusReason"]) for one in desk.all("bookings")] == [
            ("cancelled", "payment-unavailable")
        ]
        desk.no_webhooks()
        assert desk.book()["status"] == "pending"

    def test_a_crash_before_the_order_is_made_good_by_the_repeat(self, desk: Desk) -> None:
        with pytest.raises(Crash):
            desk.book(ctx=dying(desk.ctx))
        [left] = desk.all("bookings")
        assert left["payment"]["orderId"] is None
        again = desk.book()
        assert again["id"] == left["id"]
        assert again["payment"]["orderId"] is not None
        assert kept_tasks(desk.ctx).keyed("booking", again["id"])

    def test_the_order_again(self, desk: Desk) -> None:
        booking = desk.book()
        answered = at_once(
            5, lambda _: checkout.open_order(desk.ctx, desk.gateway, booking["id"], STUDENT, now=NOW)[1]["orderId"]
        )
        assert set(answered) == {booking["payment"]["orderId"]}
        for uid, now, code in (
            (MENTOR, NOW, "NOT_PAYABLE"),
            (OTHER, NOW, "NOT_A_PARTICIPANT"),
            (STUDENT, NOW + 10 * MINUTE, "HOLD_EXPIRED"),
        ):
            with pytest.raises(KonnectError) as refused:
                checkout.open_order(desk.ctx, desk.gateway, booking["id"], uid, now=now)
            assert refused.value.code == code
        with pytest.raises(NotFound):
            checkout.open_order(desk.ctx, desk.gateway, "GRP-1", STUDENT, now=NOW)


class TestPaying:
    def test_a_payment_confirms(self, desk: Desk) -> None:
        booking = desk.book()
        paid = desk.pay(booking["payment"]["orderId"])
        answer = desk.settle(paid, now=NOW + 5 * MINUTE)
        assert (answer["status"], answer["bookingId"], answer["bookingStatus"]) == (
            "completed",
            booking["id"],
            "confirmed",
        )
        stored = desk.booking(booking["id"])
        assert (stored["status"], stored["heldPaise"], stored["heldUntil"]) == ("confirmed", 1000_00, None)
        assert stored["payment"] == {
            "status": "paid",
            "orderId": paid.order_id,
            "paymentId": paid.payment_id,
            "paidAt": NOW + 5 * MINUTE,
        }
        assert desk.kinds() == ["booking.pay"]
        assert desk.told("booking_confirmed") == [STUDENT, MENTOR]
        assert desk.told("payment_received") == [MENTOR]
        # The end of the hold finds it paid.
        desk.tasks_until(NOW + 10 * MINUTE)
        assert desk.booking(booking["id"])["status"] == "confirmed"
        assert desk.taken(MENTOR, NOW + HOUR) == [booking["id"]]
        desk.check_books()

    def test_twenty_at_once_confirm_once(self, desk: Desk) -> None:
        booking = desk.book()
        paid = desk.pay(booking["payment"]["orderId"])
        answers = at_once(20, lambda _: desk.settle(paid)["bookingStatus"])
        assert set(answers) == {"confirmed"}
        assert desk.kinds() == ["booking.pay"]
        assert desk.told("booking_confirmed") == [STUDENT, MENTOR]
        desk.check_books()

    def test_a_crash_after_the_commit_is_made_good_by_the_sweep(self, desk: Desk) -> None:
        booking = desk.book()
        paid = desk.pay(booking["payment"]["orderId"])
        order = {**desk.order(paid.order_id), "id": paid.order_id}
        payment = desk.gateway.fetch_payment(paid.payment_id)
        with pytest.raises(Crash):
            payments.collect(dying(desk.ctx), desk.gateway, order, payment, now=NOW)
        kept_tasks(desk.ctx).by_name.clear()
        assert desk.booking(booking["id"])["status"] == "confirmed"
        late = SLOT + 2 * HOUR
        assert sweeps.sweep(desk.ctx, {}, late, clock=lambda: late) == {"bookings": 1, "failures": 0}
        desk.tasks_until(late)
        assert desk.booking(booking["id"])["status"] == "completed"
        desk.check_books()

    def test_not_paid_in_time_the_slot_is_free(self, desk: Desk) -> None:
        booking = desk.book()
        desk.tasks_until(NOW + 10 * MINUTE)
        stored = desk.booking(booking["id"])
        assert (stored["status"], stored["statusReason"], stored["isOpen"]) == ("cancelled", "expired", False)
        assert desk.taken() == desk.taken(STUDENT) == []
        assert desk.book(OTHER, now=NOW + 10 * MINUTE)["status"] == "pending"

    def test_a_failed_payment_can_be_repeated_until_then(self, desk: Desk) -> None:
        booking = desk.book()
        failed = desk.pay(booking["payment"]["orderId"], "failed")
        desk.ctx.run(lambda tx: payments.note_failure(tx, desk.gateway.fetch_payment(failed.payment_id), now=NOW))
        assert desk.booking(booking["id"])["status"] == "pending"
        desk.progress(booking["id"], NOW + 10 * MINUTE)
        stored = desk.booking(booking["id"])
        assert (stored["statusReason"], stored["payment"]["status"]) == ("payment-failed", "failed")

    @pytest.mark.parametrize("noticed", [True, False])
    def test_a_late_payment_is_seated_if_the_slot_is_free(self, desk: Desk, noticed: bool) -> None:
        booking = desk.book()
        paid = desk.pay(booking["payment"]["orderId"])
        late = NOW + HOUR
        if noticed:
            desk.progress(booking["id"], late)
        assert desk.settle(paid, now=late)["bookingStatus"] == "confirmed"
        stored = desk.booking(booking["id"])
        assert (stored["isOpen"], stored["statusReason"], stored["cancelledAt"]) == (True, None, None)
        assert desk.taken(MENTOR, late) == desk.taken(STUDENT, late) == [booking["id"]]
        desk.check_books()

    @pytest.mark.parametrize("noticed", [True, False])
    def test_a_late_payment_for_a_slot_that_is_taken_goes_back(self, desk: Desk, noticed: bool) -> None:
        booking = desk.book()
        paid = desk.pay(booking["payment"]["orderId"])
        late = NOW + 11 * MINUTE
        if noticed:
            desk.progress(booking["id"], late)
        other = desk.confirmed(OTHER, now=late)
        assert desk.settle(paid, now=late)["bookingStatus"] == "cancelled"
        stored = desk.booking(booking["id"])
        assert (stored["status"], stored["statusReason"], stored["heldPaise"]) == ("cancelled", "expired", 0)
        assert (stored["refund"]["status"], stored["refund"]["amount"]) == ("processing", 1000)
        desk.check_books()
        desk.send_refunds()
        stored = desk.booking(booking["id"])
        assert (stored["refund"]["status"], stored["payment"]["status"]) == ("processed", "refunded")
        assert desk.kinds() == ["booking.pay", "booking.unused", "refund.paid"]
        assert desk.account("gateway:razorpay") == -1000_00
        assert desk.taken(MENTOR, late) == [other]
        # Of the lapse once it was noticed, and of the money.
        assert desk.told("booking_cancelled") == [STUDENT] * (1 + noticed)
        desk.check_books()

    @pytest.mark.parametrize(
        "change",
        [
            lambda desk: desk.ctx.db.set(("users", MENTOR), {"disabled": True}),
            lambda desk: desk.ctx.db.set(("experts", MENTOR), {"acceptsBookings": False}, merge=True),
            lambda desk: desk.ctx.db.set(("availability", MENTOR), {"weekly": {}}),
        ],
    )
    def test_a_late_payment_for_a_mentor_who_is_not_there_any_more_goes_back(self, desk: Desk, change: Any) -> None:
        booking = desk.book()
        paid = desk.pay(booking["payment"]["orderId"])
        desk.progress(booking["id"], NOW + 10 * MINUTE)
        change(desk)
        assert desk.settle(paid, now=NOW + HOUR)["bookingStatus"] == "cancelled"
        assert desk.booking(booking["id"])["refund"]["amount"] == 1000
        desk.check_books()

    def test_a_payment_after_the_time_has_passed_goes_back(self, desk: Desk) -> None:
        booking = desk.book()
        paid = desk.pay(booking["payment"]["orderId"])
        assert desk.settle(paid, now=SLOT + MINUTE)["bookingStatus"] == "cancelled"
        desk.check_books()

    def test_a_payment_for_what_was_cancelled_goes_back(self, desk: Desk) -> None:
        booking = desk.book()
        paid = desk.pay(booking["payment"]["orderId"])
        desk.cancel(booking["id"], "student", NOW + MINUTE)
        assert desk.settle(paid, now=NOW + 2 * MINUTE)["bookingStatus"] == "cancelled"
        assert desk.booking(booking["id"])["statusReason"] == "student-cancelled"
        assert desk.taken(MENTOR) == []
        desk.check_books()

    def test_a_second_payment_goes_back(self, desk: Desk) -> None:
        booking_id = desk.confirmed()
        stored = desk.booking(booking_id)
        again = Payment(f"pay_{ids.new()[:14]}", stored["payment"]["orderId"], 1000_00, "INR", "captured")
        outcome = desk.ctx.run(lambda tx: payments.capture(tx, again, now=NOW))
        assert outcome == "credited"
        assert desk.booking(booking_id)["payment"] == stored["payment"]
        assert desk.booking(booking_id)["refund"] is None
        assert desk.kinds() == ["booking.pay", "booking.unused"]
        [refund] = desk.all("gatewayRefunds")
        assert (refund["paymentId"], refund["heldPaise"]) == (again.id, 1000_00)
        desk.check_books()

    def test_payment_and_expiry_at_once(self, desk: Desk) -> None:
        """Whoever is first, the student has the slot or the money, and nobody has both."""
        for n in range(4):
            begins = SLOT + n * HOUR
            booking = desk.book(scheduled_at=begins)
            paid, late = desk.pay(booking["payment"]["orderId"]), NOW + 10 * MINUTE

            def one(
                index: int, booking_id: str = booking["id"], paid: Any = paid, late: Any = late, begins: Any = begins
            ) -> object:
                if index == 0:
                    return desk.progress(booking_id, late)
                if index == 1:
                    return desk.settle(paid, now=late)
                return desk.book(OTHER, now=late, scheduled_at=begins)

            outcomes = at_once(3, one)
            stored = desk.booking(booking["id"])
            won = not isinstance(outcomes[2], Exception)
            assert isinstance(outcomes[1], dict), outcomes
            assert stored["status"] == ("cancelled" if won else "confirmed")
            assert stored["heldPaise"] == (0 if won else 1000_00)
            if won:
                assert stored["refund"]["amount"] == 1000
                desk.cancel(outcomes[2]["id"], "student", late)  # type: ignore[index]
            desk.check_books()

    def test_a_webhook_alone_confirms(self, live: Desk) -> None:
        from konnect import clock

        now = clock.now()
        begins = now.replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
        booking = live.book(now=now, scheduled_at=begins)
        live.pay(booking["payment"]["orderId"])
        assert live.booking(booking["id"])["status"] == "confirmed"
        assert live.outcomes(booking["payment"]["orderId"]) == ["credited", "pending", "repeat"]
        assert set(live.redeliver(order_id=booking["payment"]["orderId"], times=5)) == {200}
        assert live.kinds() == ["booking.pay"]
        live.check_books()


def test_an_account_that_is_closed_is_booked_for_nothing(desk: Desk) -> None:
    from konnect.bookings import tasks

    paid, unpaid = desk.confirmed(), desk.book(OTHER, scheduled_at=SLOT + HOUR)["id"]
    desk.ctx.run(lambda tx: tasks.schedule_cancelling(tx, MENTOR, now=NOW))
    [task] = kept_tasks(desk.ctx).keyed("cancel-bookings", MENTOR)
    tasks.cancel_all(desk.ctx, task.payload, SLOT - HOUR)
    assert [desk.booking(one)["statusReason"] for one in (paid, unpaid)] == ["admin-cancelled"] * 2
    assert desk.booking(paid)["refund"]["amount"] == 1000
    assert desk.taken() == []
    desk.check_books()


def test_ids_that_are_taken_are_passed_over(desk: Desk) -> None:
    first = desk.book(candidates=["GRP-20260601-AAA"])
    second = desk.book(OTHER, scheduled_at=SLOT + HOUR, candidates=["GRP-20260601-AAA", "GRP-20260601-BBBBB"])
    assert [first["id"], second["id"]] == ["GRP-20260601-AAA", "GRP-20260601-BBBBB"]


def test_no_booking_runs_into_a_session_by_the_minute(desk: Desk) -> None:
    desk.ctx.db.set(
        ("availability", MENTOR), {"weekly": {str(day): [{"from": 0, "to": 1440}] for day in range(7)}, "noticeMins": 0}
    )
    desk.ctx.db.set(("claims", f"expert:{MENTOR}"), {"sessions": ["s1"]})
    desk.ctx.db.set(("sessions", "s1"), {"mode": "perMinute", "startedAt": NOW, "maxMinutes": 120})
    with pytest.raises(Conflict) as refused:
        desk.book(scheduled_at=NOW + 2 * HOUR)
    assert refused.value.code == "EXPERT_BUSY"
    assert desk.book(scheduled_at=NOW + 2.5 * HOUR)["status"] == "pending"
