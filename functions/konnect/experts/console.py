"""Console functions of experts."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from konnect.context import Context

from . import usecases


class Decision(BaseModel):
    """{"expertId", "status": "approved" | "rejected", "reason": of a rejection, "notes"}"""

    model_config = ConfigDict(extra="forbid")

    expertId: str  # noqa: N815 - the wire's names
    status: Literal["approved", "rejected"]
    reason: str | None = Field(default=None, max_length=1000)
    notes: str | None = Field(default=None, max_length=2000)


def decide(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Approve or reject an application, as an admin does in the panel."""
    given = Decision.model_validate(payload)
    expert = usecases.decide(
        ctx, given.expertId, given.status, by="console", reason=given.reason, notes=given.notes, now=now
    )
    return {"expertId": given.expertId, "status": expert["mentorStatus"]}
