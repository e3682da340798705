"""Cloud Tasks handlers of account deletion."""

from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.uploads import deletion as uploads_deletion

from . import service


def run(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"uid"}: erase an account whose deletion was requested."""
    service.run(ctx, payload["uid"], now=now)


def erase_files(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"uid"}: what was still uploaded by URLs that were out when the account was closed."""
    if ctx.db.get("deletions", payload["uid"]) is not None:
        uploads_deletion.erase(ctx, payload["uid"])
