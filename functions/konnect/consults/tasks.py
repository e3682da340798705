"""Cloud Tasks handlers of consults."""

from datetime import datetime
from functools import partial
from typing import Any

from konnect.context import Context
from konnect.sessions.metering import Pace

from . import course


def progress(ctx: Context, payload: dict[str, Any], now: datetime) -> None:
    """{"consultId", "due"}: the end of the time to accept or to come, a warning, an absence, the end."""
    pace, due = Pace.of(ctx.settings), datetime.fromisoformat(payload["due"])
    ctx.run(partial(course.progress, consult_id=payload["consultId"], pace=pace, now=now, due=due))
