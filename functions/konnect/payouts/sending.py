"""Asking the provider: to pay, once; and what has become of it."""

import logging
from datetime import datetime

from konnect import ids
from konnect.context import Context
from konnect.errors import Unavailable
from konnect.integrations.razorpay.entities import Payout
from konnect.integrations.razorpay.errors import Refused
from konnect.integrations.razorpay.payouts import PayoutGateway
from konnect.store import Doc

from . import details, repository, service
from .service import News

log = logging.getLogger(__name__)


def send(ctx: Context, gateway: PayoutGateway, payout_id: str, *, now: datetime) -> News | None:
    """Have a payout paid, unless the provider has it already; None if there is nothing to ask.

    Raises Unavailable when the outcome is unknown, or another attempt is under way: to be tried again.
    """
    settings, by = ctx.settings, ids.new()
    if settings.razorpayx_account_number:
        payout = repository.find(ctx.db, payout_id)
        if payout is not None and payout["status"] == "pending":
            details.register(ctx, gateway, payout["userId"], now=now)
    claimed = ctx.run(
        lambda tx: service.claim(
            tx,
            payout_id,
            account_number=settings.razorpayx_account_number,
            narration=settings.payout_narration,
            by=by,
            now=now,
        )
    )
    if claimed is None:
        return None
    if claimed.unknown_at is not None:
        try:
            found = gateway.payouts_of(claimed.request.account_number, payout_id)
        except Unavailable:
            ctx.run(lambda tx: service.not_asked(tx, claimed, now=now))
            raise
        except Refused as error:
            _not_ours(ctx, claimed, error, now)
            return None
        if found:
            return _hear_all(ctx, found, now)
    try:
        answered = gateway.create_payout(claimed.request)
    except Unavailable:
        ctx.run(lambda tx: service.unknown(tx, claimed, now=now))
        raise
    except Refused as error:
        return _refused(ctx, claimed, error, now)
    return hear(ctx, answered, now)


def _refused(ctx: Context, claimed: service.Claim, error: Refused, now: datetime) -> News | None:
    if error.provider_status in {401, 403}:
        _not_ours(ctx, claimed, error, now)
        return None
    if not error.definite:
        ctx.run(lambda tx: service.unknown(tx, claimed, now=now))
        raise Unavailable("the payment provider did not take the payout; to be tried again") from error
    log.warning("payout refused", extra={"payout": claimed.payout_id, "error": error.description})
    reason = error.description or service.NO_REASON
    if not ctx.run(lambda tx: service.refused(tx, claimed, reason=reason, now=now)):
        raise Unavailable("an earlier attempt may still arrive; to be tried again") from error
    return News.FAILED


def _not_ours(ctx: Context, claimed: service.Claim, error: Refused, now: datetime) -> None:
    """Our keys or our query are refused: nothing is wrong with the payout. The sweep tries again, when we may have seen
    to it."""
    log.error("RazorpayX refuses us", extra={"payout": claimed.payout_id, "status": error.provider_status})
    ctx.run(lambda tx: service.not_asked(tx, claimed, now=now))


def look(ctx: Context, gateway: PayoutGateway, payout: Doc, *, now: datetime) -> News | None:
    """Ask the provider what became of a payout that it was asked for. None: it knows of none.

    Raises Unavailable, Refused.
    """
    if payout["providerId"] is not None:
        return hear(ctx, gateway.fetch_payout(payout["providerId"]), now)
    return _hear_all(ctx, gateway.payouts_of(payout["request"]["accountNumber"], payout["id"]), now)


def _hear_all(ctx: Context, found: list[Payout], now: datetime) -> News | None:
    heard = [hear(ctx, payout, now) for payout in found]
    return next((news for news in heard if news not in service.ALARMING), heard[0] if heard else None)


def hear(ctx: Context, news: Payout, now: datetime) -> News:
    outcome = ctx.run(lambda tx: service.hear(tx, news, now=now))
    if outcome in service.ALARMING:
        said = {"payout": news.reference_id, "provider_id": news.id, "provider_status": news.status}
        log.error("a payout differs from the provider's", extra={**said, "outcome": outcome})
    return outcome
