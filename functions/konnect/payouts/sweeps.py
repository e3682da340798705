"""Every ten minutes: send what no task has sent, ask about what no webhook has told of, and look at paid ones for money
that came back."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from konnect import overdue
from konnect.clock import now as current_time
from konnect.context import Context
from konnect.errors import Unavailable
from konnect.integrations.razorpay.payouts import PayoutGateway, payout_gateway
from konnect.store import Doc

from . import repository, sending, service

BATCH = 50
MAX_PAYOUTS = 300
"""A run: a request or two each, within the function's time. What is left is still due at the next run."""
MAX_UNAVAILABLE = 3
"""Then the provider is down: no use in asking about the others."""


def sweep(
    ctx: Context, payload: dict[str, Any], now: datetime, *, clock: Callable[[], datetime] = current_time
) -> dict[str, int]:
    """Look at the payouts that are due (policy) at `now`, each at its own time, since a sweep can take minutes. Returns
    how many brought which news, and "failures"."""
    provider = payout_gateway(ctx.settings)
    counts: dict[str, int] = {"payouts": 0, "failures": 0}
    unavailable = 0
    looked_at: set[str] = set()
    while counts["payouts"] < MAX_PAYOUTS:
        due = [p for p in repository.due(ctx.db, now=now, limit=BATCH) if p["id"] not in looked_at]
        for payout in due:
            looked_at.add(payout["id"])
            counts["payouts"] += 1
            try:
                news = _look(ctx, provider, payout, clock())
            except Exception as error:
                overdue.tell("payout not looked at", error, payout=payout["id"])
                counts["failures"] += 1
                unavailable += isinstance(error, Unavailable)
                news = "failures"
            else:
                counts[news] = counts.get(news, 0) + 1
            _defer(ctx, payout, clock())
            if unavailable >= MAX_UNAVAILABLE:
                return counts
        if not due:
            break
    return counts


def _look(ctx: Context, provider: PayoutGateway, payout: Doc, now: datetime) -> str:
    if payout["status"] in {"pending", "processing"} and payout["providerId"] is None:
        return sending.send(ctx, provider, payout["id"], now=now) or "nothing"
    return sending.look(ctx, provider, payout, now=now) or "nothing"


def _defer(ctx: Context, payout: Doc, now: datetime) -> None:
    """What brought nothing, or failed, whatever is wrong with it, must not stand before the others."""
    try:
        ctx.run(partial(service.checked, payout_id=payout["id"], now=now))
    except Exception as error:
        overdue.tell("payout not deferred", error, payout=payout["id"])
