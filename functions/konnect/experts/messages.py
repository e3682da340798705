"""What an applicant is told at each status. Pure. The mails are in notifications/templates/content."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from konnect import clock
from konnect.notifications.types import Type

from .pipeline import Status


@dataclass(frozen=True)
class Message:
    type: Type
    title: str
    body: str
    data: dict[str, Any] = field(default_factory=dict)


_FIXED: dict[Status, Message] = {
    "applied": Message(
        "application_received",
        "We have your application",
        "Thank you for applying to be a mentor. We check your documents next.",
    ),
    "documents_verified": Message(
        "application_documents_verified",
        "Your documents are verified",
        "Everything is in order. Next, we fix a time for a short call.",
    ),
    "call_done": Message("application_call_done", "Thank you for the call", "We will decide on your application soon."),
    # A token keeps the claims that it was made with: the role is in the next one.
    "approved": Message(
        "mentor_approved",
        "Your application is approved",
        "Welcome! You are a mentor now, and can go online.",
        {"refreshToken": True},
    ),
}


def of(status: Status, *, call_at: datetime | None = None, reason: str | None = None) -> Message:
    """The message of a status. `call_at` belongs to call_scheduled, `reason` to rejected."""
    if status == "call_scheduled":
        assert call_at is not None
        return Message(
            "application_call_scheduled",
            "Your call is scheduled",
            f"We call you on {clock.in_india(call_at)}.",
            {"callScheduledAt": clock.iso(call_at)},
        )
    if status == "rejected":
        return Message(
            "mentor_rejected",
            "Your application was not approved",
            f"The reason: {reason} You may apply again.",
            {"reason": reason},
        )
    return _FIXED[status]
