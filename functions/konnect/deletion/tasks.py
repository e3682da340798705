"""Cloud Tasks handlers of account deletion."""

from datetime import datetime
from typing import Any

from konnect.context import Context

from . import service


def run(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"uid"}: erase an account whose deletion was requested."""
    service.run(ctx, payload["uid"], now=now)
