"""The mentor pipeline (specs of Konnect, mentor onboarding). Pure.

    applied → documents_verified → call_scheduled → call_done → approved
                                                              ↘ rejected

Each step leads to the next. A decision before the call is done is an express move: allowed, and recorded as one. There
is no other skip and no way back; a rejected applicant applies again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from konnect.errors import BadRequest, Conflict

Status = Literal["applied", "documents_verified", "call_scheduled", "call_done", "approved", "rejected"]
Kind = Literal["step", "express", "reschedule", "repeat"]

STATUSES: tuple[Status, ...] = get_args(Status)
STEPS: tuple[Status, ...] = ("applied", "documents_verified", "call_scheduled", "call_done")
FINAL: tuple[Status, ...] = ("approved", "rejected")


@dataclass(frozen=True)
class Move:
    """What a wanted status amounts to. A repeat changes nothing."""

    kind: Kind
    before: Status
    after: Status
    call_at: datetime | None = None
    reason: str | None = None


def allowed(status: Status) -> tuple[Status, ...]:
    """Where an application can go from `status`, the next step first."""
    if status in FINAL:
        return ()
    following = STEPS[STEPS.index(status) + 1 :][:1]
    return (*following, *FINAL)


def move(
    before: Status,
    after: Status,
    *,
    call_at: datetime | None,
    planned_call_at: datetime | None,
    reason: str | None,
    now: datetime,
) -> Move:
    """The move from one status to another. `call_at` is of a call to be scheduled, `planned_call_at` the one agreed on.

    Raises BadRequest (callScheduledAt, rejectionReason), Conflict (ALREADY_DECIDED, or INVALID_TRANSITION naming what
    is allowed).
    """
    if before == after:
        moved = after == "call_scheduled" and call_at is not None and call_at != planned_call_at
        if not moved:
            return Move("repeat", before, after)
        return Move("reschedule", before, after, call_at=_future(call_at, now))
    if before in FINAL:
        raise Conflict(f"the application is {before} already", code="ALREADY_DECIDED")
    if after not in allowed(before):
        raise Conflict(
            f"an application that is {before} can't become {after}",
            code="INVALID_TRANSITION",
            details=[{"from": before, "to": after, "allowed": list(allowed(before))}],
        )
    if after == "rejected" and not (reason or "").strip():
        raise BadRequest.field("rejectionReason", "is required to reject an application")
    return Move(
        "express" if after in FINAL and before != "call_done" else "step",
        before,
        after,
        call_at=_future(call_at, now) if after == "call_scheduled" else None,
        reason=reason.strip() if reason and after == "rejected" else None,
    )


def _future(call_at: datetime | None, now: datetime) -> datetime:
    if call_at is None:
        raise BadRequest.field("callScheduledAt", "is required to schedule the call")
    if call_at <= now:
        raise BadRequest.field("callScheduledAt", "must be in the future")
    return call_at
