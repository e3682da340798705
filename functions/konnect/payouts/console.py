"""Console functions of payouts."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from konnect import audit
from konnect.context import Context
from konnect.errors import Conflict, KonnectError, NotFound
from konnect.integrations.razorpay.payouts import BankAccount, payout_gateway

from . import details, repository, sending, service


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


class Showing(BaseModel):
    """{"payoutId", "by"}"""

    model_config = ConfigDict(extra="forbid")

    payoutId: str  # noqa: N815 - the wire's names
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


def show_payout_details(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Where a payout that is made by hand goes, in full; audited, with who asked. Raises NotFound, Conflict
    (PAYOUT_AT_PROVIDER, PAYOUT_SETTLED: nobody needs the numbers of what the provider pays, or of what is over;
    PAYOUT_DETAILS_CHANGED: a change is for later payouts, and the earlier numbers are not kept).
    """
    given = Showing.model_validate(payload)
    payout = repository.find(ctx.db, given.payoutId)
    if payout is None:
        raise NotFound("there is no such payout")
    if payout["status"] == "processing":
        raise Conflict("the provider has been asked for this payout", code="PAYOUT_AT_PROVIDER")
    if payout["status"] != "pending":
        raise Conflict(f"the payout is {payout['status']} already", code="PAYOUT_SETTLED")
    now_given, frozen = ctx.run(lambda tx: details.destination(details.of(tx, payout["userId"]))), payout["destination"]
    if frozen is not None and now_given is not None and frozen["shown"] != now_given["shown"]:
        raise Conflict(
            f"the payout was asked for when the details were {frozen['shown']}; they are {now_given['shown']} now: ask "
            "its owner, and settle it as failed if it is to go there",
            code="PAYOUT_DETAILS_CHANGED",
        )
    plain = details.plain_of(ctx, payout["userId"])
    target = "/".join(details.path(payout["userId"]))
    by = f"console:{given.by}"
    ctx.run(lambda tx: audit.write(tx, actor=by, action="payout.details.show", target=target, now=now))
    shown: dict[str, Any] = {"payoutId": given.payoutId, "amountPaise": payout["amountPaise"]}
    if isinstance(plain, BankAccount):
        return {**shown, "accountHolder": plain.holder, "accountNumber": plain.number, "ifscCode": plain.ifsc}
    return {**shown, "upiId": plain.address}
