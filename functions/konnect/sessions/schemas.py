"""Wire models of sessions."""

from datetime import datetime
from typing import Literal

from konnect.http.schemas import ListQuery, Schema

Status = Literal["pending", "confirmed", "in_progress", "completed", "cancelled"]
Type = Literal["chat", "call", "video"]


class Session(Schema):
    """A session as its two participants see it. `duration` counts charged minutes; amounts are INR."""

    id: str
    user_id: str
    user_name: str
    expert_id: str
    expert_name: str
    type: Type
    status: Status
    price_per_min: float
    duration: int
    duration_seconds: int | None = None
    total_amount: float
    transaction_id: str | None = None
    warning: Literal["low-balance", "zero-balance"] | None = None
    grace_until: datetime | None = None
    end_reason: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    created_at: datetime


class SessionsQuery(ListQuery):
    status: Status | None = None
    type: Type | None = None
