"""The papers of courses: by card and from the wallet, of what goes back, of what could not be used."""

from datetime import timedelta

import pypdfium2

from konnect.course_sales import refund
from konnect.http.triggers import Change
from konnect.invoices import paper, service, sweeps, triggers
from konnect.platform import PlatformConfig
from konnect.store import Doc
from tests.course_sales.test_refunds import refund_of
from tests.course_sales.till import LEARNER, PRICE, Till
from tests.support import START, give

CONFIG = PlatformConfig(invoiceSellerName="SkillVerse", invoiceSellerGstin="29ABCDE1234F1Z5")


def issued(till: Till, payment_id: str) -> Doc:
    till.ctx.run(lambda tx: service.issue(tx, payment_id, CONFIG, now=START))
    found = till.ctx.db.get("invoices", payment_id)
    assert found is not None
    return {**found, "id": payment_id}


def text_of(invoice: Doc) -> str:
    [page] = pypdfium2.PdfDocument(paper.pdf(invoice))
    return " ".join(page.get_textpage().get_text_range().replace("\u200b", "").split())


def test_by_card(till: Till):
    course = till.course()
    sold = till.bought(course)
    invoice = issued(till, sold["paymentId"])
    assert [(line["amountPaise"], line["gstPercent"]) for line in invoice["lines"]] == [(800_00, None), (169_49, 18)]
    assert (invoice["type"], invoice["kind"], invoice["gstPaise"], invoice["courseId"]) == (
        "invoice",
        "course",
        30_51,
        course["id"],
    )
    text = text_of(invoice)
    assert "Course: Sharding from scratch" in text
    assert "The course is by Asha; GST is charged on the platform fee alone." in text
    refund_of(till, sold["id"])
    till.send_refunds()
    assert issued(till, sold["paymentId"])["status"] == "refunded"
    notes = [one for one in till.all("invoices") if one["type"] == "credit_note"]
    assert [one["amountPaise"] for one in notes] == [PRICE * 100]
    assert "banks take 5 to 7 working days" in text_of(notes[0])


def test_from_the_wallet(till: Till):
    course = till.course()
    give(till.ctx, LEARNER, PRICE * 100)
    purchase_id = till.by_wallet(course)["purchaseId"]

    def written() -> None:
        after = till.ctx.db.get("coursePurchases", purchase_id)
        path = f"coursePurchases/{purchase_id}"
        change = Change("event", path, {"purchaseId": purchase_id}, None, after, START)
        triggers.on_course_purchase_written(till.ctx, change, START)

    written()
    written()
    [shown] = till.learner.get("/api/v1/payments/history").json()["items"]
    assert (shown["type"], shown["amount"], shown["courseId"], shown["status"]) == (
        "invoice",
        PRICE,
        course["id"],
        "paid",
    )
    pdf = till.learner.get(shown["pdfUrl"])
    assert pdf.content.startswith(b"%PDF-")
    refund_of(till, purchase_id)
    written()
    invoice, note = sorted(till.all("invoices"), key=lambda one: one["type"], reverse=True)
    assert (invoice["status"], note["type"], note["refundId"]) == ("refunded", "credit_note", "r1")
    assert "The refund is in the wallet." in text_of(note)
    assert till.room.of("arjun").get("/api/v1/payments/history").json()["items"] == []


def test_what_could_not_be_used_is_no_sale(till: Till):
    course = till.course()
    opened = till.open(course)
    till.room.enrolled(course)
    till.ctx.db.delete("courses", course["id"])
    till.pay(opened["sessionId"])
    receipt = issued(till, till.purchase(opened["paymentId"])["paymentId"])
    assert (receipt["type"], receipt["number"]) == ("receipt", None)
    assert "goes back" in text_of(receipt)


def test_what_no_trigger_has_told_of(till: Till):
    course, other = till.course(), till.course()
    give(till.ctx, LEARNER, PRICE * 100)
    till.by_wallet(course)
    sold = till.bought(other)
    later = START + timedelta(days=1)
    counts = sweeps.sweep(till.ctx, {}, later)
    assert counts["failures"] == 0
    assert {one["id"] for one in till.all("invoices")} >= {sold["paymentId"], till.enrollment(course)["purchaseId"]}  # type: ignore[index]
    assert till.all(refund.COLLECTION) == []
