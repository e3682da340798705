"""Invoices, credit notes and receipts: one of each, whatever comes how often; consecutive numbers; what they say."""

from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konnect.errors import Unavailable
from konnect.http.triggers import Change
from konnect.invoices import numbers, service, sweeps, triggers
from konnect.packages import service as packages
from konnect.packages.service import Size
from konnect.store import Doc
from tests.bookings.conftest import DAY, HOUR, MENTOR, MINUTE, NOW, OTHER, SLOT, STUDENT
from tests.bookings.test_coupons import coupon
from tests.bookings.test_packages import active
from tests.support import at_once

from .conftest import Office


def money(invoice: Doc) -> tuple[list[int], int, list[int]]:
    """The lines, the GST, and what was not paid in money."""
    lines = [line["amountPaise"] for line in invoice["lines"]]
    return lines, invoice["gstPaise"], [credit["amountPaise"] for credit in invoice["credits"]]


class TestNumbers:
    @pytest.mark.parametrize(
        ("moment", "year"),
        [
            (datetime(2026, 3, 31, 18, 29, 59, tzinfo=UTC), "2526"),
            (datetime(2026, 3, 31, 18, 30, tzinfo=UTC), "2627"),
            (datetime(2027, 1, 1, tzinfo=UTC), "2627"),
            (datetime(2099, 4, 1, tzinfo=UTC), "9900"),
        ],
    )
    def test_a_year_begins_on_the_first_of_april_in_india(self, moment: datetime, year: str) -> None:
        assert numbers.financial_year(moment) == year

    def test_consecutive_in_each_series_also_at_once(self, office: Office) -> None:
        paid = [office.charge(f"pay_{n}") for n in range(8)]
        at_once(16, lambda n: office.issue(paid[n % 8]))
        given = [office.issue(one)["number"] for one in paid]
        assert len(set(given)) == 8
        assert all(len(one) <= 16 for one in given)
        by_series: dict[str, list[int]] = defaultdict(list)
        for one in given:
            year, series, number = one.split("/")
            assert year == "2627"
            by_series[series].append(int(number))
        assert all(sorted(found) == list(range(1, len(found) + 1)) for found in by_series.values())

    def test_none_is_lost_with_what_fails(self, office: Office) -> None:
        payment_id = office.charge("pay_1")

        def fails(tx: Any) -> None:
            service.issue(tx, payment_id, office.config, now=NOW)
            raise Unavailable("no")

        with pytest.raises(Unavailable):
            office.ctx.run(fails)
        assert office.issue(payment_id)["number"].endswith("/000001")

    def test_they_begin_anew_each_year(self, office: Office) -> None:
        first = office.issue(office.charge("pay_1"))["number"]
        later = office.ctx.run(partial(numbers.take, type="invoice", about="pay_1", now=NOW + 365 * DAY))
        assert (first[:5], later) == ("2627/", first.replace("2627", "2728"))


class TestBooking:
    def test_what_it_says(self, office: Office) -> None:
        booking_id = office.desk.confirmed()
        invoice = office.issue(office.of_booking(booking_id), now=NOW + MINUTE)
        assert money(invoice) == ([800_00, 169_49], 30_51, [])
        said = {name: invoice[name] for name in ("type", "kind", "userId", "bookingId", "mentorName", "amountPaise")}
        assert said == {
            "type": "invoice",
            "kind": "booking",
            "userId": STUDENT,
            "bookingId": booking_id,
            "mentorName": "Ravi",
            "amountPaise": 1000_00,
        }
        assert (invoice["status"], invoice["refunds"], invoice["paidAt"]) == ("paid", [], NOW)
        text = office.text(invoice)
        for part in (
            "Tax invoice",
            invoice["number"],
            "Graphora 12 MG Road Bengaluru 560001 GSTIN 29ABCDE1234F1Z5",
            "Billed to Meera",
            f"Session with Ravi, 60 minutes 4 June 2026 at 15:30 IST, booking {booking_id} 999293 – ₹800.00",
            "Platform fee 998599 18 % ₹169.49",
            "CGST 9 % on ₹169.49 ₹15.26",
            "SGST 9 % on ₹169.49 ₹15.25",
            "Paid ₹1,000.00",
            "Karnataka (29)",
            "1 June 2026, UPI",
        ):
            assert part in text

    def test_it_is_made_once_and_never_changes(self, office: Office) -> None:
        payment_id = office.of_booking(office.desk.confirmed())
        at_once(10, lambda _: office.issue(payment_id))
        first = office.issue(payment_id)
        office.desk.ctx.db.set(("users", STUDENT), {"name": "Somebody else"}, merge=True)
        assert office.issue(payment_id, now=NOW + DAY, invoiceSellerName="Another") == first
        assert len(office.all()) == 1

    def test_gst_on_top_and_as_igst(self, office: Office) -> None:
        office.ctx.db.set(("config", "rates", "rows", "1"), {"from": NOW - DAY, "gstAddedToBill": True})
        invoice = office.issue(office.of_booking(office.desk.confirmed()), invoiceTax="igst")
        assert (money(invoice), invoice["amountPaise"]) == (([800_00, 200_00], 36_00, []), 1036_00)
        assert "IGST 18 % on ₹200.00 ₹36.00" in office.text(invoice)

    def test_without_a_commission_there_is_no_tax(self, office: Office) -> None:
        office.ctx.db.set(("config", "rates", "rows", "1"), {"from": NOW - DAY, "commissionPercent": 0})
        invoice = office.issue(office.of_booking(office.desk.confirmed()))
        assert money(invoice) == ([1000_00], 0, [])
        assert office.text(invoice).startswith("Invoice ")

    def test_a_coupon(self, office: Office) -> None:
        coupon(office.desk)
        booking_id = office.desk.confirmed(coupon_code="OFF20")
        invoice = office.issue(office.of_booking(booking_id))
        assert (money(invoice), invoice["amountPaise"]) == (([800_00, 169_49], 30_51, [200_00]), 800_00)
        assert "Coupon of 20 % −₹200.00" in office.text(invoice)

    def test_what_came_too_late_gets_a_receipt(self, office: Office) -> None:
        late = office.desk.book()
        office.desk.progress(late["id"], NOW + 10 * MINUTE)
        office.desk.confirmed(OTHER, now=NOW + 11 * MINUTE)
        office.desk.settle(office.desk.pay(late["payment"]["orderId"]), now=NOW + 12 * MINUTE)
        payment_id = office.of_booking(late["id"])
        receipt = office.issue(payment_id)
        assert (receipt["type"], receipt["number"], receipt["status"]) == ("receipt", None, "paid")
        assert "not a tax invoice" in office.text(receipt)
        office.desk.send_refunds()
        receipt = office.issue(payment_id)
        assert (receipt["status"], [one["number"] for one in receipt["refunds"]]) == ("refunded", [None])
        assert office.all("credit_note") == []


class TestRefunds:
    def test_half_of_a_booking(self, office: Office) -> None:
        coupon(office.desk)
        booking_id = office.desk.confirmed(coupon_code="OFF20")
        payment_id = office.of_booking(booking_id)
        office.desk.cancel(booking_id, "student", SLOT - 5 * HOUR)
        office.desk.send_refunds()
        # The first that is heard of the payment is its refund.
        invoice = office.issue(payment_id, now=NOW + DAY)
        [note] = office.all("credit_note")
        assert (invoice["status"], note["amountPaise"]) == ("partially_refunded", 400_00)
        assert invoice["refunds"] == [
            {"id": note["id"], "amountPaise": 400_00, "refundedAt": NOW + DAY, "number": note["number"]}
        ]
        assert money(note) == ([399_99, 84_75], 15_26, [100_00])
        assert (note["invoiceId"], note["invoiceNumber"]) == (payment_id, invoice["number"])
        assert note["number"].split("/")[1] == "C" + invoice["number"].split("/")[1]
        text = office.text(note)
        for part in ("Credit note", note["number"], invoice["number"], note["id"], "Refunded ₹400.00"):
            assert part in text

    def test_in_parts_everything_goes_back_whole(self, office: Office) -> None:
        payment_id = office.charge("pay_1")
        whole = money(office.issue(payment_id))
        office.refund(payment_id, rfnd_1=100_01)
        assert office.issue(payment_id)["status"] == "partially_refunded"
        office.refund(payment_id, rfnd_1=100_01, rfnd_2=398_99)
        at_once(6, lambda _: office.issue(payment_id))
        assert office.issue(payment_id)["status"] == "refunded"
        notes = office.all("credit_note")
        assert sorted(note["number"][-6:] for note in notes) == ["000001", "000002"]
        assert [sum(note["lines"][0]["amountPaise"] for note in notes)] == whole[0]
        assert sum(note["gstPaise"] for note in notes) == whole[1]

    @given(st.lists(st.integers(0, 10**7), min_size=1, max_size=5), st.lists(st.integers(1, 10**6), max_size=6))
    def test_portions_add_up(self, amounts: list[int], refunds: list[int]) -> None:
        total, done = sum(amounts), 0
        for refund in refunds:
            done = min(done + refund, total)
            if total:
                assert sum(service.portions(amounts, done)) == done
        if total:
            assert service.portions(amounts, total) == amounts


class TestOthers:
    def test_a_deposit_gets_a_receipt(self, office: Office) -> None:
        paid = office.desk.pay(office.desk.deposit(500)["orderId"])
        assert office.desk.verify(paid).status_code == 200
        receipt = office.issue(paid.payment_id)
        assert (receipt["type"], receipt["number"], receipt["amountPaise"]) == ("receipt", None, 500_00)
        assert "Money added to your wallet ₹500.00" in office.text(receipt)

    def test_a_package(self, office: Office) -> None:
        office.ctx.run(lambda tx: packages.offer(tx, MENTOR, [Size(5, 60, 10, 90)], now=NOW))
        purchase = office.ctx.db.get("packagePurchases", active(office.desk))
        assert purchase is not None
        invoice = office.issue(purchase["payment"]["paymentId"])
        # Five times what a session at 900 INR is divided into.
        assert (money(invoice), invoice["amountPaise"]) == (([3600_00, 762_70], 137_30, []), 4500_00)
        assert "5 sessions with Ravi, 60 minutes each Valid until" in office.text(invoice)

    def test_a_plan(self, office: Office) -> None:
        invoice = office.issue(office.charge("pay_1"))
        assert (money(invoice), invoice["description"]) == (([422_88], 76_12, []), "Pro plan, one month")
        assert "CGST 9 % on ₹422.88 ₹38.06" in office.text(invoice)


class TestNews:
    def test_a_trigger_for_what_is_there(self, office: Office) -> None:
        payment_id = office.charge("pay_1")
        written = office.ctx.db.get("payments", payment_id)
        change = Change("e1", f"payments/{payment_id}", {"paymentId": payment_id}, None, written, NOW)
        for _ in range(2):
            triggers.on_payment_written(office.ctx, change, NOW)
        gone = Change("e2", "payments/pay_2", {"paymentId": "pay_2"}, None, written, NOW)
        triggers.on_payment_written(office.ctx, gone, NOW)
        assert [one["id"] for one in office.all()] == [payment_id]

    def test_the_sweep_makes_good_what_was_lost(self, office: Office) -> None:
        office.charge("pay_1")
        bad = office.charge("pay_2")
        office.ctx.db.set(("orders", f"order_of_{bad}"), {"purpose": {"kind": "unknown"}}, merge=True)
        assert sweeps.sweep(office.ctx, {}, NOW + DAY) == {"payments": 2, "failures": 1}
        old = {"paymentId": "pay_1", "updatedAt": NOW + 99 * DAY}
        office.ctx.db.set(("gatewayRefunds", "refund"), old)
        office.refund("pay_1", rfnd_1=499_00)
        assert sweeps.sweep(office.ctx, {}, NOW + 100 * DAY) == {"payments": 1, "failures": 0}
        assert office.one("pay_1")["status"] == "refunded"
