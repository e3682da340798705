"""An invoice, credit note or receipt as a PDF, from nothing but what its document has frozen: the same document, the
same file.

No customer's address is on record, so the place of supply is the seller's (IGST Act, section 12(2)(b)(ii)): CGST and
SGST in halves, unless the configuration says IGST.
"""

from datetime import datetime

from konnect import clock
from konnect.documents.pdf import Pdf
from konnect.money import inr
from konnect.store import Doc

_METHODS = {
    "upi": "UPI",
    "card": "Card",
    "netbanking": "Net banking",
    "wallet": "Wallet",
    "emi": "EMI",
    "balance": "Balance of the wallet",
}


def name(invoice: Doc) -> str:
    """Of the file: the number, which has slashes, with hyphens."""
    return f"{invoice['type'].replace('_', '-')}-{(invoice['number'] or invoice['id']).replace('/', '-')}"


def title(invoice: Doc) -> str:
    if invoice["type"] == "receipt":
        return "Receipt"
    if invoice["type"] == "credit_note":
        return "Credit note"
    return "Tax invoice" if invoice["gstPaise"] and invoice["seller"]["gstin"] else "Invoice"


def pdf(invoice: Doc) -> bytes:
    seller = invoice["seller"]
    made = Pdf(title(invoice), invoice["number"] or "", created=invoice["issuedAt"], brand=seller["name"])
    made.facts(_facts(invoice))
    is_receipt = invoice["type"] == "receipt"
    if is_receipt:
        rows = [(line["description"], inr(line["amountPaise"])) for line in invoice["lines"]]
        made.table(("Description", "Amount"), rows, aligns="LR", widths=(5, 1.4))
    else:
        rows_ = [
            (line["description"], line["sac"] or "", _percent(line["gstPercent"]), inr(line["amountPaise"]))
            for line in invoice["lines"]
        ]
        made.table(("Description", "SAC", "GST", "Amount"), rows_, aligns="LCCR", widths=(5, 1.1, 0.9, 1.6))
    made.totals(_totals(invoice))
    for text in _notes(invoice):
        made.note(text)
    return made.bytes()


def _facts(invoice: Doc) -> list[tuple[str, str]]:
    seller, number = invoice["seller"], invoice["number"]
    lines = [seller["name"], *seller["address"].splitlines()]
    if seller["gstin"]:
        lines.append(f"GSTIN {seller['gstin']}")
    method = _METHODS.get(invoice["method"], "")
    paid = f"{_day(invoice['paidAt'])}{', ' if method else ''}{method}\n{invoice['paymentId']}"
    labels = ("Received by", "From") if invoice["type"] == "receipt" else ("Sold by", "Billed to")
    facts = [(labels[0], "\n".join(lines)), (labels[1], invoice["buyer"]["name"])]
    if invoice["type"] == "credit_note":
        about = f"{invoice['invoiceNumber']}, {_day(invoice['invoicedAt'])}"
        facts += [("Number and date", f"{number}, {_day(invoice['issuedAt'])}"), ("Of invoice", about)]
        facts += [("Paid on", paid), ("Refund", invoice["refundId"])]
    else:
        issued = _day(invoice["issuedAt"])
        dated = ("Number and date", f"{number}, {issued}") if number else ("Date", issued)
        facts += [dated, ("Paid on", paid)]
    if invoice["gstPaise"] and seller["state"]:
        facts += [("Place of supply", seller["state"]), ("Tax payable on reverse charge", "No")]
    return facts


def _totals(invoice: Doc) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    gst_paise = invoice["gstPaise"]
    if gst_paise or invoice["credits"]:
        rows.append(("Subtotal", inr(sum(line["amountPaise"] for line in invoice["lines"]))))
    if gst_paise:
        taxed = [line for line in invoice["lines"] if line["gstPercent"]]
        percent = taxed[0]["gstPercent"]
        base = inr(sum(line["amountPaise"] for line in taxed))
        if invoice["tax"] == "igst":
            rows.append((f"IGST {_percent(percent)} on {base}", inr(gst_paise)))
        else:
            half_paise = gst_paise // 2
            half = _percent(percent / 2)
            rows.append((f"CGST {half} on {base}", inr(gst_paise - half_paise)))
            rows.append((f"SGST {half} on {base}", inr(half_paise)))
    rows += [(credit["label"], inr(-credit["amountPaise"])) for credit in invoice["credits"]]
    last = "Refunded" if invoice["type"] == "credit_note" else "Paid"
    return [*rows, (last, inr(invoice["amountPaise"]))]


def _notes(invoice: Doc) -> list[str]:
    if invoice["type"] == "receipt":
        if invoice["kind"] == "deposit":
            return ["This money is yours until you spend it. No tax is due on it, so this is not a tax invoice."]
        return ["This payment was too late, or was made twice. Nothing was sold, so this is not a tax invoice."]
    notes = []
    if invoice["kind"] in {"booking", "package"} and invoice["gstPaise"]:
        notes.append(f"Sessions are given by {invoice['mentorName']}; GST is charged on the platform fee alone.")
    if invoice["kind"] == "course" and invoice["gstPaise"]:
        notes.append(f"The course is by {invoice['mentorName']}; GST is charged on the platform fee alone.")
    if invoice["type"] == "credit_note" and invoice["method"] == "balance":
        notes.append("The refund is in the wallet.")
    elif invoice["type"] == "credit_note":
        notes.append("The refund goes to where the payment came from; banks take 5 to 7 working days to show it.")
    return [*notes, "Made by a computer; valid without a signature."]


def _percent(percent: float | None) -> str:
    return "–" if percent is None else f"{percent:g} %"


def _day(moment: datetime) -> str:
    day = clock.business_day(moment)
    return f"{day.day} {day:%B %Y}"
