"""Cloud Tasks handlers of the mentors' imports."""

from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.integrations.sheets.client import sheets

from . import usecases


def advance_import(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"jobId", "chunk"}: the next step of an import, if it has not been done yet."""
    usecases.advance(ctx, payload["jobId"], payload.get("chunk"), sheets(ctx.settings), now=now)
