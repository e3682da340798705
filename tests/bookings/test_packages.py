"""Packages of sessions: bought once, used one booking at a time; what is left goes back to where it was paid from."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from konnect import ids
from konnect.bookings import reversal
from konnect.bookings import tasks as booking_tasks
from konnect.deletion import service as deletion
from konnect.errors import BadRequest, KonnectError
from konnect.integrations.razorpay.entities import Payment, Refund
from konnect.packages import checkout, service, sweeps, tasks
from konnect.packages import deletion as packages_deletion
from konnect.packages.service import Size
from konnect.payments import service as payments
from konnect.rates.service import Rates
from konnect.store import Doc
from tests.support import at_once, kept_tasks

from .conftest import DAY, HOUR, MENTOR, MINUTE, NOW, OTHER, SLOT, STUDENT, Desk
from .test_booking import Crash, code_of, dying
from .test_coupons import coupon

FIVE = f"{MENTOR}-5x60"
PRICE = 4500_00
"""Five hours at 1,000 INR, less ten percent."""
UNTIL = NOW + 90 * DAY


def offered(desk: Desk, *sizes: Size, uid: str = MENTOR) -> list[Doc]:
    return desk.ctx.run(lambda tx: service.offer(tx, uid, sizes or [Size(5, 60, 10, 90)], now=NOW))


def bought(desk: Desk, uid: str = STUDENT, *, now: datetime = NOW, **fields: Any) -> tuple[Doc, Doc]:
    """The purchase, unpaid, and its order."""
    given: dict[str, Any] = {"price_paise": None, "key": None, **fields}
    return checkout.start(desk.ctx, desk.gateway, uid, FIVE, now=now, **given)


def active(desk: Desk, uid: str = STUDENT, *, now: datetime = NOW) -> str:
    purchase, order = bought(desk, uid, now=now)
    desk.settle(desk.pay(order["orderId"]), uid, now=now)
    return str(purchase["id"])


def of(desk: Desk, purchase_id: str) -> Doc:
    found = desk.ctx.db.get("packagePurchases", purchase_id)
    assert found is not None
    return found


def used(desk: Desk, purchase_id: str, number: int = 0, **fields: Any) -> str:
    """A booking that takes a session, on another day each."""
    booking = desk.book(**{"scheduled_at": SLOT + number * DAY, "package_purchase_id": purchase_id, **fields})
    assert booking["status"] == "confirmed"
    return str(booking["id"])


def refused(desk: Desk, **fields: Any) -> str:
    with pytest.raises(KonnectError) as error:
        desk.book(**fields)
    return error.value.code


def at_the_bank(desk: Desk) -> list[int]:
    desk.send_refunds()
    return sorted(one["amountPaise"] for one in desk.all("gatewayRefunds") if one["status"] == "processed")


@pytest.fixture
def shop(desk: Desk) -> Desk:
    """Where five sessions of an hour are offered."""
    offered(desk)
    return desk


class TestOffering:
    def test_these_and_no_others(self, desk: Desk) -> None:
        made = offered(desk, Size(5, 60, 10, 90), Size(3, 30, 0, 30))
        assert [one["id"] for one in made] == [f"{MENTOR}-3x30", FIVE]
        offered(desk, Size(5, 60, 20, 90))
        found = {one["id"]: (one["isActive"], one["discountPercent"]) for one in desk.all("packages")}
        assert found == {f"{MENTOR}-3x30": (False, 0), FIVE: (True, 20)}
        assert offered(desk, Size(5, 60, 20, 90)) == offered(desk, Size(5, 60, 20, 90))

    def test_what_is_wrong_is_named(self, desk: Desk) -> None:
        desk.mentor_of("asha", pricing={"30": 600}, pricingPaise={"30": 600_00})
        for sizes, field in (
            ([Size(5, 30, 0, 90), Size(5, 60, 0, 90)], "packages.1.duration"),
            ([Size(5, 30, 0, 90), Size(5, 30, 9, 90)], "packages.1"),
        ):
            with pytest.raises(BadRequest) as error:
                offered(desk, *sizes, uid="asha")
            assert error.value.details[0]["field"] == field


class TestBuying:
    def test_paid_it_counts(self, shop: Desk) -> None:
        purchase, order = bought(shop, price_paise=PRICE)
        assert (purchase["status"], purchase["sessionPrice"], purchase["price"]) == ("pending", 900, 4500)
        assert (order["amountPaise"], order["receipt"]) == (PRICE, purchase["id"])
        assert refused(shop, package_purchase_id=purchase["id"]) == "PACKAGE_NOT_ACTIVE"
        answer = shop.settle(shop.pay(order["orderId"]))
        assert (answer["packagePurchaseId"], answer["packageStatus"]) == (purchase["id"], "active")
        stored = of(shop, purchase["id"])
        assert (stored["status"], stored["sessionsLeft"], stored["heldPaise"]) == ("active", 5, PRICE)
        assert (stored["validUntil"], stored["nextActionAt"]) == (UNTIL, UNTIL)
        assert shop.kinds() == ["package.pay"]
        assert "commissionPercent" not in stored
        shop.check_books()

    def test_who_may_not_and_what_has_changed(self, shop: Desk) -> None:
        def code(**fields: Any) -> str:
            with pytest.raises(KonnectError) as error:
                bought(shop, **fields)
            return error.value.code

        assert code(price_paise=4000_00) == "PRICE_CHANGED"
        assert code(uid=MENTOR) == "INVALID_INPUT"
        shop.ctx.db.set(("experts", MENTOR), {"acceptsBookings": False}, merge=True)
        assert code() == "NOT_ACCEPTING_BOOKINGS"
        offered(shop, Size(2, 30, 0, 30))
        assert code() == "PACKAGE_NOT_FOUND"
        assert shop.all("orders") == shop.all("packagePurchases") == []

    def test_twenty_at_once_are_paid_once(self, shop: Desk) -> None:
        _, order = bought(shop)
        paid = shop.pay(order["orderId"])
        answers = at_once(20, lambda _: shop.settle(paid)["packageStatus"])
        assert {one for one in answers if isinstance(one, str)} == {"active"}
        assert shop.kinds() == ["package.pay"]
        shop.check_books()

    def test_a_crash_after_the_commit_is_made_good_by_the_sweep(self, shop: Desk) -> None:
        purchase, opened = bought(shop)
        paid = shop.pay(opened["orderId"])
        order = {**shop.order(paid.order_id), "id": paid.order_id}
        payment = shop.gateway.fetch_payment(paid.payment_id)
        with pytest.raises(Crash):
            payments.collect(dying(shop.ctx), shop.gateway, order, payment, now=NOW)
        assert (of(shop, purchase["id"])["status"], kept_tasks(shop.ctx).keyed("package")) == ("active", [])
        assert sweeps.sweep(shop.ctx, {}, UNTIL) == {"packages": 0, "failures": 0}
        assert sweeps.sweep(shop.ctx, {}, UNTIL + HOUR) == {"packages": 1, "failures": 0}
        assert sweeps.sweep(shop.ctx, {}, UNTIL + HOUR) == {"packages": 0, "failures": 0}
        assert at_the_bank(shop) == [PRICE]
        shop.check_books()

    def test_not_paid_and_paid_late(self, shop: Desk) -> None:
        purchase, order = bought(shop)
        paid = shop.pay(order["orderId"])
        shop.ctx.run(lambda tx: payments.postpone(tx, order["orderId"], now=NOW + 2 * DAY))
        assert (of(shop, purchase["id"])["status"], of(shop, purchase["id"])["statusReason"]) == (
            "cancelled",
            "not-paid",
        )
        shop.settle(paid, now=NOW + 3 * DAY)
        stored = of(shop, purchase["id"])
        assert (stored["status"], stored["statusReason"], stored["validUntil"]) == ("active", None, UNTIL + 3 * DAY)
        shop.check_books()

    def test_what_is_paid_twice_goes_back(self, shop: Desk) -> None:
        purchase_id = active(shop)
        order_id = of(shop, purchase_id)["payment"]["orderId"]
        again = Payment(f"pay_{ids.new()[:14]}", order_id, PRICE, "INR", "captured")
        assert shop.ctx.run(lambda tx: payments.capture(tx, again, now=NOW)) == "credited"
        assert (of(shop, purchase_id)["heldPaise"], shop.kinds()) == (PRICE, ["package.pay", "package.unused"])
        shop.check_books()

    @pytest.mark.parametrize("gone", [("users", MENTOR), ("users", STUDENT)])
    def test_paid_when_somebody_has_gone_it_goes_back(self, shop: Desk, gone: tuple[str, str]) -> None:
        purchase, order = bought(shop)
        shop.ctx.db.set(gone, {"disabled": True}, merge=True)
        shop.settle(shop.pay(order["orderId"]))
        assert (of(shop, purchase["id"])["status"], at_the_bank(shop)) == ("cancelled", [PRICE])
        shop.check_books()

    def test_a_refund_made_by_hand_is_the_platform_s(self, shop: Desk) -> None:
        purchase_id = active(shop)
        by_hand = Refund("rfnd_foreign", of(shop, purchase_id)["payment"]["paymentId"], 300_00, "processed")
        shop.ctx.run(lambda tx: payments.note_refund(tx, by_hand, now=NOW))
        assert (shop.account("platform:adjustments"), of(shop, purchase_id)["heldPaise"]) == (-300_00, PRICE)
        shop.check_books()


class TestUsing:
    def test_one_booking_takes_one_session(self, shop: Desk) -> None:
        purchase_id = active(shop)
        booking_id = used(shop, purchase_id, price_paise=900_00)
        stored = shop.booking(booking_id)
        assert (stored["price"], stored["total"], stored["payable"], stored["heldPaise"]) == (900, 900, 0, 900_00)
        [benefit] = stored["benefits"]
        assert (benefit["kind"], benefit["id"], benefit["label"]) == ("package", purchase_id, "1 of 5 sessions")
        assert (of(shop, purchase_id)["sessionsLeft"], of(shop, purchase_id)["heldPaise"]) == (4, 3600_00)
        shop.check_books()
        shop.complete(booking_id, SLOT)
        assert (shop.earned(), shop.account("platform:promotions")) == (702_00, 0)
        shop.check_books()

    def test_the_same_again_and_twenty_at_once(self, shop: Desk) -> None:
        purchase_id = active(shop)
        made = at_once(20, lambda _: used(shop, purchase_id))
        assert len({one for one in made if isinstance(one, str)}) == 1, made
        assert {code_of(one) for one in made if not isinstance(one, str)} <= {"UNAVAILABLE"}
        used(shop, purchase_id)
        assert (len(shop.all("bookings")), of(shop, purchase_id)["sessionsLeft"]) == (1, 4)
        shop.check_books()

    def test_ten_times_at_once_there_are_five(self, shop: Desk) -> None:
        purchase_id = active(shop)
        at_once(10, lambda n: used(shop, purchase_id, n))
        for n in range(10):
            if of(shop, purchase_id)["sessionsLeft"]:
                at_once(1, lambda _, n=n: used(shop, purchase_id, n))
        assert (len(shop.all("bookings")), of(shop, purchase_id)["heldPaise"]) == (5, 0)
        assert refused(shop, scheduled_at=SLOT + 20 * DAY, package_purchase_id=purchase_id) == "PACKAGE_USED_UP"
        shop.check_books()

    def test_what_is_refused(self, shop: Desk) -> None:
        purchase_id = active(shop)
        shop.mentor_of("asha")
        with_it: dict[str, Any] = {"package_purchase_id": purchase_id}
        assert refused(shop, uid=OTHER, **with_it) == "PACKAGE_NOT_FOUND"
        assert refused(shop, package_purchase_id="none") == "PACKAGE_NOT_FOUND"
        assert refused(shop, mentor_id="asha", **with_it) == "PACKAGE_NOT_APPLICABLE"
        assert refused(shop, minutes=30, **with_it) == "PACKAGE_NOT_APPLICABLE"
        assert refused(shop, now=UNTIL - 3 * DAY, scheduled_at=UNTIL - 30 * MINUTE, **with_it) == "PACKAGE_EXPIRED"
        assert refused(shop, price_paise=1000_00, **with_it) == "PRICE_CHANGED"
        coupon(shop)
        assert refused(shop, coupon_code="OFF20", **with_it) == "INVALID_INPUT"
        assert (of(shop, purchase_id)["sessionsLeft"], shop.taken()) == (5, [])

    def test_its_price_stays_when_the_mentor_s_and_the_rates_change(self, shop: Desk) -> None:
        purchase_id = active(shop)
        shop.ctx.db.set(("experts", MENTOR), {"pricingPaise": {"30": 900_00}}, merge=True)
        offered(shop, Size(2, 30, 0, 30))
        shop.ctx.db.set(("config", "rates", "rows", "first"), {**Rates(50, gst_added_to_bill=True).fields, "from": NOW})
        booking_id = used(shop, purchase_id)
        shop.complete(booking_id, SLOT)
        assert (shop.booking(booking_id)["total"], shop.earned()) == (900, 702_00)
        shop.check_books()

    def test_gst_on_the_bill(self, shop: Desk) -> None:
        shop.ctx.db.set(
            ("config", "rates", "rows", "first"), {**Rates(gst_added_to_bill=True).fields, "from": NOW - DAY}
        )
        purchase_id = active(shop)
        assert of(shop, purchase_id)["price"] == 5 * 932.4
        shop.complete(used(shop, purchase_id), SLOT)
        assert (shop.earned(), shop.account("tax:gst")) == (702_00, 32_40)
        shop.check_books()


class TestCancelling:
    @pytest.mark.parametrize(
        ("by", "ahead", "left", "back", "earned"),
        [
            ("student", DAY + MINUTE, 5, [], 0),
            ("mentor", MINUTE, 5, [], 0),
            ("student", 5 * HOUR, 4, [450_00], 351_00),
            ("student", HOUR, 4, [], 702_00),
        ],
    )
    def test_a_session(self, shop: Desk, by: Any, ahead: timedelta, left: int, back: list[int], earned: int) -> None:
        purchase_id = active(shop)
        booking_id = used(shop, purchase_id)
        stored = shop.cancel(booking_id, by, SLOT - ahead)
        assert (stored["status"], stored["refund"]) == ("cancelled", None)
        found = of(shop, purchase_id)
        assert (found["sessionsLeft"], found["heldPaise"]) == (left, left * 900_00)
        assert (found["refundedPaise"], shop.earned()) == (sum(back), earned)
        shop.check_books()
        assert at_the_bank(shop) == back
        assert shop.account("gateway:razorpay") == sum(back) - PRICE
        shop.check_books()

    def test_twenty_at_once_give_it_back_once(self, shop: Desk) -> None:
        purchase_id = active(shop)
        booking_id = used(shop, purchase_id)
        at_once(20, lambda _: shop.cancel(booking_id, "mentor", NOW))
        assert of(shop, purchase_id)["sessionsLeft"] == 5
        shop.check_books()

    def test_what_comes_back_after_its_end_goes_to_the_student(self, shop: Desk) -> None:
        purchase_id = active(shop)
        booking_id = used(shop, purchase_id)
        shop.ctx.run(lambda tx: service.close(tx, {**of(shop, purchase_id), "id": purchase_id}, "expired", now=NOW))
        shop.cancel(booking_id, "mentor", NOW)
        assert (of(shop, purchase_id)["status"], at_the_bank(shop)) == ("closed", [900_00, 3600_00])
        shop.check_books()

    @pytest.mark.parametrize(("paise", "left", "back"), [(None, 5, []), (400_00, 4, [400_00])])
    def test_a_session_that_is_over_is_given_back(
        self, shop: Desk, paise: int | None, left: int, back: list[int]
    ) -> None:
        purchase_id = active(shop)
        booking_id = used(shop, purchase_id)
        shop.complete(booking_id, SLOT)
        given = reversal.Request(booking_id, "refund", paise, "It was not held.", "root")
        shop.ctx.run(lambda tx: reversal.give_back(tx, given, now=SLOT + DAY))
        assert (of(shop, purchase_id)["sessionsLeft"], at_the_bank(shop)) == (left, back)
        shop.check_books()

    def test_one_that_is_held_takes_a_session_after_all(self, shop: Desk) -> None:
        purchase_id = active(shop)
        first = shop.book()
        covered = shop.book(package_purchase_id=purchase_id, now=NOW + MINUTE)
        assert (covered["id"], covered["status"], covered["total"]) == (first["id"], "confirmed", 900)
        assert shop.terms(first["id"])["mentorPaise"] == 702_00
        shop.settle(shop.pay(first["payment"]["orderId"]), now=NOW + 2 * MINUTE)
        assert at_the_bank(shop) == [1000_00]
        shop.check_books()

    def test_moved_it_keeps_its_session(self, shop: Desk) -> None:
        purchase_id = active(shop)
        shop.move(used(shop, purchase_id), SLOT + DAY)
        assert of(shop, purchase_id)["sessionsLeft"] == 4
        shop.check_books()

    def test_not_moved_beyond_its_package_s_time(self, desk: Desk) -> None:
        """What such a booking gives back could be out of the provider's reach."""
        offered(desk, Size(5, 60, 10, 7))
        booking_id = used(desk, active(desk))
        with pytest.raises(KonnectError) as error:
            desk.move(booking_id, NOW + 7 * DAY - 30 * MINUTE)
        assert error.value.code == "PACKAGE_EXPIRED"
        assert desk.booking(booking_id)["scheduledAt"] == SLOT
        desk.move(booking_id, NOW + 7 * DAY - HOUR)
        desk.check_books()


class TestItsEnd:
    def test_what_is_unused_goes_back(self, shop: Desk) -> None:
        purchase_id = active(shop)
        shop.complete(used(shop, purchase_id), SLOT)
        at = NOW
        while of(shop, purchase_id)["status"] == "active":
            task = min((one for one in kept_tasks(shop.ctx).keyed("package") if one.at > at), key=lambda one: one.at)
            tasks.progress(shop.ctx, task.payload, task.at)
            at = task.at
        assert at == UNTIL
        stored = of(shop, purchase_id)
        assert (stored["status"], stored["statusReason"], stored["refunded"]) == ("closed", "expired", 3600)
        assert shop.told("package_closed") == [STUDENT]
        assert at_the_bank(shop) == [3600_00]
        assert refused(shop, scheduled_at=SLOT + DAY, package_purchase_id=purchase_id) == "PACKAGE_EXPIRED"
        shop.check_books()

    def test_twenty_at_once_end_it_once(self, shop: Desk) -> None:
        purchase_id = active(shop)
        at_once(20, lambda _: shop.ctx.run(lambda tx: service.progress(tx, purchase_id, now=UNTIL)))
        assert (of(shop, purchase_id)["status"], at_the_bank(shop)) == ("closed", [PRICE])
        shop.check_books()

    def test_a_crash_after_the_commit(self, shop: Desk) -> None:
        from konnect.payments import sweeps as payment_sweeps

        purchase_id = active(shop)
        with pytest.raises(Crash):
            tasks.progress(dying(shop.ctx), {"purchaseId": purchase_id, "due": UNTIL.isoformat()}, UNTIL)
        assert kept_tasks(shop.ctx).keyed("gateway-refund") == []
        assert payment_sweeps.sweep(shop.ctx, {}, UNTIL + 10 * MINUTE)["refunds"] == 1
        assert shop.account("gateway:razorpay") == 0
        shop.check_books()

    def test_used_and_ended_at_once(self, shop: Desk) -> None:
        """Whoever is first, each session is booked or has gone back."""
        purchase_id = active(shop)

        def one(index: int) -> object:
            if index:
                return used(shop, purchase_id, 10)
            return shop.ctx.run(
                lambda tx: service.close(tx, service.repository.get(tx, purchase_id), "expired", now=NOW)
            )

        at_once(2, one)
        booked = len([one for one in shop.all("bookings") if one["status"] == "confirmed"])
        assert sum(at_the_bank(shop)) == PRICE - booked * 900_00
        shop.check_books()


class TestGoing:
    def test_a_mentor_who_is_disabled(self, shop: Desk) -> None:
        purchase_id = active(shop)
        booking_id = used(shop, purchase_id)
        booking_tasks.cancel_all(shop.ctx, {"uid": MENTOR}, NOW)
        assert shop.booking(booking_id)["status"] == "cancelled"
        stored = of(shop, purchase_id)
        assert (stored["status"], stored["statusReason"], at_the_bank(shop)) == ("closed", "mentor-gone", [PRICE])
        assert shop.told("package_closed") == [STUDENT]
        shop.check_books()
        booking_tasks.cancel_all(shop.ctx, {"uid": MENTOR}, NOW)
        shop.check_books()

    def test_a_mentor_who_is_removed(self, shop: Desk) -> None:
        purchase_id = active(shop)
        tasks.close_sold(shop.ctx, {"mentorId": MENTOR}, NOW)
        assert (of(shop, purchase_id)["status"], at_the_bank(shop)) == ("closed", [PRICE])
        shop.check_books()

    def test_a_deleted_mentor_is_named_nowhere(self, shop: Desk) -> None:
        purchase_id = active(shop)
        packages_deletion.erase(shop.ctx, MENTOR, MENTOR, deletion.NAME, now=NOW)
        stored = of(shop, purchase_id)
        assert (stored["status"], stored["mentorName"], shop.all("packages")) == ("closed", deletion.NAME, [])
        shop.check_books()

    def test_a_student_who_is_deleted_is_paid_back(self, shop: Desk) -> None:
        purchase_id = active(shop)
        packages_deletion.erase(shop.ctx, STUDENT, None, deletion.NAME, now=NOW)
        packages_deletion.erase(shop.ctx, STUDENT, None, deletion.NAME, now=NOW)
        assert (of(shop, purchase_id)["statusReason"], at_the_bank(shop)) == ("account-closed", [PRICE])
        shop.check_books()
