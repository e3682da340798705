"""Cloud Tasks handlers of packages, and what is done to all of somebody's."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.errors import Unavailable
from konnect.experts import service as experts
from konnect.store import Tx

from . import repository, service

BATCH = 100


def progress(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"purchaseId", "due"}: the end of its time, or a step on the way there. Raises Unavailable for a task that is
    early."""
    if datetime.fromisoformat(payload["due"]) > now:
        raise Unavailable("it is not time yet")
    ctx.run(partial(service.progress, purchase_id=payload["purchaseId"], now=now))


def close_sold(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"mentorId"}: a mentor has gone; what students have bought of them, and not booked, goes back."""
    _close_each(ctx, "mentorId", payload["mentorId"], "mentor-gone", now)


def close_all(ctx: Context, uid: str, now: datetime) -> None:
    """An account is closed: what it has bought, and what others have bought of it, goes back. Can be repeated."""
    _close_each(ctx, "userId", uid, "account-closed", now)
    _close_each(ctx, "mentorId", ctx.run(partial(experts.id_of, uid=uid)), "mentor-gone", now)


def _close_each(ctx: Context, field: str, value: str, reason: str, now: datetime) -> None:
    """Each in a transaction of its own."""
    while found := repository.active_of(field, value, limit=BATCH).run(ctx.db):
        for purchase in found:
            ctx.run(partial(_close, purchase_id=purchase["id"], reason=reason, now=now))


def _close(tx: Tx, *, purchase_id: str, reason: str, now: datetime) -> None:
    purchase = repository.get(tx, purchase_id)
    if purchase["status"] == "active":
        service.close(tx, purchase, reason, now=now)
