"""invoices/{payment id}: the invoice or receipt of a payment; invoices/{refund id}: the credit note of a refund. Both
ids are the payment provider's, or for a course that was paid from the wallet its purchase's and our refund's. No client
reads them: the API shows each to its owner.

{userId, type: invoice | credit_note | receipt, number (None of a receipt), kind, description, lines: [{description,
sac, amountPaise, gstPercent}], gstPaise, tax: cgst_sgst | igst, credits: [{label, amountPaise}], amountPaise, currency,
seller: {name, address, gstin, state}, buyer: {name}, bookingId, mentorName, courseId, orderId, paymentId, method,
paidAt, issuedAt}: frozen when it is made. An invoice and a receipt have also what became of them: {status: paid |
partially_refunded | refunded, refunds: [{id, amountPaise, refundedAt, number}]}; a credit note has {refundId,
invoiceId, invoiceNumber, invoicedAt}.

They are kept when an account is deleted, as the law asks of who issues them (CGST Act, section 36).
"""

from datetime import datetime

from konnect.errors import NotFound
from konnect.store import Database, Doc, Page, Query, Tx, page

COLLECTION = "invoices"
BATCH = 200


def find(tx: Tx, invoice_id: str) -> Doc | None:
    found = tx.get(COLLECTION, invoice_id)
    return {**found, "id": invoice_id} if found is not None else None


def of_owner(db: Database, invoice_id: str, uid: str | None) -> Doc:
    """`uid`: None for whoever may see all. Raises NotFound (INVOICE_NOT_FOUND), also for somebody else's."""
    found = db.get(COLLECTION, invoice_id)
    if found is None or uid not in {None, found["userId"]}:
        raise NotFound("there is no such invoice", code="INVOICE_NOT_FOUND")
    return {**found, "id": invoice_id}


def listed(db: Database, uid: str, *, limit: int, cursor: str | None, number: int | None) -> Page:
    """Somebody's, the newest first."""
    query = Query((COLLECTION,), order=(("issuedAt", "desc"),)).filter("userId", "==", uid)
    return page(db, query, limit=limit, cursor=cursor, number=number)


def captured(db: Database, since: datetime, cursor: str | None) -> Page:
    """Payments credited since then."""
    return page(
        db, Query(("payments",), (("createdAt", ">=", since),), (("createdAt", "asc"),)), limit=BATCH, cursor=cursor
    )


def wallet_sales(db: Database, since: datetime, cursor: str | None) -> Page:
    """Purchases of courses that have moved since then; those by card have payments too."""
    query = Query(("coursePurchases",), (("updatedAt", ">=", since),), (("updatedAt", "asc"),))
    return page(db, query, limit=BATCH, cursor=cursor)


def refunded(db: Database, since: datetime, cursor: str | None) -> Page:
    """Refunds that have moved since then."""
    query = Query(("gatewayRefunds",), (("updatedAt", ">=", since),), (("updatedAt", "asc"),))
    return page(db, query, limit=BATCH, cursor=cursor)
