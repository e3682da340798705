"""An office: a desk whose payments get their papers, at times of the tests' own. Most facts are written by the domains
themselves; `charge` writes one by hand where only the numbers matter."""

from datetime import datetime
from typing import Any

import pypdfium2
import pytest

from konnect.invoices import paper, service
from konnect.platform import PlatformConfig
from konnect.store import Doc, Query
from tests.bookings.conftest import NOW, STUDENT, Desk, desk, open_desk, razorpay, settings

__all__ = ["desk", "open_desk", "razorpay", "settings"]

SELLER = {
    "invoiceSellerName": "Graphora",
    "invoiceSellerAddress": "12 MG Road\nBengaluru 560001",
    "invoiceSellerGstin": "29ABCDE1234F1Z5",
    "invoiceSellerState": "Karnataka (29)",
}


class Office:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.ctx = desk.ctx
        self.config = PlatformConfig(**SELLER)  # type: ignore[arg-type]

    def issue(self, payment_id: str, *, now: datetime = NOW, **config: Any) -> Doc:
        """Its paper, as a trigger has it made."""
        chosen = self.config.model_copy(update=config)
        self.ctx.run(lambda tx: service.issue(tx, payment_id, chosen, now=now))
        return self.one(payment_id)

    def issue_all(self, *, now: datetime = NOW) -> None:
        for payment in Query(("payments",)).run(self.ctx.db):
            self.issue(payment["id"], now=now)

    def of_booking(self, booking_id: str) -> str:
        return str(self.desk.booking(booking_id)["payment"]["paymentId"])

    def one(self, invoice_id: str) -> Doc:
        found = self.ctx.db.get("invoices", invoice_id)
        assert found is not None
        return {**found, "id": invoice_id}

    def all(self, type: str | None = None) -> list[Doc]:
        query = Query(("invoices",), order=(("issuedAt", "asc"),))
        return [one for one in query.run(self.ctx.db) if type in {None, one["type"]}]

    def text(self, invoice: Doc) -> str:
        """What a reader finds in its PDF."""
        [page] = pypdfium2.PdfDocument(paper.pdf(invoice))
        return " ".join(page.get_textpage().get_text_range().replace("\u200b", "").split())

    def charge(self, payment_id: str, *, uid: str = STUDENT, amount_paise: int = 499_00, gst_paise: int = 76_12) -> str:
        """A month of a plan that has been paid."""
        order_id = f"order_of_{payment_id}"
        purpose = {
            "kind": "subscription",
            "uid": uid,
            "planName": "Pro",
            "periodStart": NOW,
            "periodEnd": NOW,
            "gstPercent": 18,
        }
        self.ctx.db.set(("orders", order_id), {"purpose": purpose, "amountPaise": amount_paise, "status": "paid"})
        payment = {
            "orderId": order_id,
            "uid": uid,
            "amountPaise": amount_paise,
            "currency": "INR",
            "method": "upi",
            "result": {"outcome": "granted", "gstPaise": gst_paise},
            "refunds": {},
            "createdAt": NOW,
        }
        self.ctx.db.set(("payments", payment_id), payment)
        return payment_id

    def refund(self, payment_id: str, **refunds: int) -> None:
        """What has gone back so far, by the refund's id."""
        self.ctx.db.set(("payments", payment_id), {"refunds": refunds}, merge=True)


@pytest.fixture
def office(desk: Desk) -> Office:
    return Office(desk)
