"""GET /api/payments/invoices: what one has paid, and the papers of it."""

from typing import Any

from flask import Response

from konnect.http import pdf_files
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.money import rupees
from konnect.store import Doc

from . import paper, repository
from .schemas import Invoice, InvoicesQuery

router = Router("Payments")


@router.get("/api/payments/invoices", response=Listing[Invoice])
def list_invoices(call: Call, query: InvoicesQuery) -> dict[str, Any]:
    """The caller's payments, the newest first: invoices of bookings, packages, subscriptions and courses, credit notes
    of what went back, receipts of deposits. One follows its payment within seconds."""
    found = repository.listed(call.ctx.db, call.user.uid, limit=query.limit, cursor=query.cursor, number=query.page)
    return {"items": [_view(invoice) for invoice in found.items], "nextCursor": found.next_cursor}


@router.get("/api/v1/payments/history", response=Listing[Invoice], summary="Payment history")
def history(call: Call, query: InvoicesQuery) -> dict[str, Any]:
    """The same as `GET /api/payments/invoices`: all that the caller has paid, in each product, by card, UPI or wallet
    (courses), and what went back. A payment is in it within seconds."""
    return list_invoices(call, query)


@router.get("/api/payments/invoices/<invoice_id>/pdf", errors=(404,), documentation=pdf_files.DOCUMENTATION)
def invoice_pdf(call: Call, invoice_id: str) -> Response:
    """An invoice, credit note or receipt as a PDF, for its owner and for admins. What it says never changes."""
    uid = None if call.user.role == "admin" else call.user.uid
    invoice = repository.of_owner(call.ctx.db, invoice_id, uid)
    return pdf_files.answer(call.request, paper.name(invoice), paper.pdf(invoice))


def _view(invoice: Doc) -> Doc:
    return {
        "status": "refunded",
        "invoiceNumber": None,
        **invoice,
        "amount": rupees(invoice["amountPaise"]),
        "refunds": [{**one, "amount": rupees(one["amountPaise"])} for one in invoice.get("refunds", [])],
        "pdfUrl": f"/api/payments/invoices/{invoice['id']}/pdf",
    }
