"""What Stripe could not tell us: its events of refunds and disputes, which nothing else here looks for. They are asked
for at each sweep, as Stripe advises for undelivered events, and passed on as its webhook passes them; most have been
received by then, and change nothing.

eventCursors/stripe: {since, until, after, updatedAt}. What happened up to `since` has been passed on. `until` and
`after`: of a span that is under way (else None), of which the events from `until` back to `after` have been, since
Stripe lists the newest first. It moves after each page, never before: what fails, or is down, is asked for again.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from konnect.context import Context
from konnect.errors import Unavailable
from konnect.integrations.gateway import Refused
from konnect.integrations.stripe.client import gateway
from konnect.integrations.stripe.webhook import Event
from konnect.store import Doc

from . import cursors, gateways, stripe_events

log = logging.getLogger(__name__)

NAMES = (
    "charge.refunded",
    "charge.refund.updated",
    "refund.failed",
    "refund.updated",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)
"""Checkouts are asked about one by one (sweeps.py)."""
KEPT = timedelta(days=30)
"""By Stripe."""


@dataclass(frozen=True)
class Span:
    """After `since`, up to `until`; `after`: the last event that was passed on, None before the first page."""

    since: datetime
    until: datetime
    after: str | None


def sweep(ctx: Context, *, now: datetime) -> dict[str, int]:
    """Returns how many "events" were passed on, and "eventFailures"; nothing where Stripe is not set up."""
    if not ctx.settings.stripe_secret_key:
        return {}
    counts = {"events": 0, "eventFailures": 0}

    def page(kept: Doc | None) -> Doc | None:
        span = _span(kept, now)
        return _pass_page(ctx, span, counts, now) if span.since < span.until else None

    if not cursors.follow(ctx, gateways.STRIPE, page, now=now):
        counts["eventFailures"] += 1
    return counts


def _span(kept: Doc | None, now: datetime) -> Span:
    """What to ask for: the rest of a span, or the next one."""
    if kept is not None and kept["until"] is not None:
        return Span(kept["since"], kept["until"], kept["after"])
    until, oldest = cursors.second(now - cursors.SETTLED), cursors.second(now - KEPT)
    if kept is not None and kept["since"] < oldest:
        log.error("events were missed", extra={"since": kept["since"].isoformat(), "kept_since": oldest.isoformat()})
    return Span(oldest if kept is None else max(kept["since"], oldest), until, None)


def _pass_page(ctx: Context, span: Span, counts: dict[str, int], now: datetime) -> Doc:
    """Returns what the cursor is then."""
    provider = gateway(ctx.settings)
    try:
        events, more = provider.events(NAMES, since=span.since, until=span.until, after=span.after, limit=cursors.PAGE)
    except Refused:
        if span.after is None:
            raise
        # The event that it goes on from is too old by now, and with it those that were to follow.
        log.error("events were missed", extra={"since": span.since.isoformat(), "after": span.after})
        events, more = [], False
    for event in events:
        counts["events" if _pass_on(ctx, event, now) else "eventFailures"] += 1
    if more:
        return {"since": span.since, "until": span.until, "after": events[-1].id}
    return {"since": span.until, "until": None, "after": None}


def _pass_on(ctx: Context, event: Event, now: datetime) -> bool:
    """Raises Unavailable: then the page is to be passed on again."""
    try:
        stripe_events.handle(ctx, event, now)
    except Unavailable:
        raise
    except Exception:
        # It would fail again, and must not stand before the others; it can be sent again from the dashboard.
        log.exception("event not passed on", extra={"event_id": event.id, "event": event.name})
        return False
    return True
