"""A mentor's weekly payout: what is due is planned, taken from payable:{uid} and marked in one transaction, so that a
run which is repeated, late or broken off pays each booking once."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from konnect import clock
from konnect.identity import service as identity
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import inr, rupees
from konnect.notifications import service as notifications
from konnect.payouts import details, tax
from konnect.payouts import service as payouts
from konnect.store import Doc, Tx

from . import policy, repository
from .policy import Plan

log = logging.getLogger(__name__)

Status = Literal["opened", "carried-over", "account-disabled", "details-needed"]
LINE_SUMS = ("grossPaise", "commissionPaise", "gstPaise", "gatewayFeePaise", "reversedPaise", "mentorPaise")


@dataclass(frozen=True)
class Paid:
    """What became of a mentor's week. `more`: what one payout can't hold is due as well."""

    status: Status
    payout_id: str | None = None
    plan: Plan | None = None
    tds_paise: int = 0
    more: bool = False

    @property
    def as_json(self) -> dict[str, Any]:
        plan = self.plan or Plan((), 0, 0, 0)
        return {
            "status": self.status,
            "payoutId": self.payout_id,
            "bookings": len(plan.shares),
            "earned": rupees(plan.earned_paise),
            "adjustments": rupees(-plan.taken_paise - plan.debt_paise),
            "tds": rupees(self.tds_paise),
            "amount": rupees(plan.amount_paise - self.tds_paise),
        }


def pay(tx: Tx, uid: str, *, before: datetime, minimum_paise: int, by_hand: bool, now: datetime) -> Paid:
    """Open a payout of what was settled `before` and is not paid, unless it comes to less than `minimum_paise`; it is
    then carried over, as it is for who is disabled, or has given no payout details (and is told) while payouts are
    not made `by_hand`.
    """
    # Without a lock: runs at once would wait for each other. What was read after it holds as long as it is as it was,
    # since no share is settled, refunded or paid without it.
    tx.peek(("payables", uid), tax.path(uid, now))
    tx.prefetch(("receivables", uid), ("users", uid), details.path(uid))
    balance_paise = balance(tx.get("payables", uid))
    if balance_paise < minimum_paise:
        return Paid("carried-over")
    if identity.is_closed(tx, uid):
        return Paid("account-disabled")
    unpaid = repository.unpaid(tx, uid)
    plan = policy.plan(
        [repository.share(terms) for terms in unpaid.values()],
        before=before,
        balance_paise=balance_paise,
        debt_paise=ledger.debt(tx, uid),
    )
    if plan.amount_paise < minimum_paise:
        return Paid("carried-over", plan=plan)
    if details.of(tx, uid) is None and not by_hand:
        _ask_for_details(tx, uid, plan, before, now)
        return Paid("details-needed", plan=plan)
    return _open(tx, uid, plan, unpaid, before, now)


def balance(payable: Doc | None) -> int:
    """What payable:{uid} holds, by its document."""
    return int((payable or {}).get("balancePaise", 0))


def take_debt(tx: Tx, uid: str, payout_id: str, amount_paise: int, *, when: str, now: datetime) -> None:
    """Earnings pay what their mentor owes."""
    legs = (Leg(accounts.payable(uid), -amount_paise), Leg(accounts.receivable(uid), amount_paise))
    movement = Movement(f"payout:{payout_id}:debt:{when}", "earnings.debt", legs, {"payout": payout_id, "user": uid})
    ledger.post_new(tx, movement, now=now)


def _open(tx: Tx, uid: str, plan: Plan, unpaid: dict[str, Doc], before: datetime, now: datetime) -> Paid:
    week = clock.business_day(before).isoformat()
    payout_id = repository.payout_id(tx, uid, week)
    lines = _lines(tx, plan, unpaid)
    first, last = policy.period(plan.shares, before)
    if plan.debt_paise:
        take_debt(tx, uid, payout_id, plan.debt_paise, when="opened", now=now)
    about: Doc = {
        "week": week,
        "period": {"start": first.isoformat(), "end": last.isoformat()},
        "bookings": len(lines),
        **{name: sum(line[name] for line in lines) for name in LINE_SUMS},
        "takenPaise": plan.taken_paise,
        "debtPaise": plan.debt_paise,
    }
    opened = payouts.open_new(
        tx, payout_id, kind=repository.KIND, uid=uid, amount_paise=plan.amount_paise, about=about, now=now
    )
    repository.write_lines(tx, payout_id, lines)
    for share in plan.shares:
        tx.update(repository.terms_path(share.booking_id), {"payoutId": payout_id})
    log.info("earnings paid out", extra={"uid": uid, "payout": payout_id, "bookings": len(lines)})
    return Paid("opened", payout_id, plan, opened.tds_paise, plan.more)


def _lines(tx: Tx, plan: Plan, unpaid: dict[str, Doc]) -> list[Doc]:
    """What the statement will say of each booking, frozen."""
    # Without locks: what is taken of them does not change any more.
    tx.peek(*(("bookings", share.booking_id) for share in plan.shares))
    return [line(tx.get("bookings", share.booking_id) or {}, unpaid[share.booking_id]) for share in plan.shares]


def line(booking: Doc, terms: Doc) -> Doc:
    """A booking in a statement: what is still kept of its price, and how that is divided. Pure."""
    parts = {name: terms[name] for name in ("commissionPaise", "gatewayFeePaise", "mentorPaise")}
    return {
        "bookingId": terms["bookingId"],
        "scheduledAt": booking.get("scheduledAt"),
        "settledAt": terms["settledAt"],
        "duration": booking.get("duration"),
        "topic": booking.get("topic") or "",
        "outcome": booking.get("status"),
        "grossPaise": sum(parts.values()),
        **parts,
        # Contained in the commission; what is added to a student's bill is no business of the mentor's.
        "gstPaise": 0 if terms.get("gstAddedToBill") else terms["gstPaise"],
        "reversedPaise": terms.get("reversedPaise", 0),
    }


def _ask_for_details(tx: Tx, uid: str, plan: Plan, before: datetime, now: datetime) -> None:
    notifications.notify(
        tx,
        uid,
        "payout_details_needed",
        about=(repository.KIND, clock.iso(before)),
        title="Where shall we send your earnings?",
        body=f"{inr(plan.amount_paise)} is due to you. Give us a bank account or a UPI address in your settings, and "
        "it is paid with the next weekly payout.",
        data={"amount": rupees(plan.amount_paise)},
        now=now,
    )
