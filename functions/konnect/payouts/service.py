"""Payouts: money is taken at once, held in payout:{id}, and leaves that account once, by what the provider says or by
hand. News come from the request's answer, webhooks, the task and the sweep; in any order, at once, repeated or late.

Two dangers decide the shape: paying twice, and giving money back that is still on its way. So what is asked of the
provider is frozen and committed before it is asked, under one idempotency key for good; and an attempt whose outcome is
unknown stands in the way of giving back until the provider has been asked and no request can be under way any more.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from konnect import audit, clock, ids
from konnect.errors import BadRequest, Conflict, NotFound, Unavailable
from konnect.integrations.razorpay.entities import Payout
from konnect.integrations.razorpay.payouts import PayoutRequest
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.money import CURRENCY, rupees
from konnect.notifications import service as notifications
from konnect.store import Doc, Tx
from konnect.tasks import Task

from . import details, policy, purposes, repository, tax

log = logging.getLogger(__name__)

NO_REASON = "the bank transfer failed"


class News(StrEnum):
    """What became of a piece of news."""

    PAID = "paid"
    FAILED = "failed"
    REVERSED = "reversed"
    WAITS = "waits"
    REPEAT = "repeat"
    MISMATCH = "mismatch"
    """It is about our reference, and not what we asked for. Nothing was done."""
    CONTRADICTION = "contradiction"
    """The provider says paid of what we have given back, or of what was settled by hand: for a person to see to."""
    UNKNOWN_PAYOUT = "unknown_payout"


ALARMING = {News.MISMATCH, News.CONTRADICTION}


@dataclass(frozen=True)
class Opened:
    """`balance_paise` is left at the payout's source; `tds_paise` was withheld from what is sent."""

    balance_paise: int
    tds_paise: int


@dataclass(frozen=True)
class Claim:
    """The right to ask the provider now, of one attempt. `unknown_at`: when an earlier one of unknown outcome began."""

    payout_id: str
    by: str
    request: PayoutRequest
    unknown_at: datetime | None


def open_new(
    tx: Tx, payout_id: str, *, kind: str, uid: str, amount_paise: int, about: Doc | None = None, now: datetime
) -> Opened:
    """Take the money out of its source into payout:{id}, less TDS, and have it sent. The caller has proved the payout
    new. `about`: what its kind keeps with it.

    Raises PaymentRequired, BadRequest (amount: too little would be left of it).
    """
    source = purposes.of(kind).source(uid, -amount_paise)
    destination = details.destination(details.of(tx, uid))
    tds = tax.take(tx, uid, amount_paise, now=now)
    tds_paise = tds["tdsPaise"]
    if amount_paise - tds_paise < policy.LEAST_PAISE:
        raise BadRequest.field("amount", f"must leave {rupees(policy.LEAST_PAISE)} {CURRENCY} when TDS is withheld")
    repository.create(
        tx,
        payout_id,
        kind=kind,
        uid=uid,
        gross_paise=amount_paise,
        tds=tds,
        destination=destination,
        about=about,
        now=now,
    )
    legs = (
        source,
        Leg(accounts.TAX_TDS, tds_paise),
        Leg(accounts.payout(payout_id), amount_paise - tds_paise),
    )
    posted = ledger.post_new(
        tx, Movement(f"payout:{payout_id}", kind, _moving(legs), {"payout": payout_id, "user": uid}), now=now
    )
    tx.enqueue(send_task(payout_id))
    return Opened(posted.balances[source.account], tds_paise)


def _moving(legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    return tuple(leg for leg in legs if leg.amount_paise)


def send_task(payout_id: str, *why: str) -> Task:
    """`why` tells it from the payout's first task, whose name is taken for a while."""
    return Task("/payouts/send", ("payout", payout_id, *why), {"payoutId": payout_id})


# Asking the provider


def claim(tx: Tx, payout_id: str, *, account_number: str, narration: str, by: str, now: datetime) -> Claim | None:
    """Claim the next attempt; None if there is nothing to ask: it is settled, the provider has it, or it has to wait
    (for details, for a person), which the owner is told once. `by` is this attempt's own id.

    Raises Unavailable while another attempt is under way.
    """
    payout = repository.find(tx, payout_id)
    if payout is None or payout["status"] not in {"pending", "processing"} or payout["providerId"] is not None:
        return None
    attempt = payout["attempt"]
    if attempt is not None and attempt["by"] == by:
        # Ours: an earlier run of this transaction was committed, although its answer was lost.
        return Claim(payout_id, by, _request(payout), attempt["earlierAt"])
    if attempt is not None and attempt["until"] > now:
        raise Unavailable("the payout is being sent", retry_after_s=policy.LEASE_S)
    if payout["status"] == "pending":
        prepared, waiting_for = _prepare(tx, payout, account_number, narration)
        if waiting_for is not None:
            _wait(tx, payout, waiting_for, now)
            return None
        payout |= prepared
    earlier_at = attempt["at"] if attempt is not None else None
    repository.update(
        tx,
        payout_id,
        now=now,
        status="processing",
        destination=payout["destination"],
        request=payout["request"],
        attempt={"by": by, "at": now, "until": clock.after(now, policy.LEASE_S), "earlierAt": earlier_at},
        attempts=payout["attempts"] + 1,
        waitingFor=None,
        nextCheckAt=policy.next_check(payout["createdAt"], now),
    )
    return Claim(payout_id, by, _request(payout), earlier_at)


def _prepare(tx: Tx, payout: Doc, account_number: str, narration: str) -> tuple[Doc, str | None]:
    """The destination and the request of a first attempt; or what it has to wait for."""
    if not account_number:
        return {}, "hand"
    user = tx.get("users", payout["userId"]) or {}
    if user.get("disabled"):
        return {}, "account"
    destination = payout["destination"]
    if destination is None or destination["fundAccountId"] is None:
        destination = details.destination(details.of(tx, payout["userId"]))
    if destination is None or destination["fundAccountId"] is None:
        return {}, "details"
    mode = policy.mode(destination["method"], payout["amountPaise"])
    if mode is None:
        return {}, "bank"
    request = {"accountNumber": account_number, "mode": mode, "narration": narration}
    return {"destination": destination, "request": request}, None


def _wait(tx: Tx, payout: Doc, waiting_for: str, now: datetime) -> None:
    next_check_at = policy.next_check(payout["createdAt"], now)
    # A destination that can't take it is no reason to keep it: other details may be given.
    kept = None if waiting_for == "bank" else payout["destination"]
    repository.update(tx, payout["id"], now=now, waitingFor=waiting_for, nextCheckAt=next_check_at, destination=kept)
    if waiting_for in {"details", "bank"}:
        what = "a bank account" if waiting_for == "bank" else "a bank account or a UPI address"
        notifications.notify(
            tx,
            payout["userId"],
            "payout_details_needed",
            about=(payout["id"], waiting_for),
            title="Where shall we send your money?",
            body=f"Give us {what} in your settings, and it is sent.",
            now=now,
        )


def _request(payout: Doc) -> PayoutRequest:
    request = payout["request"]
    return PayoutRequest(
        account_number=request["accountNumber"],
        fund_account_id=payout["destination"]["fundAccountId"],
        amount_paise=payout["amountPaise"],
        mode=request["mode"],
        reference_id=payout["id"],
        idempotency_key=ids.digest("payout", payout["id"]),
        narration=request["narration"],
        notes={"kind": payout["kind"], "uid": payout["userId"]},
    )


def unknown(tx: Tx, claimed: Claim, *, now: datetime) -> None:
    """The attempt's outcome is unknown: the next may begin, and nothing is given back meanwhile."""
    payout = _under(tx, claimed)
    if payout is not None:
        tx.update(("payouts", claimed.payout_id), {"attempt": {**payout["attempt"], "by": "", "until": now}})


def not_asked(tx: Tx, claimed: Claim, *, now: datetime) -> None:
    """The provider has not taken the attempt, and it says nothing of the payout (our keys, say)."""
    if _under(tx, claimed) is not None:
        repository.update(tx, claimed.payout_id, now=now, attempt=_earlier(claimed))


def refused(tx: Tx, claimed: Claim, *, reason: str, now: datetime) -> bool:
    """The provider refused the payout, for good, and knows of no other under its reference: the money goes back.

    Returns False, and waits, while an earlier attempt may still arrive there.
    """
    payout = _under(tx, claimed)
    if payout is None:
        return True
    if not policy.settled_since(claimed.unknown_at, now):
        repository.update(tx, claimed.payout_id, now=now, attempt=_earlier(claimed))
        return False
    tx.update(("payouts", claimed.payout_id), {"attempt": None})
    _settle(tx, payout, "failed", by="provider", reason=reason, now=now)
    return True


def _under(tx: Tx, claimed: Claim) -> Doc | None:
    """The payout, while this attempt's claim stands and no news of it have come."""
    payout = repository.find(tx, claimed.payout_id)
    if payout is None or payout["status"] != "processing" or payout["providerId"] is not None:
        return None
    attempt = payout["attempt"]
    return payout if attempt is not None and attempt["by"] == claimed.by else None


def _earlier(claimed: Claim) -> Doc | None:
    at = claimed.unknown_at
    return None if at is None else {"by": "", "at": at, "until": at, "earlierAt": None}


# What the provider says


def hear(tx: Tx, news: Payout, *, now: datetime) -> News:
    """Apply what the provider says of a payout, whoever brings it. State moves forward only."""
    payout = repository.find(tx, news.reference_id)
    if payout is None:
        return News.UNKNOWN_PAYOUT
    if not _belongs(payout, news):
        return News.MISMATCH
    meaning = policy.meaning(news.status)
    if payout["status"] == "processing":
        if meaning != "waits":
            return _end(tx, payout, news, "paid" if meaning == "paid" else "failed", now)
        repository.update(
            tx, payout["id"], now=now, **_heard(news), nextCheckAt=policy.next_check(payout["createdAt"], now)
        )
        return News.WAITS
    if payout["settledBy"] == "hand" or payout["providerId"] is None:
        return News.REPEAT if meaning == "returned" else _contradict(tx, payout, news, now)
    if payout["status"] == "paid":
        # Cancelled or rejected it can't have been: it was paid.
        if news.status in {"reversed", "failed"}:
            return _end(tx, payout, news, "reversed", now)
        if meaning == "paid" and news.utr and news.utr != payout["utr"]:
            repository.update(tx, payout["id"], now=now, utr=news.utr)
        return News.REPEAT
    if meaning == "paid" and payout["providerStatus"] != "reversed":
        return _contradict(tx, payout, news, now)
    return News.REPEAT


def _belongs(payout: Doc, news: Payout) -> bool:
    """Whether these news are of the payout that we asked for."""
    return (
        payout["request"] is not None
        and payout["providerId"] in {None, news.id}
        and (news.fund_account_id, news.amount_paise, news.currency)
        == (payout["destination"]["fundAccountId"], payout["amountPaise"], CURRENCY)
    )


def _end(tx: Tx, payout: Doc, news: Payout, outcome: purposes.Outcome, now: datetime) -> News:
    tx.update(("payouts", payout["id"]), {**_heard(news), "attempt": None})
    _settle(tx, payout, outcome, by="provider", reference=news.utr or news.id, reason=news.reason, now=now)
    return News(outcome)


def _heard(news: Payout) -> Doc:
    heard = {"providerId": news.id, "providerStatus": news.status}
    return {**heard, "utr": news.utr} if news.utr else heard


def _contradict(tx: Tx, payout: Doc, news: Payout, now: datetime) -> News:
    if payout["contradiction"] is None or payout["contradiction"]["status"] != news.status:
        said = {"providerId": news.id, "status": news.status, "utr": news.utr, "at": now}
        repository.update(tx, payout["id"], now=now, contradiction=said)
    return News.CONTRADICTION


# The end


def settle_by_hand(
    tx: Tx, payout_id: str, outcome: purposes.Outcome, *, by: str, reference: str = "", reason: str = "", now: datetime
) -> dict[str, Any]:
    """Close a payout that the provider has not been asked for: "paid" after a bank transfer by hand, "failed" to return
    the money; "reversed" when a transfer by hand has come back. Repeats change nothing.

    Raises NotFound, and Conflict: PAYOUT_AT_PROVIDER (its word alone closes it; see there or wait), PAYOUT_SETTLED.
    """
    if outcome not in {"paid", "failed", "reversed"}:
        raise BadRequest.field("outcome", "must be paid, failed or reversed")
    payout = repository.find(tx, payout_id)
    if payout is None:
        raise NotFound("there is no such payout")
    result = {"payoutId": payout_id, "status": outcome, "amountPaise": payout["amountPaise"]}
    before = payout["status"]
    if before == outcome:
        return result
    if before == "processing":
        _check_free(payout, now)
    open_now = before in {"pending", "processing"}
    if outcome == "reversed":
        if before != "paid" or payout["settledBy"] != "hand":
            raise Conflict(f"the payout is {before}: only one paid by hand can be reversed", code="PAYOUT_SETTLED")
    elif not open_now:
        raise Conflict(f"the payout is {before} already", code="PAYOUT_SETTLED")
    _settle(tx, payout, outcome, by="hand", reference=reference, reason=reason, now=now)
    audit.write(
        tx,
        actor=by,
        action="payout.settle",
        target=f"payouts/{payout_id}",
        before={"status": before},
        after={"status": outcome, "reference": reference, "amountPaise": payout["amountPaise"]},
        reason=reason or None,
        entry_id=ids.digest("payout.settle", payout_id, outcome),
        now=now,
    )
    return result


def _check_free(payout: Doc, now: datetime) -> None:
    """Raises Conflict unless no attempt can have come about at the provider; the caller has just asked it."""
    if payout["providerId"] is not None:
        raise Conflict(
            f"the provider has this payout as {payout['providerId']}, {payout['providerStatus']}: it settles by itself "
            "when that is final; to stop it, cancel it there",
            code="PAYOUT_AT_PROVIDER",
            details=[{"providerId": payout["providerId"], "providerStatus": payout["providerStatus"]}],
        )
    attempt = payout["attempt"]
    if attempt is not None and (attempt["until"] > now or not policy.settled_since(attempt["at"], now)):
        again_at = max(attempt["until"], attempt["at"] + policy.SETTLES_AFTER)
        raise Conflict(
            f"the provider was asked at {clock.iso(attempt['at'])}, and its answer is unknown: it may still pay. Try "
            f"again after {clock.iso(again_at)}",
            code="PAYOUT_AT_PROVIDER",
            details=[{"askedAt": clock.iso(attempt["at"]), "tryAgainAt": clock.iso(again_at)}],
        )


def _settle(
    tx: Tx, payout: Doc, outcome: purposes.Outcome, *, by: str, reference: str = "", reason: str = "", now: datetime
) -> None:
    """Post the outcome's movement, write it down, tell the owner. The caller has proved the outcome new."""
    payout_id, uid, amount_paise = payout["id"], payout["userId"], payout["amountPaise"]
    purpose, gross_paise = purposes.of(payout["kind"]), repository.returned(payout)
    held, bank = Leg(accounts.payout(payout_id), -amount_paise), Leg(accounts.GATEWAY_BANK, amount_paise)
    # What was withheld goes back with the rest: nothing was paid that it could be the tax on.
    back = (Leg(accounts.TAX_TDS, amount_paise - gross_paise), purpose.source(uid, gross_paise))
    legs = {
        "paid": (held, bank),
        "failed": (held, *back),
        "reversed": (Leg(accounts.GATEWAY_BANK, -amount_paise), *back),
    }[outcome]
    subject = {"payout": payout_id, "user": uid}
    ledger.post_new(
        tx, Movement(f"payout:{payout_id}:{outcome}", f"{payout['kind']}.{outcome}", _moving(legs), subject), now=now
    )
    if outcome != "paid" and payout.get("tds") is not None:
        tax.give_back(tx, uid, gross_paise, payout["tds"], now=now)
    told = reason or (NO_REASON if outcome != "paid" else "")
    # Of a transfer by hand there is nobody to ask later.
    late = policy.next_late_check(now, now) if outcome == "paid" and by == "provider" else None
    repository.update(
        tx,
        payout_id,
        now=now,
        status=outcome,
        settledBy=by,
        reference=reference or payout["reference"],
        reason=told or None,
        waitingFor=None,
        settledAt=now,
        nextCheckAt=late,
    )
    purpose.settled(tx, payout, outcome, reference=reference, reason=told, now=now)


def checked(tx: Tx, payout_id: str, *, now: datetime) -> None:
    """The sweep has looked at a payout, and nothing is new."""
    payout = repository.find(tx, payout_id)
    if payout is None:
        return
    if payout["status"] in {"pending", "processing"}:
        following: datetime | None = policy.next_check(payout["createdAt"], now)
    elif payout["status"] == "paid" and payout["settledBy"] == "provider":
        following = policy.next_late_check(payout["settledAt"], now)
    else:
        following = None
    if payout["nextCheckAt"] != following:
        tx.update(("payouts", payout_id), {"nextCheckAt": following})
