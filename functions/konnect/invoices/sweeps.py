"""Daily: the paper of payments and refunds whose trigger was lost."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.platform import platform_config
from konnect.store import Database, Page

from . import repository, service

log = logging.getLogger(__name__)

SPAN = timedelta(days=3)
"""A trigger is tried again for a day."""


def sweep(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, int]:
    """Bring the invoices of SPAN's payments, sales from the wallet and refunds up to date. One that fails is logged and
    left to the next."""
    config, seen, failures = platform_config(ctx.db), set[str](), 0
    for payment_id, issue in _moved(ctx.db, now - SPAN):
        if payment_id in seen:
            continue
        seen.add(payment_id)
        try:
            ctx.run(partial(issue, config=config, now=now))
        except Exception:
            log.exception("no invoice was made", extra={"payment": payment_id})
            failures += 1
    return {"payments": len(seen), "failures": failures}


def _moved(db: Database, since: datetime) -> Iterator[tuple[str, Callable[..., None]]]:
    """What was paid, and what makes the paper of it."""
    for payment in _all(partial(repository.captured, db, since)):
        yield payment["id"], partial(service.issue, payment_id=payment["id"])
    for refund in _all(partial(repository.refunded, db, since)):
        yield refund["paymentId"], partial(service.issue, payment_id=refund["paymentId"])
    for sale in _all(partial(repository.wallet_sales, db, since)):
        if sale["source"] == "wallet":
            yield sale["id"], partial(service.issue_of_wallet, purchase_id=sale["id"])


def _all(read: Callable[[str | None], Page]) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        found = read(cursor)
        yield from found.items
        cursor = found.next_cursor
        if cursor is None:
            return
