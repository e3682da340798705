"""gatewayRefunds/{id}: money on its way back to where it was paid from. No client reads it.

{gateway, paymentId, orderId, uid, amountPaise, heldPaise, status, reason, attempt, askedAt, providerId, failedIds,
lastError, nextCheckAt, createdAt, updatedAt}. Status: pending (to be asked for) → processing (the provider has it) →
processed; or back to pending, when the bank has refused it, and stuck after MAX_FAILED of these, for a person to see
to. The money is in the account refund:{id} from the decision until the provider's word.

The danger is to pay back twice. So what is asked for is committed before it is asked for, under one idempotency key an
attempt; and who does not know what became of an attempt looks at the provider first.
"""

import logging
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from konnect import ids
from konnect.context import Context
from konnect.errors import KonnectError, Unavailable
from konnect.integrations.gateway import Gateway, Refund, Refused
from konnect.ledger import accounts
from konnect.ledger import service as ledger
from konnect.ledger.postings import Leg, Movement
from konnect.store import Doc, Query, Tx
from konnect.tasks import Task

from . import gateways, service

log = logging.getLogger(__name__)

COLLECTION = "gatewayRefunds"
MAX_FAILED = 5
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
    doc: Doc = {
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
    tx.create((COLLECTION, refund_id), doc)
    send(tx, refund_id)


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
    if refund["status"] == "pending":
        _update(tx, refund_id, now, askedAt=now)
    return {**refund, "id": refund_id}


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
    refund = _stuck(tx, news) if not news.reference else _meant(tx, news)
    if refund is None:
        return None
    refund_id = refund["id"]
    ledger.post_new(
        tx,
        Movement(
            f"refund:{news.id}",
            "refund.paid",
            (leg(refund_id, -news.amount_paise), Leg(gateways.account_of(refund), news.amount_paise)),
            {"refund": news.id, "payment": news.payment_id, "user": refund["uid"]},
        ),
        now=now,
    )
    changed: Doc = {"status": "processed", "providerId": news.id, "lastError": None, "nextCheckAt": None}
    if news.amount_paise < refund["amountPaise"]:
        # Paid back in part by somebody else: the rest is asked for anew, unless a person sees to that as well.
        changed = {"amountPaise": refund["amountPaise"] - news.amount_paise, "attempt": refund["attempt"] + 1}
        if refund["status"] == "pending":
            send(tx, refund_id, news.id)
    _update(tx, refund_id, now, **changed)
    return {**refund, **changed}


def came_back(tx: Tx, news: Refund, *, now: datetime) -> None:
    """A refund that was processed has failed, as Stripe's may for a month: the money is in our balance there again, and
    in the refund's account, stuck. Its payer has to be paid in another way, which a person finds."""
    log.error("a refund failed after it was processed", extra={"refund": news.id, "payment": news.payment_id})
    found = tx.query(Query((COLLECTION,)).filter("paymentId", "==", news.payment_id))
    refund = next((one for one in found if one["providerId"] == news.id), None)
    if refund is None or gateways.name_of(refund) != gateways.STRIPE:
        return
    legs = (Leg(gateways.account_of(refund), -news.amount_paise), leg(refund["id"], news.amount_paise))
    subject = {"refund": news.id, "payment": news.payment_id, "user": refund["uid"]}
    ledger.post_new(tx, Movement(f"refund:{news.id}:failed", "refund.failed", legs, subject), now=now)
    failed_ids = [*refund["failedIds"], news.id]
    why = "the bank gave it back"
    _update(tx, refund["id"], now, status="stuck", providerId=None, failedIds=failed_ids, lastError=why)
    service.forget_refund(tx, news)


def _meant(tx: Tx, news: Refund) -> Doc | None:
    refund = tx.get(COLLECTION, news.reference) if ids.valid(news.reference) else None
    if refund is None or not _belongs(news.reference, refund, news) or refund["status"] == "processed":
        return None
    return {**refund, "id": news.reference}


def _stuck(tx: Tx, news: Refund) -> Doc | None:
    """What a person has paid back at the provider, for a refund of ours that was stuck; at Stripe also for one that
    waits, or a part of it: it can't be asked for any more then, since we ask for all that is left of a payment."""
    found = tx.query(Query((COLLECTION,)).filter("paymentId", "==", news.payment_id))
    return next((one for one in found if _open_to_others(one, news.amount_paise)), None)


def _open_to_others(refund: Doc, amount_paise: int) -> bool:
    if gateways.name_of(refund) == gateways.STRIPE:
        return refund["status"] in {"pending", "stuck"} and amount_paise <= refund["amountPaise"]
    return refund["status"] == "stuck" and refund["amountPaise"] == amount_paise


def _belongs(refund_id: str, refund: Doc, news: Refund) -> bool:
    return (news.reference, news.payment_id, news.amount_paise) == (
        refund_id,
        refund["paymentId"],
        refund["amountPaise"],
    )


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
        except KonnectError as error:
            log.warning("refund not advanced", extra={"refund": refund["id"], "error": error.message})
            counts["refundFailures"] += 1
            _defer(ctx, refund["id"], now)
            down[gateway] += isinstance(error, Unavailable)
    return counts


def _defer(ctx: Context, refund_id: str, now: datetime, *, to_next_sweep: bool = False) -> None:
    """One that fails again and again must not stand before the others."""
    try:
        ctx.run(partial(_postpone, refund_id=refund_id, now=now, to_next_sweep=to_next_sweep))
    except KonnectError as error:
        log.warning("refund not deferred", extra={"refund": refund_id, "error": error.message})


def _postpone(tx: Tx, refund_id: str, now: datetime, to_next_sweep: bool = False) -> None:
    refund = tx.get(COLLECTION, refund_id)
    if refund is not None and refund["nextCheckAt"] is not None and refund["nextCheckAt"] <= now:
        _update(tx, refund_id, now, nextCheckAt=now + FIRST_CHECK if to_next_sweep else _next_check(refund, now))


def _next_check(refund: Doc, now: datetime) -> datetime:
    """At 10 minutes, then at twice its age, at least every 12 hours."""
    return now + min(max(now - refund["createdAt"], FIRST_CHECK), LONGEST_WAIT)


def _update(tx: Tx, refund_id: str, now: datetime, **fields: Any) -> None:
    tx.update((COLLECTION, refund_id), {**fields, "updatedAt": now})
