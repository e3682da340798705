"""What Razorpay could not tell us: refunds of payments that are credited, which nothing else here asks about, as
somebody makes them in its dashboard. Its list of refunds is gone through once a day, since webhooks tell of most, and
repeat for a day; what they have told changes nothing.

eventCursors/razorpay: {since, until, skip, updatedAt}: of the refunds made from `since` to `until`, the newest `skip`
have been looked at; None: all of them. A round over a closed span sees all, since what is made meanwhile is newer.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from konnect import ids
from konnect.context import Context
from konnect.errors import Unavailable
from konnect.external_events import service as external_events
from konnect.integrations.gateway import Refund
from konnect.integrations.razorpay.client import gateway
from konnect.store import Doc, Tx

from . import cursors, gateways, refunds, repository, service, turns

log = logging.getLogger(__name__)

EVERY = timedelta(days=1)
PENDING = timedelta(days=10)
"""So long a bank may take: each round looks again at what was made so long before the end of the one before."""
FIRST = timedelta(days=30)
"""The first round goes so far back."""


@dataclass(frozen=True)
class Round:
    """The refunds made from `since` to `until`, both included, but for the newest `skip`."""

    since: datetime
    until: datetime
    skip: int


def sweep(ctx: Context, *, now: datetime) -> dict[str, int]:
    """Returns how many "missedRefunds" were found, and "missedRefundFailures"; nothing where Razorpay is not set up."""
    if not ctx.settings.razorpay_key_id:
        return {}
    counts = {"missedRefunds": 0, "missedRefundFailures": 0}

    def page(kept: Doc | None) -> Doc | None:
        span = _round(kept, now)
        if span is None:
            return None
        made = gateway(ctx.settings).refunds_made(span.since, span.until, skip=span.skip, limit=cursors.PAGE)
        _look_at(ctx, made, counts, now)
        skip = span.skip + len(made) if len(made) == cursors.PAGE else None
        return {"since": span.since, "until": span.until, "skip": skip}

    if not cursors.follow(ctx, gateways.RAZORPAY, page, now=now):
        counts["missedRefundFailures"] += 1
    return counts


def _round(kept: Doc | None, now: datetime) -> Round | None:
    """The rest of one, or the next, if it is time for it."""
    if kept is not None and kept["skip"] is not None:
        return Round(kept["since"], kept["until"], kept["skip"])
    until = cursors.second(now - cursors.SETTLED)
    if kept is None:
        return Round(until - FIRST, until, 0)
    return Round(kept["until"] - PENDING, until, 0) if until - kept["until"] >= EVERY else None


def _look_at(ctx: Context, page: Sequence[Refund], counts: dict[str, int], now: datetime) -> None:
    """Raises Unavailable: then the page is to be looked at again."""
    ended = [news for news in page if news.status in {"processed", "failed"} and ids.valid(news.payment_id)]
    payments = ctx.db.get_many({("payments", news.payment_id) for news in ended}) if ended else {}
    # Ours first: of one that failed, what was made in the dashboard since may be the payer's money.
    for news in sorted(ended, key=lambda one: not one.reference):
        # Those of other systems on the account are passed over; what is not credited yet is the order's sweep to find.
        recorded = payments["payments", news.payment_id]
        if recorded is None or gateways.name_of(recorded) != gateways.RAZORPAY:
            continue
        if news.status == "processed" and news.id in recorded["refunds"]:
            continue
        about = {"refund": news.id, "payment": news.payment_id, "status": news.status}
        try:
            if turns.run(ctx, recorded["orderId"], partial(_apply, news=news, now=now)):
                log.warning("a refund that no webhook told of", extra=about)
                counts["missedRefunds"] += 1
        except Unavailable:
            raise
        except Exception:
            # It would fail again, and must not stand before the others; the next rounds try it again.
            log.exception("refund not noted", extra=about)
            counts["missedRefundFailures"] += 1


def _apply(tx: Tx, news: Refund, now: datetime) -> bool:
    """Whether it was news: what its webhook does."""
    if news.status == "processed":
        return service.note_refund(tx, news, now=now) is service.Outcome.REFUNDED
    recorded = repository.payment(tx, news.payment_id)
    assert recorded is not None
    if news.id in recorded["refunds"]:
        return _came_back(tx, news, now)
    if not ids.valid(news.reference) or refunds.has_failed(tx, news):
        return False
    return refunds.hear(tx, news.reference, news, now) in {"pending", "stuck"}


def _came_back(tx: Tx, news: Refund, now: datetime) -> bool:
    """A person is told, once: the payment does not show that they were."""
    event_id, name = f"{news.id}:failed", "refund.failed"
    if external_events.received(tx, gateways.RAZORPAY, event_id):
        return False
    refunds.came_back(tx, news, now=now)
    about = {"paymentId": news.payment_id, "refundId": news.id}
    external_events.record(
        tx, gateways.RAZORPAY, event_id, name=name, outcome=service.Outcome.FAILED, subject=about, now=now
    )
    return True
