"""Money that goes back after a booking was settled: the student's, the mentor's, the platform's and the tax's parts."""

from datetime import timedelta

import pytest

from konnect.bookings import pricing, reversal
from konnect.bookings.pricing import Bill
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.payments import sweeps
from konnect.rates.service import Rates
from konnect.store import Doc
from tests.support import at_once, kept_tasks

from .conftest import DAY, HOUR, MENTOR, NOW, SLOT, STUDENT, Desk
from .test_booking import Crash, code_of, dying
from .test_coupons import coupon
from .test_ending import code
from .test_packages import active, of, offered, used

ENDED = SLOT + HOUR
BOOKS = ("platform:fees", "tax:gst", "gateway:fees", "gateway:razorpay")


def completed(desk: Desk) -> str:
    booking_id = desk.confirmed()
    desk.complete(booking_id, ENDED)
    return booking_id


def refund(desk: Desk, booking_id: str, refund_id: str = "r1", paise: int | None = None) -> Doc:
    given = reversal.Request(booking_id, refund_id, paise, "poor", "admin")
    return desk.ctx.run(lambda tx: reversal.refund(tx, given, now=ENDED))


def paid_out(desk: Desk) -> None:
    """The mentor's earnings have left."""
    paise = desk.earned()
    legs = (Leg(accounts.payable(MENTOR), -paise), Leg(accounts.GATEWAY_BANK, paise))
    desk.ctx.run(lambda tx: ledger.post(tx, Movement("paid-out", "payout", legs), now=ENDED))


def test_all_of_it(desk: Desk) -> None:
    booking_id = completed(desk)
    made = refund(desk, booking_id)
    assert (made["amountPaise"], made["mentorPaise"], made["owedPaise"]) == (1000_00, 780_00, 0)
    assert (desk.earned(), *[desk.account(one) for one in BOOKS]) == (0, 0, 0, 0, -1000_00)
    stored, terms = desk.booking(booking_id), desk.terms(booking_id)
    assert (stored["status"], stored["reversedPaise"], stored["refund"]["amount"]) == ("completed", 1000_00, 1000)
    assert (terms["mentorPaise"], terms["commissionPaise"], terms["reversedPaise"]) == (0, 0, 1000_00)
    assert terms["settledAt"] == ENDED
    assert desk.told("booking_refunded") == [STUDENT, MENTOR]
    [entry] = desk.all("audit")
    assert (entry["action"], entry["target"], entry["actor"]) == ("booking.refund", f"bookings/{booking_id}", "admin")
    desk.check_books()
    assert desk.send_refunds(ENDED) == ["processed"]
    stored = desk.booking(booking_id)
    assert (stored["payment"]["status"], stored["payment"]["refunded"]) == ("refunded", 1000)
    assert stored["refund"]["status"] == "processed"
    assert desk.account("gateway:razorpay") == 0
    desk.check_books()


def test_in_parts_up_to_the_whole(desk: Desk) -> None:
    booking_id = completed(desk)
    for refund_id, paise, kept in (("a", 333_33, 666_67), ("b", 333_33, 333_34), ("c", 1_01, 332_33), ("d", None, 0)):
        made = refund(desk, booking_id, refund_id, paise)
        assert made["keptPaise"] - made["reversedPaise"] == kept
        terms, bill = desk.terms(booking_id), Bill(1000_00, 1000_00, Rates())
        parts = pricing.divide(kept, bill)
        assert (terms["mentorPaise"], terms["gstPaise"]) == (parts.mentor_paise, parts.gst_paise)
        assert desk.earned() == parts.mentor_paise
        desk.check_books()
    assert (desk.earned(), *[desk.account(one) for one in BOOKS[:3]]) == (0, 0, 0, 0)
    desk.send_refunds(ENDED)
    assert desk.booking(booking_id)["payment"]["status"] == "refunded"
    assert desk.account("gateway:razorpay") == 0
    desk.check_books()


def test_what_is_refused(desk: Desk) -> None:
    booking_id = desk.confirmed()
    assert code(lambda: refund(desk, booking_id)) == "BOOKING_NOT_ENDED"
    assert code(lambda: refund(desk, "GRP-20260601-NONE")) == "BOOKING_NOT_FOUND"
    desk.complete(booking_id, ENDED)
    assert code(lambda: refund(desk, booking_id, paise=1000_01)) == "INVALID_INPUT"
    first = refund(desk, booking_id, "first", 400_00)
    assert refund(desk, booking_id, "first", 400_00) == first
    assert refund(desk, booking_id, "first") == first
    assert code(lambda: refund(desk, booking_id, "first", 300_00)) == "REFUND_DIFFERS"
    assert code(lambda: refund(desk, "first", "second")) == "REFUND_NOT_REFUNDABLE"
    for paise in (600_01, 99, 600_00 - 99):
        assert code(lambda paise=paise: refund(desk, booking_id, "second", paise)) == "INVALID_INPUT"
    refund(desk, booking_id, "second")
    assert code(lambda: refund(desk, booking_id, "third")) == "ALREADY_REFUNDED"
    unpaid = desk.book(scheduled_at=SLOT + DAY)["id"]
    desk.cancel(unpaid, "student", NOW)
    assert code(lambda: refund(desk, unpaid, "fourth")) == "NOTHING_TO_REFUND"
    assert desk.kinds().count("booking.reverse") == 2
    desk.check_books()


def test_what_a_cancellation_has_kept(desk: Desk) -> None:
    booking_id = desk.confirmed()
    desk.cancel(booking_id, "student", SLOT - 5 * HOUR)
    desk.send_refunds(SLOT)
    assert desk.booking(booking_id)["payment"]["status"] == "partially_refunded"
    made = refund(desk, booking_id)
    assert (made["amountPaise"], made["mentorPaise"]) == (500_00, 390_00)
    desk.send_refunds(ENDED)
    stored = desk.booking(booking_id)
    assert (stored["payment"]["status"], stored["payment"]["refunded"]) == ("refunded", 1000)
    assert (desk.earned(), desk.account("gateway:razorpay")) == (0, 0)
    desk.check_books()


def test_what_was_paid_out_is_owed(desk: Desk) -> None:
    booking_id = completed(desk)
    paid_out(desk)
    made = refund(desk, booking_id, "part", 500_00)
    assert made["owedPaise"] == 390_00
    assert (desk.earned(), desk.account(f"receivable:{MENTOR}")) == (0, -390_00)
    # Of the next booking the debt is paid first; the rest is there to be taken.
    later = desk.confirmed(scheduled_at=SLOT + DAY)
    desk.complete(later, SLOT + DAY + HOUR)
    assert (desk.earned(), desk.account(f"receivable:{MENTOR}")) == (390_00, 0)
    made = refund(desk, later, "whole")
    assert (made["owedPaise"], desk.earned(), desk.account(f"receivable:{MENTOR}")) == (390_00, 0, -390_00)
    desk.check_books()


def test_gst_on_the_bill(desk: Desk) -> None:
    desk.ctx.db.set(("config", "rates", "rows", "first"), {**Rates(gst_added_to_bill=True).fields, "from": NOW - DAY})
    booking_id = completed(desk)
    refund(desk, booking_id, "half", 518_00)
    assert (desk.earned(), *[desk.account(one) for one in BOOKS[:3]]) == (390_00, 100_00, 18_00, 10_00)
    refund(desk, booking_id, "rest")
    assert (desk.earned(), *[desk.account(one) for one in BOOKS[:3]]) == (0, 0, 0, 0)
    desk.check_books()


def test_small_amounts(desk: Desk) -> None:
    """Rounding may turn a paisa the other way between two of them; nothing is lost."""
    booking_id = completed(desk)
    refund(desk, booking_id, "most", 1000_00 - 8 * 1_13)
    for number in range(8):
        refund(desk, booking_id, f"small-{number}", 1_13)
    assert (desk.earned(), *[desk.account(one) for one in BOOKS[:3]]) == (0, 0, 0, 0)
    desk.check_books()


def test_twenty_at_once(desk: Desk) -> None:
    booking_id = completed(desk)
    made = at_once(20, lambda n: refund(desk, booking_id, f"r{n % 2}", 500_00))
    assert {code_of(one) for one in made if isinstance(one, Exception)} <= {"UNAVAILABLE"}
    for refund_id in ("r0", "r1"):
        refund(desk, booking_id, refund_id, 500_00)
    assert desk.kinds().count("booking.reverse") == 2
    assert (desk.earned(), len(desk.all("gatewayRefunds"))) == (0, 2)
    desk.check_books()


def test_different_ones_at_once_exceed_nothing(desk: Desk) -> None:
    booking_id = completed(desk)
    at_once(6, lambda n: refund(desk, booking_id, f"r{n}", 300_00))
    assert desk.booking(booking_id)["reversedPaise"] <= 900_00
    desk.check_books()


def test_a_crash_after_the_commit(desk: Desk) -> None:
    booking_id = completed(desk)
    living, desk.ctx = desk.ctx, dying(desk.ctx)
    with pytest.raises(Crash):
        refund(desk, booking_id)
    desk.ctx = living
    assert kept_tasks(desk.ctx).keyed("gateway-refund") == []
    assert sweeps.sweep(desk.ctx, {}, ENDED + timedelta(minutes=10))["refunds"] == 1
    assert desk.booking(booking_id)["refund"]["status"] == "processed"
    assert refund(desk, booking_id)["amountPaise"] == 1000_00
    desk.check_books()


def test_reconcile_sees_one_that_was_not_posted(desk: Desk) -> None:
    from konnect.reconciliation.service import reconcile

    booking_id = completed(desk)
    desk.ctx.db.set(("bookings", booking_id), {"reversedPaise": 1000_00}, merge=True)
    assert any("reversed" in difference for difference in reconcile(desk.ctx).differences)


def test_a_coupon_s_part_is_the_platform_s(desk: Desk) -> None:
    coupon(desk, "SAVE30", percent=30)
    booking_id = desk.confirmed(coupon_code="SAVE30")
    desk.complete(booking_id, ENDED)
    assert (desk.earned(), desk.account("platform:promotions")) == (780_00, -300_00)
    made = refund(desk, booking_id, "half", 500_00)
    assert (made["cashPaise"], desk.account("platform:promotions"), desk.earned()) == (350_00, -150_00, 390_00)
    assert len(desk.all("couponUses")) == 1
    desk.check_books()
    made = refund(desk, booking_id, "rest")
    assert (made["cashPaise"], desk.account("platform:promotions"), desk.earned()) == (350_00, 0, 0)
    assert desk.all("couponUses") == []
    desk.send_refunds(ENDED)
    stored = desk.booking(booking_id)
    assert (stored["payment"]["status"], desk.account("gateway:razorpay")) == ("refunded", 0)
    desk.check_books()


def test_a_session_of_a_package_is_the_package_s(desk: Desk) -> None:
    offered(desk)
    purchase_id = active(desk)
    whole, part = used(desk, purchase_id), used(desk, purchase_id, 1)
    desk.complete(whole, ENDED)
    desk.complete(part, ENDED + DAY)
    assert of(desk, purchase_id)["sessionsLeft"] == 3
    made = refund(desk, whole, "whole")
    assert (made["amountPaise"], made["cashPaise"], desk.booking(whole)["refund"]) == (900_00, 0, None)
    assert of(desk, purchase_id)["sessionsLeft"] == 4
    # A part of one can't be booked again: it goes back to where the package was paid from.
    refund(desk, part, "part", 300_00)
    assert of(desk, purchase_id)["sessionsLeft"] == 4
    desk.check_books()
    assert desk.send_refunds(ENDED) == ["processed"]
    assert desk.account("gateway:razorpay") == 300_00 - 4500_00
    desk.check_books()


def test_a_part_of_a_package_s_session_is_no_less_than_razorpay_refunds(desk: Desk) -> None:
    offered(desk)
    booking_id = used(desk, active(desk))
    desk.complete(booking_id, ENDED)
    for paise in (50, 900_00 - 50):
        assert code(lambda paise=paise: refund(desk, booking_id, "r", paise)) == "INVALID_INPUT"
    assert desk.all("gatewayRefunds") == []
    refund(desk, booking_id, "part", 1_00)
    refund(desk, booking_id, "rest")
    assert desk.send_refunds(ENDED) == ["processed", "processed"]
    desk.check_books()
