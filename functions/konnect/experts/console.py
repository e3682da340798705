"""Console functions of experts."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from konnect.context import Context
from konnect.http.schemas import Moment

from . import applications
from .application_schemas import Notes, Reason


class Decision(BaseModel):
    """{"expertId", "status", "reason": of a rejection, "notes", "callScheduledAt": of a call}"""

    model_config = ConfigDict(extra="forbid")

    expertId: str  # noqa: N815 - the wire's names
    status: Literal["documents_verified", "call_scheduled", "call_done", "approved", "rejected"]
    reason: Reason | None = None
    notes: Notes | None = None
    callScheduledAt: Moment | None = None  # noqa: N815


def decide(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Move an application, as an admin does in the panel."""
    given = Decision.model_validate(payload)
    moved = applications.decide(
        ctx,
        given.expertId,
        given.status,
        by="console",
        reason=given.reason,
        notes=given.notes,
        call_at=given.callScheduledAt,
        now=now,
    )
    return {"expertId": given.expertId, "status": moved.application["mentorStatus"]}
