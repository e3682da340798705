"""gatewayRefunds/{id}: money on its way back to where it was paid from. No client reads it.

{gateway, paymentId, orderId, uid, amountPaise, heldPaise, status, reason, attempt, askedAt, providerId, failedIds,
lastError, nextCheckAt, createdAt, updatedAt}, and {settledTo, settledReference} of one that settling.py has closed.
Status: pending (to be asked for) → processing (the provider has it) → processed; or back to pending, when the bank has
refused it, and stuck after MAX_FAILED of these, or when it came back later, for a person to see to. The money is in the
account refund:{id} from the decision until the provider's word.

The danger is to pay back twice. So what is asked for is committed before it is asked for, under one idempotency key an
attempt; and who does not know what became of an attempt looks at the provider first.
"""

import logging
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from konnect import ids, overdue
from konnect.context import Context
from konnect.errors import Unavailable
from konnect.integrations.gateway import Gateway, Refund, Refused
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.store import Doc, Query, Tx
from konnect.tasks import Task

from . import gateways, repository, service

log = logging.getLogger(__name__)

COLLECTION = "gatewayRefunds"
MAX_FAILED = 5
LEAST_PAISE = 1_00
"""Razorpay refunds no less."""
FIRST_CHECK = timedelta(minutes=10)
LONGEST_WAIT = timedelta(hours=12)
BATCH = 50
MAX_UNAVAILABLE = 3
"""Then the gateway is down: no use in asking about its others, which are put off."""


def open_new(
    tx: Tx,
    refund_id: str,
    *,
    payment_id: str,
    order_id: str,
    uid: str,
    amount_paise: int,
    reason: str,
    gateway: gateways.Name = gateways.RAZORPAY,
    now: datetime,
) -> None:
    """Promise money back. The caller has proved the refund new, and posts the movement that brings `amount_paise` to
    its account, in this transaction."""
    doc = _new(payment_id, order_id, uid, amount_paise, reason, gateway, now)
    tx.create((COLLECTION, refund_id), doc)
    send(tx, refund_id)


def _new(
    payment_id: str, order_id: str, uid: str, amount_paise: int, reason: str, gateway: gateways.Name, now: datetime
) -> Doc:
    return {
        "gateway": gateway,
        "paymentId": payment_id,
        "orderId": order_id,
        "uid": uid,
        "amountPaise": amount_paise,
        "heldPaise": 0,
        "status": "pending",
        "reason": reason,
        "attempt": 1,
        "askedAt": None,
        "providerId": None,
        "failedIds": [],
        "lastError": None,
        "nextCheckAt": now + FIRST_CHECK,
        "createdAt": now,
        "updatedAt": now,
    }


def send(tx: Tx, refund_id: str, *why: Any) -> None:
    """Have it asked for soon; also to make good what a crash left out."""
    tx.enqueue(Task("/payments/refund", ("gateway-refund", refund_id, *why), {"refundId": refund_id}))


def leg(refund_id: str, amount_paise: int) -> Leg:
    return Leg(accounts.refund(refund_id), amount_paise)


# Asking the provider


def advance(ctx: Context, refund_id: str, *, now: datetime) -> str | None:
    """Ask for a refund, or what has become of it. Returns its status.

    Raises Unavailable (try again) and, after it has been noted, nothing for a refusal: the sweep asks again.
    """
    refund = ctx.run(partial(_claim, refund_id=refund_id, now=now))
    if refund is None:
        return None
    if refund["status"] not in {"pending", "processing"}:
        return str(refund["status"])
    try:
        heard = _ask(gateways.of(ctx.settings, refund), refund)
    except Refused as error:
        log.error("refund refused", extra={"refund": refund_id, "error": error.message, "why": error.description})
        ctx.run(partial(_refused, refund_id=refund_id, why=error.description or error.message, now=now))
        return "pending"
    return ctx.run(partial(hear, refund_id=refund_id, news=heard, now=now))


def _claim(tx: Tx, refund_id: str, now: datetime) -> Doc | None:
    """The refund as it was before; from now on it may have been asked for."""
    refund = tx.get(COLLECTION, refund_id)
    if refund is None:
        return None
    refund = {**refund, "id": refund_id}
    paid_paise = paid_by_hand(tx, refund)
    if paid_paise:
        refund |= _less_by_hand(tx, refund, paid_paise, now)
    if refund["status"] == "pending":
        _update(tx, refund_id, now, askedAt=now)
    return refund


def paid_by_hand(tx: Tx, refund: Doc) -> int:
    """What of one that waits or is stuck can't be asked for, since somebody has paid it back at the provider before, or
    a bank has: the payer has it. In paise. Less than the least has no way back: it stays the platform's."""
    recorded = repository.payment(tx, refund["paymentId"])
    if recorded is None or refund["status"] not in {"pending", "stuck"}:
        return 0
    left_paise = recorded["amountPaise"] - sum(recorded["refunds"].values())
    if refund["amountPaise"] <= left_paise:
        return 0
    return int(refund["amountPaise"]) - (left_paise if left_paise >= LEAST_PAISE else 0)


def _less_by_hand(tx: Tx, refund: Doc, paise: int, now: datetime) -> Doc:
    """So much of it is the platform's expense no more. Returns what changes."""
    attempt = refund["attempt"] + 1
    legs = (leg(refund["id"], -paise), Leg(accounts.PLATFORM_ADJUSTMENTS, paise))
    subject = {"refund": refund["id"], "payment": refund["paymentId"], "user": refund["uid"]}
    ledger.post_new(tx, Movement(f"refund:{refund['id']}:by-hand:{attempt}", "refund.by_hand", legs, subject), now=now)
    changed: Doc = {"amountPaise": refund["amountPaise"] - paise, "attempt": attempt}
    if not changed["amountPaise"]:
        changed |= {"status": "processed", "lastError": None, "nextCheckAt": None}
    _update(tx, refund["id"], now, **changed)
    return changed


def _ask(gateway: Gateway, refund: Doc) -> Refund:
    if refund["providerId"] is not None:
        return gateway.fetch_refund(refund["providerId"])
    if refund["askedAt"] is not None:
        # What became of that is not known: the provider's memory of keys may be shorter than ours.
        for known in gateway.refunds_of(refund["paymentId"]):
            if known.reference == refund["id"] and known.id not in refund["failedIds"]:
                return known
    return gateway.refund(
        payment_id=refund["paymentId"],
        amount_paise=refund["amountPaise"],
        reference=refund["id"],
        idempotency_key=ids.digest("refund", refund["id"], refund["attempt"]),
    )


def _refused(tx: Tx, refund_id: str, why: str, now: datetime) -> None:
    refund = tx.get(COLLECTION, refund_id)
    if refund is not None and refund["status"] == "pending":
        # Stripe would say the same to the same key for a day, whatever has changed.
        attempt = refund["attempt"] + (gateways.name_of(refund) == gateways.STRIPE)
        _update(tx, refund_id, now, attempt=attempt, lastError=why, nextCheckAt=_next_check(refund, now))


# What the provider says


def hear(tx: Tx, refund_id: str, news: Refund, now: datetime) -> str:
    """Apply the provider's word on a refund of ours, whoever brings it. Returns its status."""
    refund = tx.get(COLLECTION, refund_id)
    if refund is None or not _belongs(refund_id, refund, news):
        log.error("a refund differs from what was asked for", extra={"refund": refund_id, "news": news.id})
        return "mismatch"
    if news.id in refund["failedIds"] or refund["status"] in {"processed", "stuck"}:
        if news.status == "failed" and refund["status"] == "processed" and news.id == refund["providerId"]:
            came_back(tx, news, now=now)
        return str(refund["status"])
    if news.status == "failed":
        return _failed(tx, refund_id, refund, news, now)
    if news.status == "processed":
        service.note_refund(tx, news, now=now)
        return "processed"
    _update(tx, refund_id, now, status="processing", providerId=news.id, nextCheckAt=_next_check(refund, now))
    return "processing"


def _failed(tx: Tx, refund_id: str, refund: Doc, news: Refund, now: datetime) -> str:
    """The bank has given it back to us: asked for again, later, under another key."""
    failed_ids = [*refund["failedIds"], news.id]
    stuck = len(failed_ids) >= MAX_FAILED
    log.log(
        logging.ERROR if stuck else logging.WARNING,
        "refund failed",
        extra={"refund": refund_id, "times": len(failed_ids)},
    )
    status = "stuck" if stuck else "pending"
    _update(
        tx,
        refund_id,
        now,
        status=status,
        providerId=None,
        askedAt=None,
        attempt=refund["attempt"] + 1,
        failedIds=failed_ids,
        lastError="the bank refused it",
        nextCheckAt=None if stuck else now + FIRST_CHECK * 2 ** len(failed_ids),
    )
    return status


def processed(tx: Tx, news: Refund, *, now: datetime) -> Doc | None:
    """The money has left: out of the refund's account, once. Returns the refund with its "id"; None if it is none of
    ours, as one that somebody has made at the provider. The caller has proved the news new."""
    refund = _meant(tx, news) if news.reference else _stuck(tx, news)
    if refund is None and not news.reference:
        # A part, it may be, of one that is stuck: then paid_by_hand says so.
        for one in _of_payment(tx, news.payment_id):
            if one["status"] == "stuck":
                send(tx, one["id"], news.id)
    return None if refund is None else _pay(tx, news, [(refund, news.amount_paise)], now)[0]


def covered(tx: Tx, news: Refund, *, now: datetime) -> int:
    """The same of money that has left Stripe, where a refund that waits can't be asked for any more once somebody has
    made one in the dashboard, since we ask for all that is left. Returns how much of it was for refunds of ours: all of
    one that is ours; of another, or of a dispute that was lost, what is stuck comes first, since that needs a hand, and
    what waits may be on its way."""
    meant = _meant(tx, news)
    parts = [] if meant is None else [(meant, news.amount_paise)]
    if not news.reference:
        left_paise = news.amount_paise
        found = _of_payment(tx, news.payment_id)
        for one in sorted(found, key=lambda one: (one["status"] != "stuck", one["createdAt"], one["id"])):
            paise = min(left_paise, one["amountPaise"]) if one["status"] in {"pending", "stuck"} else 0
            left_paise -= paise
            parts += [(one, paise)] if paise else []
    if parts:
        _pay(tx, news, parts, now)
    return sum(paise for _, paise in parts)


def _pay(tx: Tx, news: Refund, parts: list[tuple[Doc, int]], now: datetime) -> list[Doc]:
    """The refunds as they are then."""
    gone = Leg(gateways.account_of(parts[0][0]), sum(paise for _, paise in parts))
    legs = (*(leg(refund["id"], -paise) for refund, paise in parts), gone)
    subject = {"refund": news.id, "payment": news.payment_id, "user": parts[0][0]["uid"]}
    ledger.post_new(tx, Movement(f"refund:{news.id}", "refund.paid", legs, subject), now=now)
    paid: list[Doc] = []
    for refund, paise in parts:
        changed: Doc = {"status": "processed", "providerId": news.id, "lastError": None, "nextCheckAt": None}
        if paise < refund["amountPaise"]:
            # Paid back in part by somebody else: the rest is asked for anew, unless a person sees to that as well.
            changed = {"amountPaise": refund["amountPaise"] - paise, "attempt": refund["attempt"] + 1}
            if refund["status"] == "pending":
                send(tx, refund["id"], news.id)
        _update(tx, refund["id"], now, **changed)
        paid.append({**refund, **changed})
    return paid


def came_back(tx: Tx, news: Refund, *, now: datetime) -> None:
    """A refund that has left has failed, as Stripe's may for a month: the money is in our balance there again. It is
    its payer's all the same, since somebody has decided so and what was sold is taken back: it waits in a refund's
    account, stuck, for a person to find another way. The caller has proved the news new."""
    log.error("a refund failed after it was processed", extra={"refund": news.id, "payment": news.payment_id})
    paid = tx.get("payments", news.payment_id)
    assert paid is not None
    if gateways.name_of(paid) != gateways.STRIPE:
        return
    found = _of_payment(tx, news.payment_id)
    ours = (one for one in found if (one["providerId"], one["amountPaise"]) == (news.id, news.amount_paise))
    refund = next(ours, None)
    if refund is None:
        # Made in the dashboard, for a sale or for more than one refund of ours.
        reason = "refunded-at-provider"
        new = _new(news.payment_id, paid["orderId"], paid["uid"], news.amount_paise, reason, gateways.STRIPE, now)
        tx.create((COLLECTION, news.id), new)
        refund = {**new, "id": news.id}
    legs = (Leg(gateways.account_of(refund), -news.amount_paise), leg(refund["id"], news.amount_paise))
    subject = {"refund": news.id, "payment": news.payment_id, "user": refund["uid"]}
    ledger.post_new(tx, Movement(f"refund:{news.id}:failed", "refund.failed", legs, subject), now=now)
    failed_ids = [*refund["failedIds"], news.id]
    why = "it was withdrawn at the provider" if news.is_withdrawn else "the bank gave it back"
    _update(
        tx,
        refund["id"],
        now,
        status="stuck",
        providerId=None,
        failedIds=failed_ids,
        lastError=why,
        nextCheckAt=None,
    )
    service.forget_refund(tx, news)
    # It may be one too many, whose payer was paid in another way before: then paid_by_hand says so.
    send(tx, refund["id"], news.id)


def has_failed(tx: Tx, news: Refund) -> bool:
    """Whether that has been heard, and what follows done."""
    return any(news.id in one["failedIds"] for one in _of_payment(tx, news.payment_id))


def _meant(tx: Tx, news: Refund) -> Doc | None:
    refund = tx.get(COLLECTION, news.reference) if ids.valid(news.reference) else None
    if refund is None or not _belongs(news.reference, refund, news) or refund["status"] == "processed":
        return None
    return {**refund, "id": news.reference}


def _stuck(tx: Tx, news: Refund) -> Doc | None:
    """What a person has paid back at the provider, for a refund of ours that was stuck."""
    wanted = ("stuck", news.amount_paise)
    found = _of_payment(tx, news.payment_id)
    return next((one for one in found if (one["status"], one["amountPaise"]) == wanted), None)


def _of_payment(tx: Tx, payment_id: str) -> list[Doc]:
    return tx.query(Query((COLLECTION,)).filter("paymentId", "==", payment_id))


def _belongs(refund_id: str, refund: Doc, news: Refund) -> bool:
    """One that failed has moved nothing: it may be of an attempt at more than is left of ours by now."""
    is_asked_for = news.status == "failed" or news.amount_paise == refund["amountPaise"]
    return is_asked_for and (news.reference, news.payment_id) == (refund_id, refund["paymentId"])


# The sweep


def sweep(ctx: Context, *, now: datetime) -> dict[str, int]:
    """Go on with what has waited: lost tasks, refusals, refunds that no webhook told the end of."""
    due = Query((COLLECTION,), (("nextCheckAt", "<=", now),), (("nextCheckAt", "asc"),), BATCH).run(ctx.db)
    counts, down = {"refunds": len(due), "refundFailures": 0}, Counter[str]()
    for refund in due:
        gateway = gateways.name_of(refund)
        if down[gateway] >= MAX_UNAVAILABLE:
            _defer(ctx, refund["id"], now, to_next_sweep=True)
            continue
        try:
            advance(ctx, refund["id"], now=now)
            ctx.run(partial(_postpone, refund_id=refund["id"], now=now))
        except Exception as error:
            overdue.tell("refund not advanced", error, refund=refund["id"])
            counts["refundFailures"] += 1
            _defer(ctx, refund["id"], now)
            down[gateway] += isinstance(error, Unavailable)
    return counts


def _defer(ctx: Context, refund_id: str, now: datetime, *, to_next_sweep: bool = False) -> None:
    """One that fails again and again, whatever is wrong with it, must not stand before the others."""
    try:
        ctx.run(partial(_postpone, refund_id=refund_id, now=now, to_next_sweep=to_next_sweep))
    except Exception as error:
        overdue.tell("refund not deferred", error, refund=refund_id)


def _postpone(tx: Tx, refund_id: str, now: datetime, to_next_sweep: bool = False) -> None:
    refund = tx.get(COLLECTION, refund_id)
    if refund is not None and refund["nextCheckAt"] is not None and refund["nextCheckAt"] <= now:
        _update(tx, refund_id, now, nextCheckAt=now + FIRST_CHECK if to_next_sweep else _next_check(refund, now))


def _next_check(refund: Doc, now: datetime) -> datetime:
    """At 10 minutes, then at twice its age, at least every 12 hours."""
    return now + min(max(now - refund["createdAt"], FIRST_CHECK), LONGEST_WAIT)


def _update(tx: Tx, refund_id: str, now: datetime, **fields: Any) -> None:
    tx.update((COLLECTION, refund_id), {**fields, "updatedAt": now})
