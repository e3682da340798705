"""Coupons: what one takes off, that each use is counted once, and what becomes of it at the ends of a booking."""

from datetime import timedelta
from typing import Any

import pytest
from google.cloud.firestore import DELETE_FIELD

from konnect import ids
from konnect.bookings import checkout, reversal, service
from konnect.coupons import repository
from konnect.errors import KonnectError
from konnect.integrations.razorpay.entities import Payment
from konnect.payments import service as payments
from konnect.rates.service import Rates
from konnect.store import Doc
from tests.support import at_once

from .conftest import DAY, HOUR, MENTOR, MINUTE, NOW, OTHER, SLOT, STUDENT, Desk
from .test_booking import Crash, code_of, dying

LATE = NOW + 10 * MINUTE
PROMOTIONS = "platform:promotions"


def coupon(desk: Desk, code: str = "OFF20", **fields: Any) -> None:
    rules: Doc = {
        "percent": 20,
        "amountPaise": None,
        "maxDiscountPaise": None,
        "minPricePaise": 0,
        "startsAt": None,
        "endsAt": None,
        "maxUses": None,
        "maxUsesPerUser": 1,
        "mentorIds": None,
        "firstBookingOnly": False,
        "isActive": True,
        **fields,
    }
    if rules["amountPaise"] is not None:
        rules["percent"] = None
    made: Doc = {"code": code, "key": key(code), **rules, "uses": 0, "createdAt": NOW, "updatedAt": NOW}
    desk.ctx.db.set(("coupons", code), made)
    desk.ctx.db.set(("couponKeys", key(code)), {"code": code})


def key(code: str) -> str:
    """What bookings name it by."""
    return ids.digest(code)


def uses(desk: Desk, code: str = "OFF20") -> int:
    found = desk.ctx.db.get("coupons", code)
    assert found is not None
    counted = [one for one in desk.all("couponUses") if one["code"] == code]
    assert len(counted) == sum(one["uses"] for one in desk.all("couponUsers") if one["code"] == code)
    assert len(counted) == repository.uses(desk.ctx.db, found)
    return len(counted)


def confirmed(desk: Desk, code: str = "OFF20", **fields: Any) -> str:
    return desk.confirmed(coupon_code=code, **fields)


def refused(desk: Desk, **fields: Any) -> str:
    with pytest.raises(KonnectError) as error:
        desk.book(**{"coupon_code": "OFF20", **fields})
    return error.value.code


class TestWhatItGives:
    def test_a_percentage(self, desk: Desk) -> None:
        coupon(desk)
        booking, order = checkout.start(
            desk.ctx, desk.gateway, desk.wanted(coupon_code="OFF20", price_paise=800_00), key=None, now=NOW
        )
        assert booking["benefits"] == [
            {
                "kind": "coupon",
                "id": key("OFF20"),
                "amount": 200,
                "amountPaise": 200_00,
                "label": "Coupon of 20 %",
            }
        ]
        # The mentor reads the booking, and the code is not theirs to give on.
        assert "OFF20" not in str(desk.booking(booking["id"]))
        assert (booking["price"], booking["total"], booking["payable"]) == (1000, 1000, 800)
        assert order is not None
        assert (order["amount"], desk.order(order["orderId"])["amountPaise"]) == (800, 800_00)
        assert uses(desk) == 1
        desk.settle(desk.pay(order["orderId"]))
        assert desk.booking(booking["id"])["heldPaise"] == 1000_00
        assert (desk.account(PROMOTIONS), desk.account("gateway:razorpay")) == (-200_00, -800_00)
        desk.complete(booking["id"], SLOT)
        assert desk.earned() == 780_00
        desk.check_books()

    @pytest.mark.parametrize(
        ("rules", "payable"),
        [
            ({"percent": 50, "maxDiscountPaise": 300_00}, 700_00),
            ({"percent": 0.001}, 999_99),
            ({"amountPaise": 333_33}, 666_67),
            ({"minPricePaise": 1000_00}, 800_00),
            ({"mentorIds": [MENTOR]}, 800_00),
            ({"firstBookingOnly": True}, 800_00),
            ({"endsAt": NOW + timedelta(seconds=1), "startsAt": NOW}, 800_00),
            # Less than 1 INR can't be paid.
            ({"amountPaise": 999_01}, 0),
            ({"amountPaise": 999_00}, 1_00),
            ({"percent": 100}, 0),
        ],
    )
    def test_the_rules(self, desk: Desk, rules: Doc, payable: int) -> None:
        coupon(desk, **rules)
        booking = desk.book(coupon_code="OFF20")
        assert booking["payablePaise"] == payable
        assert booking["payablePaise"] + sum(one["amountPaise"] for one in booking["benefits"]) == 1000_00

    @pytest.mark.parametrize(
        ("rules", "code"),
        [
            ({"isActive": False}, "COUPON_NOT_ACTIVE"),
            ({"startsAt": NOW + MINUTE}, "COUPON_NOT_ACTIVE"),
            ({"endsAt": NOW}, "COUPON_EXPIRED"),
            ({"minPricePaise": 1000_01}, "COUPON_NOT_APPLICABLE"),
            ({"mentorIds": ["asha"]}, "COUPON_NOT_APPLICABLE"),
            ({"maxUses": 0}, "COUPON_USED_UP"),
            ({"maxUsesPerUser": 0}, "COUPON_USED_UP"),
        ],
    )
    def test_what_is_refused(self, desk: Desk, rules: Doc, code: str) -> None:
        coupon(desk, **rules)
        assert refused(desk) == code
        assert desk.taken() == []
        assert uses(desk) == 0

    def test_what_there_is_not(self, desk: Desk) -> None:
        assert refused(desk, coupon_code="NOSUCH") == "COUPON_NOT_FOUND"

    def test_the_price_that_was_shown(self, desk: Desk) -> None:
        coupon(desk)
        assert refused(desk, price_paise=900_00) == "PRICE_CHANGED"
        assert desk.book(coupon_code="OFF20", price_paise=1000_00)["payable"] == 800
        assert desk.book(OTHER, scheduled_at=SLOT + DAY, coupon_code="OFF20", price_paise=800_00)["payable"] == 800

    def test_only_one_booking_is_to_be_the_first(self, desk: Desk) -> None:
        for code in ("OFF20", "HALF"):
            coupon(desk, code, firstBookingOnly=True, maxUsesPerUser=5)
        held = desk.book(coupon_code="OFF20")
        for code in ("OFF20", "HALF"):
            assert refused(desk, coupon_code=code, scheduled_at=SLOT + DAY) == "COUPON_NOT_APPLICABLE"
        assert desk.book(coupon_code="HALF")["id"] == held["id"]
        # Whatever the coupon says by then.
        coupon(desk, "HALF")
        desk.cancel(held["id"], "student", NOW)
        assert repository.FIRST in {one["code"] for one in desk.all("couponUsers")}
        assert confirmed(desk, scheduled_at=SLOT + DAY)
        assert refused(desk, scheduled_at=SLOT + 2 * DAY) == "COUPON_NOT_APPLICABLE"

    def test_a_first_booking_is_the_first_that_is_kept(self, desk: Desk) -> None:
        coupon(desk, firstBookingOnly=True, maxUsesPerUser=5)
        first = confirmed(desk)
        assert refused(desk, scheduled_at=SLOT + DAY) == "COUPON_NOT_APPLICABLE"
        desk.cancel(first, "mentor", NOW)
        assert desk.book(coupon_code="OFF20")["payable"] == 800

    def test_gst_on_the_bill(self, desk: Desk) -> None:
        desk.ctx.db.set(
            ("config", "rates", "rows", "first"), {**Rates(gst_added_to_bill=True).fields, "from": NOW - DAY}
        )
        coupon(desk, percent=50)
        booking_id = confirmed(desk)
        assert (desk.booking(booking_id)["total"], desk.booking(booking_id)["payable"]) == (1036, 518)
        desk.complete(booking_id, SLOT)
        assert (desk.earned(), desk.account("tax:gst")) == (780_00, 36_00)
        desk.check_books()


class TestCounting:
    def test_the_same_again_is_one_use(self, desk: Desk) -> None:
        coupon(desk)
        first = desk.book(coupon_code="OFF20")
        again = desk.book(coupon_code="OFF20", now=NOW + MINUTE)
        assert (again["id"], again["payment"], again["benefits"]) == (first["id"], first["payment"], first["benefits"])
        assert uses(desk) == 1
        assert refused(desk, scheduled_at=SLOT + DAY) == "COUPON_USED_UP"

    def test_twenty_at_once_by_one_student_are_one(self, desk: Desk) -> None:
        coupon(desk)
        made = at_once(20, lambda _: desk.book(coupon_code="OFF20")["id"])
        assert len({one for one in made if isinstance(one, str)}) == 1, made
        assert {code_of(one) for one in made if not isinstance(one, str)} <= {"UNAVAILABLE"}
        assert (uses(desk), desk.book(coupon_code="OFF20")["payable"]) == (1, 800)

    def test_a_hundred_at_once_for_the_last_use(self, desk: Desk) -> None:
        coupon(desk, maxUses=1)
        for n in range(100):
            desk.person(f"s{n}")
            desk.mentor_of(f"m{n}")

        def hold(n: int) -> str:
            wanted = desk.wanted(f"s{n}", mentor_id=f"m{n}", coupon_code="OFF20")
            made = desk.ctx.run(
                lambda tx: service.hold(tx, wanted, Rates(), held=0, config=desk.config, pace=desk.pace, now=NOW)
            )
            return str(made[0]["id"])

        made = at_once(100, hold)
        [won] = [one for one in made if isinstance(one, str)]
        assert {code_of(one) for one in made if not isinstance(one, str)} == {"COUPON_USED_UP"}
        assert [one["id"] for one in desk.all("bookings")] == [won]
        assert uses(desk) == 1

    def test_forty_at_once_with_one_that_has_no_limit(self, desk: Desk) -> None:
        coupon(desk)
        for n in range(40):
            desk.person(f"s{n}")
            desk.mentor_of(f"m{n}")

        def hold(n: int) -> None:
            wanted = desk.wanted(f"s{n}", mentor_id=f"m{n}", coupon_code="OFF20")
            desk.ctx.run(
                lambda tx: service.hold(tx, wanted, Rates(), held=0, config=desk.config, pace=desk.pace, now=NOW)
            )

        assert {code_of(one) for one in at_once(40, hold) if one is not None} <= {"UNAVAILABLE"}
        for n in range(40):
            hold(n)
        assert uses(desk) == 40

    def test_another_coupon_in_the_repeat(self, desk: Desk) -> None:
        coupon(desk)
        coupon(desk, "HALF", percent=50)
        first = desk.book(coupon_code="OFF20")
        old = desk.pay(first["payment"]["orderId"])
        other = desk.book(coupon_code="HALF", now=NOW + MINUTE)
        assert (other["id"], other["payable"], uses(desk), uses(desk, "HALF")) == (first["id"], 500, 0, 1)
        assert other["payment"]["orderId"] != first["payment"]["orderId"]
        assert desk.booking(first["id"])["heldUntil"] == NOW + 10 * MINUTE
        # What is paid for the order that was is not the booking's.
        assert desk.settle(old, now=NOW + 2 * MINUTE)["bookingStatus"] == "pending"
        desk.check_books()
        desk.settle(desk.pay(other["payment"]["orderId"]), now=NOW + 3 * MINUTE)
        assert desk.booking(first["id"])["status"] == "confirmed"
        assert desk.booking(first["id"])["refund"] is None
        desk.send_refunds()
        assert desk.booking(first["id"])["payment"]["status"] == "paid"
        assert desk.account("gateway:razorpay") == -500_00
        desk.check_books()
        # And without one, of another booking.
        plain = desk.book(scheduled_at=SLOT + DAY, coupon_code="OFF20")
        assert desk.book(scheduled_at=SLOT + DAY)["id"] == plain["id"]
        assert (desk.booking(plain["id"])["payable"], uses(desk)) == (1000, 0)

    def test_one_of_before_coupons_had_keys_is_named_by_its_code(self, desk: Desk) -> None:
        coupon(desk)
        desk.ctx.db.ref("coupons", "OFF20").update({"key": DELETE_FIELD})
        desk.ctx.db.delete("couponKeys", key("OFF20"))
        booking = desk.book(coupon_code="OFF20")
        assert (booking["benefits"][0]["id"], uses(desk)) == ("OFF20", 1)
        # Also by the label that it had then.
        old = [{**booking["benefits"][0], "label": "Coupon OFF20"}]
        desk.ctx.db.ref("bookings", booking["id"]).update({"benefits": old})
        desk.progress(booking["id"], LATE)
        assert uses(desk) == 0
        desk.settle(desk.pay(booking["payment"]["orderId"]), now=LATE + MINUTE)
        assert (desk.booking(booking["id"])["status"], uses(desk)) == ("confirmed", 1)
        desk.check_books()

    def test_the_hold_lapses(self, desk: Desk) -> None:
        coupon(desk, maxUses=1)
        booking = desk.book(coupon_code="OFF20")
        desk.progress(booking["id"], LATE)
        assert (desk.booking(booking["id"])["status"], uses(desk)) == ("cancelled", 0)
        assert desk.book(OTHER, coupon_code="OFF20", now=LATE)["payable"] == 800

    def test_an_unpaid_booking_is_cancelled(self, desk: Desk) -> None:
        coupon(desk)
        desk.cancel(desk.book(coupon_code="OFF20")["id"], "student", NOW)
        assert uses(desk) == 0

    def test_when_the_provider_fails_the_use_is_free(self, desk: Desk) -> None:
        coupon(desk)
        desk.fault(webhooks={"off": True}, api={"status": 503, "path": "/v1/orders", "times": 2})
        assert refused(desk) == "UNAVAILABLE"
        assert uses(desk) == 0


class TestPaidLate:
    def test_it_is_used_again(self, desk: Desk) -> None:
        coupon(desk)
        booking = desk.book(coupon_code="OFF20")
        paid = desk.pay(booking["payment"]["orderId"])
        desk.progress(booking["id"], LATE)
        assert desk.settle(paid, now=LATE)["bookingStatus"] == "confirmed"
        assert (desk.booking(booking["id"])["heldPaise"], uses(desk)) == (1000_00, 1)
        desk.check_books()

    def test_nobody_has_noticed_that_the_hold_is_over(self, desk: Desk) -> None:
        coupon(desk)
        booking = desk.book(coupon_code="OFF20")
        assert desk.settle(desk.pay(booking["payment"]["orderId"]), now=LATE)["bookingStatus"] == "confirmed"
        assert uses(desk) == 1
        desk.check_books()

    @pytest.mark.parametrize("change", [{"maxUses": 1}, {"endsAt": LATE}, {"isActive": False}, {"percent": 10}])
    def test_the_coupon_has_gone_and_the_payment_goes_back(self, desk: Desk, change: Doc) -> None:
        coupon(desk)
        booking = desk.book(coupon_code="OFF20")
        paid = desk.pay(booking["payment"]["orderId"])
        desk.progress(booking["id"], LATE)
        desk.ctx.db.set(("coupons", "OFF20"), change, merge=True)
        if "maxUses" in change:
            desk.ctx.db.set(("coupons", "OFF20"), {"uses": 0}, merge=True)
            desk.book(OTHER, scheduled_at=SLOT + DAY, coupon_code="OFF20", now=LATE)
        used = uses(desk)
        assert desk.settle(paid, now=LATE)["bookingStatus"] == "cancelled"
        assert desk.booking(booking["id"])["refund"]["amount"] == 800
        assert uses(desk) == used
        desk.send_refunds()
        assert desk.booking(booking["id"])["payment"]["status"] == "refunded"
        assert desk.account("gateway:razorpay") == 0
        desk.check_books()

    def test_a_second_payment(self, desk: Desk) -> None:
        coupon(desk)
        booking_id = confirmed(desk)
        stored = desk.booking(booking_id)
        again = Payment(f"pay_{ids.new()[:14]}", stored["payment"]["orderId"], 800_00, "INR", "captured")
        assert desk.ctx.run(lambda tx: payments.capture(tx, again, now=NOW)) == "credited"
        assert desk.booking(booking_id)["payment"] == stored["payment"]
        [refund] = desk.all("gatewayRefunds")
        assert (refund["paymentId"], refund["heldPaise"], uses(desk)) == (again.id, 800_00, 1)
        desk.check_books()


class TestEnding:
    @pytest.mark.parametrize(
        ("by", "ahead", "cash", "promotions", "earned", "left"),
        [
            ("student", DAY + MINUTE, 800_00, 0, 0, 0),
            ("mentor", MINUTE, 800_00, 0, 0, 0),
            ("student", 5 * HOUR, 400_00, -100_00, 390_00, 1),
            ("student", HOUR, 0, -200_00, 780_00, 1),
        ],
    )
    def test_cancelled(
        self, desk: Desk, by: Any, ahead: timedelta, cash: int, promotions: int, earned: int, left: int
    ) -> None:
        coupon(desk)
        booking_id = confirmed(desk)
        desk.cancel(booking_id, by, SLOT - ahead)
        stored = desk.booking(booking_id)
        assert (stored["refund"] or {"amountPaise": 0})["amountPaise"] == cash
        assert (desk.account(PROMOTIONS), desk.earned(), uses(desk)) == (promotions, earned, left)
        desk.check_books()
        desk.send_refunds()
        expected = {800_00: "refunded", 400_00: "partially_refunded", 0: "paid"}[cash]
        assert desk.booking(booking_id)["payment"]["status"] == expected
        assert desk.account("gateway:razorpay") == cash - 800_00
        desk.check_books()

    def test_twenty_at_once_give_it_back_once(self, desk: Desk) -> None:
        coupon(desk)
        booking_id = confirmed(desk)
        at_once(20, lambda _: desk.cancel(booking_id, "mentor", NOW))
        assert (uses(desk), desk.kinds().count("booking.release"), desk.account(PROMOTIONS)) == (0, 1, 0)
        desk.check_books()

    def test_given_back_after_its_end(self, desk: Desk) -> None:
        coupon(desk)
        booking_id = confirmed(desk)
        desk.complete(booking_id, SLOT)
        for refund_id, paise, cash, promotions, left in (
            ("first", 333_33, 266_66, -133_33, 1),
            ("rest", None, 533_34, 0, 0),
        ):
            given = reversal.Request(booking_id, refund_id, paise, "It was short.", "root")
            made = desk.ctx.run(lambda tx, given=given: reversal.give_back(tx, given, now=SLOT + DAY))
            assert (made["cashPaise"], desk.account(PROMOTIONS), uses(desk)) == (cash, promotions, left)
            desk.check_books()
        desk.send_refunds(SLOT + DAY)
        assert (desk.booking(booking_id)["payment"]["status"], desk.earned()) == ("refunded", 0)
        desk.check_books()

    def test_moved_it_keeps_them(self, desk: Desk) -> None:
        coupon(desk)
        booking_id = confirmed(desk)
        desk.move(booking_id, SLOT + DAY)
        stored = desk.booking(booking_id)
        assert ([one["id"] for one in stored["benefits"]], stored["payable"], uses(desk)) == ([key("OFF20")], 800, 1)

    def test_the_student_reads_what_goes_back_in_cash(self, desk: Desk) -> None:
        coupon(desk)
        desk.cancel(confirmed(desk), "mentor", NOW)
        [told] = [
            one for one in desk.all("notifications") if one["type"] == "booking_cancelled" and one["userId"] == STUDENT
        ]
        assert "₹800.00 goes back to where you paid from. You can use again: Coupon of 20 %." in told["message"]
        assert told["data"]["refundAmount"] == 800


class TestCovered:
    """Nothing is to be paid in cash: the booking is confirmed at once."""

    def test_it_is_confirmed(self, desk: Desk) -> None:
        coupon(desk, percent=100)
        booking, order = checkout.start(desk.ctx, desk.gateway, desk.wanted(coupon_code="OFF20"), key=None, now=NOW)
        stored = desk.booking(booking["id"])
        assert (order, booking["status"], stored["status"], stored["heldPaise"]) == (
            None,
            "confirmed",
            "confirmed",
            1000_00,
        )
        assert stored["payment"] == {"status": "paid", "orderId": None, "paymentId": None, "paidAt": NOW}
        assert desk.all("orders") == []
        assert desk.told("booking_confirmed") == [STUDENT, MENTOR]
        assert desk.taken(MENTOR, LATE) == [booking["id"]]
        desk.check_books()
        desk.tasks_until(SLOT + 2 * HOUR)
        assert (desk.booking(booking["id"])["status"], desk.earned()) == ("completed", 780_00)
        desk.check_books()

    def test_the_same_again_and_twenty_at_once(self, desk: Desk) -> None:
        coupon(desk, percent=100)
        made = at_once(20, lambda _: desk.book(coupon_code="OFF20")["id"])
        assert len({one for one in made if isinstance(one, str)}) == 1, made
        assert {code_of(one) for one in made if not isinstance(one, str)} <= {"UNAVAILABLE"}
        assert desk.book(coupon_code="OFF20")["id"] == desk.all("bookings")[0]["id"]
        assert (uses(desk), desk.kinds()) == (1, ["booking.pay"])
        desk.check_books()

    def test_one_that_is_held_is_covered_by_another_coupon(self, desk: Desk) -> None:
        coupon(desk, "ALL", percent=100)
        first = desk.book()
        covered = desk.book(coupon_code="ALL", now=NOW + MINUTE)
        assert (covered["id"], covered["status"]) == (first["id"], "confirmed")
        # What is paid for the order that was goes back.
        desk.settle(desk.pay(first["payment"]["orderId"]), now=NOW + 2 * MINUTE)
        desk.send_refunds()
        assert (desk.account("gateway:razorpay"), desk.booking(first["id"])["status"]) == (0, "confirmed")
        desk.check_books()

    @pytest.mark.parametrize(
        ("ahead", "promotions", "left"), [(2 * DAY, 0, 0), (5 * HOUR, -500_00, 1), (HOUR, -1000_00, 1)]
    )
    def test_cancelled(self, desk: Desk, ahead: timedelta, promotions: int, left: int) -> None:
        coupon(desk, percent=100)
        booking_id = desk.book(coupon_code="OFF20")["id"]
        stored = desk.cancel(booking_id, "student", SLOT - ahead)
        assert (stored["status"], stored["refund"], desk.send_refunds()) == ("cancelled", None, [])
        assert (desk.account(PROMOTIONS), uses(desk)) == (promotions, left)
        desk.check_books()

    def test_a_crash_after_the_commit(self, desk: Desk) -> None:
        coupon(desk, percent=100)
        with pytest.raises(Crash):
            desk.book(coupon_code="OFF20", ctx=dying(desk.ctx))
        [left] = desk.all("bookings")
        assert left["status"] == "confirmed"
        assert desk.book(coupon_code="OFF20")["id"] == left["id"]
        desk.tasks_until(SLOT + 2 * HOUR)
        assert desk.booking(left["id"])["status"] == "completed"
        desk.check_books()

    def test_it_is_none_of_those_that_are_unpaid(self, desk: Desk) -> None:
        coupon(desk, percent=100)
        for n in range(service.MOST_UNPAID):
            desk.book(scheduled_at=SLOT + n * DAY)
        assert desk.book(scheduled_at=SLOT + 5 * DAY, coupon_code="OFF20")["status"] == "confirmed"
