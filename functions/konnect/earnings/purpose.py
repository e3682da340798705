"""Earnings of bookings, as payouts know them (payouts.purposes.Purpose)."""

import logging
from datetime import datetime

from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg
from konnect.money import inr, rupees
from konnect.notifications import service as notifications
from konnect.notifications.types import Type
from konnect.payouts.purposes import Outcome
from konnect.store import Doc, Tx

from . import repository, service

log = logging.getLogger(__name__)


def source(uid: str, amount_paise: int) -> Leg:
    return Leg(accounts.payable(uid), amount_paise)


def settled(tx: Tx, payout: Doc, outcome: Outcome, *, reference: str, reason: str, now: datetime) -> None:
    """Tell the mentor. What was not paid is due again, with the next weekly run; what is owed by then comes off it."""
    uid = payout["userId"]
    if outcome != "paid":
        _free(tx, payout, outcome, now)
    if (tx.get("users", uid) or {}).get("deletedAt") is not None:
        if outcome != "paid":
            log.error("money came back for a deleted account", extra={"payout": payout["id"], "uid": uid})
        return
    about, shown = payout["about"], (payout["destination"] or {}).get("shown")
    amount, to = inr(payout["amountPaise"]), f" to {shown}" if shown else ""
    sessions = f"{about['bookings']} session" + ("s" if about["bookings"] != 1 else "")
    told: dict[Outcome, tuple[Type, str, str]] = {
        "paid": ("payout_processed", "Your earnings are paid", f"{amount} for {sessions} is on its way{to}."),
        "failed": (
            "payout_failed",
            "Your weekly payout failed",
            f"{amount} for {sessions} could not be sent{to}: {reason}. It is due to you as before.",
        ),
        "reversed": (
            "payout_reversed",
            "Your weekly payout came back",
            f"Your bank returned {amount} that we had sent{to}: {reason}. It is due to you again.",
        ),
    }
    type, title, body = told[outcome]
    tds_paise = payout["tds"]["tdsPaise"]
    notifications.notify(
        tx,
        uid,
        type,
        about=(payout["id"],),
        title=title,
        body=body,
        data={
            "payoutId": payout["id"],
            "kind": repository.KIND,
            "amount": rupees(payout["amountPaise"]),
            "sessions": about["bookings"],
            "periodStart": about["period"]["start"],
            "periodEnd": about["period"]["end"],
            **({"tds": rupees(tds_paise)} if tds_paise else {}),
            "account": shown,
            "reference": reference or None,
            "reason": reason or None,
        },
        now=now,
    )


def _free(tx: Tx, payout: Doc, outcome: Outcome, now: datetime) -> None:
    uid = payout["userId"]
    for line in repository.lines(tx.query(repository.lines_query(payout["id"]))):
        tx.update(repository.terms_path(line["bookingId"]), {"payoutId": None})
    # A booking that was refunded meanwhile could not be taken from the money that was under way.
    owed_paise = min(ledger.debt(tx, uid), service.balance(tx.get("payables", uid)))
    if owed_paise:
        service.take_debt(tx, uid, payout["id"], owed_paise, when=outcome, now=now)
