"""Cloud Tasks handlers of exchanges."""

from datetime import datetime
from typing import Any

from konnect.context import Context

from . import service


def expire(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"exchangeId"}: the end of the time to accept it."""
    ctx.run(lambda tx: service.expire(tx, payload["exchangeId"], now=now))
