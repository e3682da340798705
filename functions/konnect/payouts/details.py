"""users/{uid}/private/payoutDetails: where an owner's money goes, as far as we keep it. Its owner may listen to it.

{method: bank_transfer | upi, bankAccount: {accountHolder, accountNumber, ifscCode, bankName} | None, upiId, contactId,
fundAccountId, createdAt, updatedAt}. Account number and UPI address are masked: the provider alone has them whole, as a
fund account; they are passed on and neither written nor logged here.
"""

from collections.abc import Mapping
from datetime import datetime

from konnect import clock, ids
from konnect.config import Settings
from konnect.context import Context
from konnect.errors import BadGateway, BadRequest, Conflict, NotFound
from konnect.integrations.razorpay.entities import FundAccount
from konnect.integrations.razorpay.errors import Refused
from konnect.integrations.razorpay.payouts import BankAccount, Destination, PayoutGateway
from konnect.notifications import service as notifications
from konnect.store import Database, Doc, Tx
from konnect.tasks import Task

from . import repository

MASK = "••••"
SHOWN_DIGITS = 4
NAME_CHARACTERS = " '-_/().,"
MIN_NAME, MAX_NAME = 3, 50
"""Of a contact, by RazorpayX's rules."""
_FIELDS = {
    "name": "bankAccount.accountHolder",
    "ifsc": "bankAccount.ifscCode",
    "account_number": "bankAccount.accountNumber",
    "address": "upiId",
}


def path(uid: str) -> tuple[str, ...]:
    return ("users", uid, "private", "payoutDetails")


def of(tx: Tx, uid: str) -> Doc | None:
    return tx.get(*path(uid))


def get(db: Database, uid: str) -> Doc:
    """Raises NotFound while none are given."""
    found = db.get(*path(uid))
    if found is None:
        raise NotFound("you have given no payout details", code="PAYOUT_DETAILS_NOT_FOUND")
    return found


def destination(details: Doc | None) -> Doc | None:
    """What a payout keeps of them."""
    if details is None:
        return None
    account = details["bankAccount"]
    shown = details["upiId"] if account is None else f"{account['bankName']} {account['accountNumber']}".strip()
    return {"method": details["method"], "fundAccountId": details["fundAccountId"], "shown": shown}


def change(ctx: Context, gateway: PayoutGateway, uid: str, given: Destination, *, now: datetime) -> Doc:
    """Have later payouts go to `given`, and those that wait for details as well. The same again changes nothing.

    Raises Conflict (PAYOUTS_BY_HAND: no provider is set up), BadRequest (naming the field that the provider refused),
    BadGateway, Unavailable.
    """
    check_configured(ctx.settings)
    known, user = ctx.db.get(*path(uid)), ctx.db.get("users", uid) or {}
    try:
        contact_id = known["contactId"] if known is not None else _contact(gateway, uid, user.get("name"))
        account = gateway.create_fund_account(contact_id, given)
    except Refused as error:
        raise _refusal(error, given) from error
    if not account.active:
        raise Conflict("this account has been closed for payouts; please give another", code="ACCOUNT_INACTIVE")
    return ctx.run(lambda tx: _keep(tx, uid, given, contact_id, account, now))


def check_configured(settings: Settings) -> None:
    if not settings.razorpayx_account_number:
        raise Conflict("payouts are made by hand here: we will ask you where to", code="PAYOUTS_BY_HAND")


def _contact(gateway: PayoutGateway, uid: str, name: str | None) -> str:
    allowed = "".join(c for c in name or "" if c.isascii() and (c.isalnum() or c in NAME_CHARACTERS))
    # It must end in a letter, a digit or a full stop.
    shown = " ".join(allowed.split())[:MAX_NAME].rstrip(NAME_CHARACTERS.replace(".", ""))
    reference = ids.digest("payee", uid)
    return gateway.create_contact(
        name=shown if len(shown) >= MIN_NAME else f"Payee {reference[:8]}", reference_id=reference
    )


def _refusal(error: Refused, given: Destination) -> Exception:
    if not error.definite:
        return BadGateway("the payment provider refused the request")
    whole = "bankAccount" if isinstance(given, BankAccount) else "upiId"
    field = _FIELDS.get(error.field_name.rpartition(".")[2], whole)
    return BadRequest.field(field, error.description or "was refused by the payment provider", code="INVALID_ACCOUNT")


def _keep(tx: Tx, uid: str, given: Destination, contact_id: str, account: FundAccount, now: datetime) -> Doc:
    known = of(tx, uid)
    waiting = repository.pending_of(tx, uid)
    if known is not None and known["fundAccountId"] == account.id:
        return known
    kept: Doc = {
        **_masked(given, account),
        "contactId": contact_id,
        "fundAccountId": account.id,
        "createdAt": known["createdAt"] if known is not None else now,
        "updatedAt": now,
    }
    tx.set(path(uid), kept)
    for payout in waiting:
        if payout["destination"] is None:
            # Due for the sweep, too, should the task get lost.
            tx.update(("payouts", payout["id"]), {"nextCheckAt": now})
            tx.enqueue(Task("/payouts/send", ("payout", payout["id"], account.id), {"payoutId": payout["id"]}))
    shown = destination(kept)
    assert shown is not None
    notifications.notify(
        tx,
        uid,
        "payout_details_changed",
        about=(account.id, clock.iso(now)),
        title="Your payout details were changed" if known is not None else "Your payout details are set",
        body=f"Your withdrawals go to {shown['shown']} from now on. If this was not you, write to us at once.",
        data={"method": kept["method"], "account": shown["shown"]},
        now=now,
    )
    return kept


def _masked(given: Destination, account: FundAccount) -> Doc:
    if isinstance(given, BankAccount):
        shown: Mapping[str, str] = {
            "accountHolder": given.holder,
            "accountNumber": MASK + given.number[-SHOWN_DIGITS:],
            "ifscCode": given.ifsc,
            "bankName": account.bank_name,
        }
        return {"method": "bank_transfer", "bankAccount": dict(shown), "upiId": None}
    name, _, bank = given.address.partition("@")
    return {"method": "upi", "bankAccount": None, "upiId": f"{name[: min(2, len(name) - 1)]}{MASK}@{bank}"}
