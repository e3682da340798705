"""The history of payments over HTTP, and its PDFs."""

from datetime import timedelta

import pytest

from tests.bookings.conftest import NOW, OTHER, STUDENT
from tests.payments.api import User

from .conftest import Office


@pytest.fixture
def student(office: Office) -> User:
    """With three payments, a second apart, of which the first has gone back in part."""
    for n in range(3):
        office.issue(office.charge(f"pay_{n}"), now=NOW + timedelta(seconds=n))
    office.issue(office.charge("pay_other", uid=OTHER))
    office.refund("pay_0", rfnd_0=100_00)
    office.issue("pay_0", now=NOW + timedelta(seconds=9))
    return office.desk.api.user(STUDENT)


def test_own_ones_the_newest_first(student: User) -> None:
    items = student.get("/api/payments/invoices").json()["items"]
    assert [one["id"] for one in items] == ["rfnd_0", "pay_2", "pay_1", "pay_0"]
    note, invoice = items[0], items[3]
    assert (note["type"], note["amount"], note["status"], note["refunds"]) == ("credit_note", 100, "refunded", [])
    assert note["invoiceNumber"] == invoice["number"]
    assert (invoice["amount"], invoice["amountPaise"], invoice["currency"]) == (499, 499_00, "INR")
    assert (invoice["kind"], invoice["status"]) == ("subscription", "partially_refunded")
    [refund] = invoice["refunds"]
    assert (refund["id"], refund["amount"], refund["number"]) == ("rfnd_0", 100, note["number"])
    assert invoice["pdfUrl"] == "/api/payments/invoices/pay_0/pdf"
    assert not {"seller", "buyer", "userId"} & set(invoice)


def test_page_by_page(student: User) -> None:
    first = student.get("/api/payments/invoices", limit=3).json()
    rest = student.get("/api/payments/invoices", limit=3, cursor=first["nextCursor"]).json()
    assert [len(first["items"]), [one["id"] for one in rest["items"]], rest["nextCursor"]] == [3, ["pay_0"], None]
    numbered = student.get("/api/payments/invoices", limit=3, page=2).json()
    assert numbered["items"] == rest["items"]


def test_the_pdf(office: Office, student: User) -> None:
    path = "/api/payments/invoices/pay_1/pdf"
    answer = student.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF-")
    number = office.one("pay_1")["number"].replace("/", "-")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="invoice-{number}.pdf"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    again = student.call("GET", path, **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert student.call("GET", path, **{"If-None-Match": '"another"'}).content == answer.content


def test_whose_it_is(office: Office, student: User) -> None:
    path = "/api/payments/invoices/pay_other/pdf"
    refused, missing = student.get(path), student.get("/api/payments/invoices/nothing/pdf")
    for answer in (refused, missing):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "INVOICE_NOT_FOUND")
    assert office.desk.api.user("boss", role="admin").get(path).status_code == 200
