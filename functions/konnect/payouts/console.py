"""Console functions of payouts."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from konnect.context import Context
from konnect.errors import Conflict, KonnectError
from konnect.integrations.razorpay.payouts import payout_gateway

from . import repository, sending, service


class Settlement(BaseModel):
    """{"payoutId", "outcome": "paid" | "failed" | "reversed", "reference": the bank's, "reason": of a failure, "by"}"""

    model_config = ConfigDict(extra="forbid")

    payoutId: str  # noqa: N815 - the wire's names
    outcome: Literal["paid", "failed", "reversed"]
    reference: str = Field(default="", max_length=100)
    reason: str = Field(default="", max_length=500)
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] | None = None


def settle_withdrawal(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Close a withdrawal that is settled by hand: paid, after the bank transfer; failed, and the money returns to the
    wallet; reversed, when a transfer by hand came back. One that the provider was asked for is what the provider says
    it is, which is asked first.
    """
    given = Settlement.model_validate(payload)
    payout = repository.find(ctx.db, given.payoutId)
    if payout is not None and payout["status"] == "processing":
        gateway = payout_gateway(ctx.settings)
        try:
            ctx.outside(f"ask RazorpayX about {given.payoutId}", sending.look, ctx, gateway, payout, now=now)
        except KonnectError as error:
            raise Conflict(
                f"the provider was asked for this payout, and can't say now what became of it ({error.message})",
                code="PAYOUT_AT_PROVIDER",
            ) from error
    return ctx.run(
        lambda tx: service.settle_by_hand(
            tx,
            given.payoutId,
            given.outcome,
            by=f"console:{given.by}" if given.by else "console",
            reference=given.reference,
            reason=given.reason,
            now=now,
        )
    )
