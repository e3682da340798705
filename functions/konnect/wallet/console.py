"""Console functions of wallets."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from konnect.context import Context

from . import service


class Settlement(BaseModel):
    """{"payoutId", "outcome": "paid" | "failed", "reference": the bank's, "reason": of a failure}"""

    model_config = ConfigDict(extra="forbid")

    payoutId: str  # noqa: N815 - the wire's names
    outcome: Literal["paid", "failed"]
    reference: str = Field(default="", max_length=100)
    reason: str = Field(default="", max_length=500)


def settle_withdrawal(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Close a withdrawal after the bank transfer: paid, or failed (the money returns to the wallet)."""
    given = Settlement.model_validate(payload)
    return ctx.run(
        lambda tx: service.settle_withdrawal(
            tx, given.payoutId, given.outcome, reference=given.reference, reason=given.reason, now=now
        )
    )
