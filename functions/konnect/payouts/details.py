"""users/{uid}/private/payoutDetails: where an owner's money goes, masked. Its owner may listen to it.

{method: bank_transfer | upi, bankAccount: {accountHolder, accountNumber, ifscCode, bankName} | None, upiId, contactId,
fundAccountId, createdAt, updatedAt}; the last two ids are RazorpayX's, None where payouts are made by hand.
users/{uid}/sealed/payoutDetails: {sealed, fingerprint, updatedAt}: account number or UPI address, encrypted
(konnect/encryption.py); no client reads it. They are never logged.
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from konnect import clock, encryption, ids
from konnect.context import Context
from konnect.errors import BadGateway, BadRequest, Conflict, NotFound
from konnect.integrations.razorpay.entities import FundAccount
from konnect.integrations.razorpay.errors import Refused
from konnect.integrations.razorpay.payouts import BankAccount, Destination, PayoutGateway, Vpa
from konnect.notifications import service as notifications
from konnect.store import Database, Doc, Tx
from konnect.tasks import Task

from . import repository

log = logging.getLogger(__name__)

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


class Payee(NamedTuple):
    """Whom and where the provider pays."""

    contact_id: str
    account: FundAccount


def path(uid: str) -> tuple[str, ...]:
    return ("users", uid, "private", "payoutDetails")


def sealed_path(uid: str) -> tuple[str, ...]:
    return ("users", uid, "sealed", "payoutDetails")


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

    Raises Conflict (ACCOUNT_INACTIVE), BadRequest (naming the field that the provider refused), BadGateway,
    Unavailable.
    """
    plain = json.dumps(_plain(given), sort_keys=True)
    kept = {
        "sealed": encryption.seal(ctx, plain, _about(uid)),
        "fingerprint": encryption.digest(ctx, plain, _about(uid)),
        "updatedAt": now,
    }
    payee = None
    if ctx.settings.razorpayx_account_number:
        try:
            payee = _registered(ctx, gateway, uid, given)
        except Refused as error:
            raise _refusal(error, given) from error
    return ctx.run(lambda tx: _keep(tx, uid, given, payee, kept, now))


def register(ctx: Context, gateway: PayoutGateway, uid: str, *, now: datetime) -> None:
    """Have the provider know details that were given while payouts were made by hand. What it refuses stays unknown to
    it, so that the owner is asked anew. Raises BadGateway, Unavailable."""
    known = ctx.db.get(*path(uid))
    if known is None or known["fundAccountId"] is not None:
        return
    try:
        payee = _registered(ctx, gateway, uid, plain_of(ctx, uid))
    except Refused as error:
        if not error.definite:
            raise BadGateway("the payment provider refused the request") from error
        log.warning("payout details refused", extra={"uid": uid, "error": error.description})
    except Conflict as error:
        log.warning("payout details refused", extra={"uid": uid, "error": error.message})
    else:
        told = {"contactId": payee.contact_id, "fundAccountId": payee.account.id, "updatedAt": now}
        ctx.run(lambda tx: tx.update(path(uid), told) if of(tx, uid) == known else None)


def plain_of(ctx: Context, uid: str) -> Destination:
    """The details in full. Raises NotFound, Unavailable."""
    found = ctx.db.get(*sealed_path(uid))
    if found is None:
        raise NotFound("no payout details are kept", code="PAYOUT_DETAILS_NOT_FOUND")
    plain: dict[str, Any] = json.loads(encryption.unseal(ctx, found["sealed"], _about(uid)))
    return Vpa(**plain) if "address" in plain else BankAccount(**plain)


def _plain(given: Destination) -> dict[str, str]:
    if isinstance(given, BankAccount):
        return {"holder": given.holder, "number": given.number, "ifsc": given.ifsc}
    return {"address": given.address}


def _about(uid: str) -> str:
    return "/".join(sealed_path(uid))


def _registered(ctx: Context, gateway: PayoutGateway, uid: str, given: Destination) -> Payee:
    known, user = ctx.db.get(*path(uid)) or {}, ctx.db.get("users", uid) or {}
    contact_id = known.get("contactId") or _contact(gateway, uid, user.get("name"))
    account = gateway.create_fund_account(contact_id, given)
    if not account.active:
        raise Conflict("this account has been closed for payouts; please give another", code="ACCOUNT_INACTIVE")
    return Payee(contact_id, account)


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


def _keep(tx: Tx, uid: str, given: Destination, payee: Payee | None, sealed: Doc, now: datetime) -> Doc:
    tx.prefetch(path(uid), sealed_path(uid))
    known, before = of(tx, uid), tx.get(*sealed_path(uid))
    waiting = repository.pending_of(tx, uid)
    account = payee.account if payee is not None else None
    account_id = account.id if account is not None else None
    same = before is not None and before["fingerprint"] == sealed["fingerprint"]
    if known is not None and known["fundAccountId"] == account_id and same:
        return known
    tx.set(sealed_path(uid), sealed)
    kept: Doc = {
        **_masked(given, account),
        "contactId": payee.contact_id if payee is not None else (known or {}).get("contactId"),
        "fundAccountId": account_id,
        "createdAt": known["createdAt"] if known is not None else now,
        "updatedAt": now,
    }
    tx.set(path(uid), kept)
    for payout in waiting:
        if (payout["destination"] or {}).get("fundAccountId") is None:
            # Due for the sweep, too, should the task get lost.
            tx.update(("payouts", payout["id"]), {"nextCheckAt": now})
            key = ("payout", payout["id"], sealed["fingerprint"])
            tx.enqueue(Task("/payouts/send", key, {"payoutId": payout["id"]}))
    shown = destination(kept)
    assert shown is not None
    notifications.notify(
        tx,
        uid,
        "payout_details_changed",
        about=(sealed["fingerprint"], clock.iso(now)),
        title="Your payout details were changed" if known is not None else "Your payout details are set",
        body=f"Your withdrawals go to {shown['shown']} from now on. If this was not you, write to us at once.",
        data={"method": kept["method"], "account": shown["shown"]},
        now=now,
    )
    return kept


def _masked(given: Destination, account: FundAccount | None) -> Doc:
    if isinstance(given, BankAccount):
        shown: Mapping[str, str] = {
            "accountHolder": given.holder,
            "accountNumber": MASK + given.number[-SHOWN_DIGITS:],
            "ifscCode": given.ifsc,
            "bankName": account.bank_name if account is not None else "",
        }
        return {"method": "bank_transfer", "bankAccount": dict(shown), "upiId": None}
    name, _, bank = given.address.partition("@")
    return {"method": "upi", "bankAccount": None, "upiId": f"{name[: min(2, len(name) - 1)]}{MASK}@{bank}"}
