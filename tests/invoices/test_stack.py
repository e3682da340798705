"""Invoices over the running stack: payment, webhook, trigger, history, PDF, refund, credit note."""

import pypdfium2

from local.person import Person, wait_until
from tests import people
from tests.bookings.test_stack import book, open_slot, ravi

__all__ = ["ravi"]

Env = dict[str, str]


def test_paid_invoiced_and_credited(stack_env: Env, ravi: Person) -> None:
    meera = people.user(stack_env, rupees=50)
    made = book(meera, ravi, open_slot(meera, ravi))
    booking_id = made["booking"]["id"]
    meera.pay(made["order"]["orderId"])

    def papers() -> list[tuple[str, float, str]]:
        items = meera.get("/api/payments/invoices")["items"]
        return sorted((one["type"], one["amount"], one["status"]) for one in items)

    invoiced = [("invoice", 1000, "paid"), ("receipt", 50, "paid")]
    wait_until("the invoice and the receipt", lambda: papers() == invoiced)
    [invoice] = [one for one in meera.get("/api/payments/invoices")["items"] if one["type"] == "invoice"]
    assert (invoice["bookingId"], invoice["mentorName"]) == (booking_id, "Ravi")
    answer = meera.response("GET", invoice["pdfUrl"])
    assert answer.headers["Content-Type"] == "application/pdf"
    [page] = pypdfium2.PdfDocument(answer.content)
    assert invoice["number"] in page.get_textpage().get_text_range()

    meera.call("PUT", f"/api/bookings/{booking_id}/cancel", {"reason": "I am ill."})
    credited = [("credit_note", 1000, "refunded"), ("invoice", 1000, "refunded"), ("receipt", 50, "paid")]
    wait_until("the credit note", lambda: papers() == credited)
