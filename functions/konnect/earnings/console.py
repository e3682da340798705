"""Console functions of earnings."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from konnect import audit, ids
from konnect.context import Context
from konnect.errors import NotFound
from konnect.http.schemas import DocumentId
from konnect.store import Tx

from . import policy, service, tasks


class Run(BaseModel):
    """{"userId", "belowMinimum": pay also what is less than the minimum, "reason", "by"}"""

    model_config = ConfigDict(extra="forbid")

    userId: DocumentId  # noqa: N815 - the wire's names
    belowMinimum: bool = Field(default=False, strict=True)  # noqa: N815
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] | None = None


def pay_mentor(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Pay one mentor what the weekly run would pay now, or say why it would not. Raises NotFound for who has earned
    nothing by bookings."""
    given = Run.model_validate(payload)
    minimum_paise = policy.LEAST_PAISE if given.belowMinimum else tasks.minimum(ctx)
    by_hand, before = not ctx.settings.razorpayx_account_number, policy.until(now)

    def work(tx: Tx) -> dict[str, Any]:
        if tx.get("payables", given.userId) is None:
            raise NotFound("there is nobody of that id who has earned by bookings")
        paid = service.pay(tx, given.userId, before=before, minimum_paise=minimum_paise, by_hand=by_hand, now=now)
        if paid.payout_id is not None:
            audit.write(
                tx,
                actor=f"console:{given.by}" if given.by else "console",
                action="payout.open",
                target=f"payouts/{paid.payout_id}",
                after={**paid.as_json, "userId": given.userId},
                reason=given.reason or None,
                entry_id=ids.digest("payout.open", paid.payout_id),
                now=now,
            )
        return paid.as_json

    return ctx.run(work)
