"""The panel's actions for the console: JSON in, JSON out, let in by IAM alone; each knows `dryRun`.

The actor of the audit entry is "console", or "console:{by}" where the payload names who acts.
"""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from konnect import ids
from konnect.bookings import reversal
from konnect.context import Context
from konnect.course_sales import refund as course_refund
from konnect.disputes import service as disputes
from konnect.http.schemas import DocumentId
from konnect.identity import standing
from konnect.identity.standing import Status
from konnect.money import Rupees, to_paise
from konnect.payments import settling
from konnect.sessions import refunds
from konnect.store import Tx
from konnect.wallet import adjustments

from . import config, users
from .schemas import ConfigChange, Reason, Role, SignedRupees

By = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Payload(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: By | None = None

    @property
    def actor(self) -> str:
        return f"console:{self.by}" if self.by else "console"


class RefundSession(Payload):
    """{"sessionId", "amount": INR or left out for the rest, "reason", "refundId": makes a repeat harmless}"""

    sessionId: DocumentId  # noqa: N815 - the wire's names
    amount: Rupees | None = None
    reason: Reason
    refundId: DocumentId | None = None  # noqa: N815


class RefundBooking(Payload):
    """{"bookingId", "amount": INR or left out for the rest, "reason", "refundId": makes a repeat harmless}"""

    bookingId: DocumentId  # noqa: N815
    amount: Rupees | None = None
    reason: Reason
    refundId: DocumentId | None = None  # noqa: N815


class RefundCourse(Payload):
    """{"paymentId": a purchase's, "reason", "refundId": makes a repeat harmless}: all that is left of it"""

    paymentId: DocumentId  # noqa: N815
    reason: Reason
    refundId: DocumentId | None = None  # noqa: N815


class SettleRefund(Payload):
    """{"refundId": of a stuck one in gatewayRefunds, "way": "bank" | "wallet", "reference": the bank's}"""

    refundId: DocumentId  # noqa: N815
    way: Literal["bank", "wallet"]
    reference: str = Field(default="", max_length=100)


class DecideDispute(Payload):
    """{"bookingId", "decision": refund_full | refund_partial | no_refund, "amount": of a partial one, "note"}"""

    bookingId: DocumentId  # noqa: N815
    decision: disputes.Decision
    amount: Rupees | None = None
    note: Reason


class AdjustWallet(Payload):
    """{"userId", "amount": signed INR, "reason", "part": optional, "adjustmentId": makes a repeat harmless}"""

    userId: DocumentId  # noqa: N815
    amount: SignedRupees
    reason: Reason
    part: adjustments.Part | None = None
    adjustmentId: DocumentId | None = None  # noqa: N815


class SetUser(Payload):
    """{"uid", "role", "disabled", "status", "name"}: what is left out stays; a status says whether it is disabled."""

    uid: DocumentId
    role: Role = None  # type: ignore[assignment]
    disabled: bool = None  # type: ignore[assignment]
    status: Status = None  # type: ignore[assignment]
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)] = None  # type: ignore[assignment]
    reason: Reason | None = None


class SetConfig(Payload):
    """{"set": {"platformFeePercent": 18}, "version": the one seen, optional, "reason"}"""

    set: dict[str, Any] = Field(min_length=1)
    version: int | None = None
    reason: Reason | None = None


def refund_session(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    given = RefundSession.model_validate(payload)
    amount_paise = None if given.amount is None else to_paise(given.amount)
    refund = refunds.Request(given.sessionId, given.refundId or ids.new(), amount_paise, given.reason, given.actor)
    return ctx.run(lambda tx: refunds.refund(tx, refund, now=now))


def refund_booking(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    given = RefundBooking.model_validate(payload)
    amount_paise = None if given.amount is None else to_paise(given.amount)
    refund = reversal.Request(given.bookingId, given.refundId or ids.new(), amount_paise, given.reason, given.actor)
    return ctx.run(lambda tx: reversal.view(reversal.refund(tx, refund, now=now)))


def refund_course(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    given = RefundCourse.model_validate(payload)
    refund = course_refund.Request(given.paymentId, given.refundId or ids.new(), given.reason, given.actor)
    return ctx.run(lambda tx: course_refund.refund(tx, refund, now=now))


def settle_refund(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    given = SettleRefund.model_validate(payload)
    return ctx.run(
        lambda tx: settling.settle(tx, given.refundId, given.way, by=given.actor, reference=given.reference, now=now)
    )


def decide_dispute(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    given = DecideDispute.model_validate(payload)
    amount_paise = None if given.amount is None else to_paise(given.amount)
    ruling = disputes.Ruling(given.decision, amount_paise, given.note, given.actor)
    decided = ctx.run(lambda tx: disputes.decide(tx, given.bookingId, ruling, now=now))
    shown = ("decision", "amount", "amountPaise", "note", "decidedBy")
    return {"bookingId": given.bookingId, "status": decided["status"], **{name: decided[name] for name in shown}}


def adjust_wallet(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    given = AdjustWallet.model_validate(payload)
    adjustment = adjustments.Adjustment(
        given.adjustmentId or ids.new(),
        given.userId,
        to_paise(given.amount),
        given.part,
        given.reason,
        given.actor,
    )

    def work(tx: Tx) -> dict[str, Any]:
        return adjustments.adjust(tx, adjustment, key=None, now=now)

    return ctx.run(work)


def set_user(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    given = SetUser.model_validate(payload)
    change = users.Change(
        given.uid,
        given.actor,
        role=given.role,
        disabled=given.disabled,
        status=given.status,
        name=given.name,
        reason=given.reason,
    )
    user = users.change(ctx, change, now=now)
    shown = {name: user.get(name) for name in ("id", "email", "name", "role", "disabled")}
    return {**shown, "status": standing.of(user)}


def set_config(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    given = SetConfig.model_validate(payload)
    # The panel's own model: what it refuses is refused here.
    fields = ConfigChange.model_validate_json(json.dumps(given.set)).model_dump(exclude_unset=True)
    return config.change(ctx, fields, by=given.actor, reason=given.reason, version=given.version, now=now)
