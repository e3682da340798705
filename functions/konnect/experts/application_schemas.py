"""Wire models of applications, as admins see them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, StringConstraints

from konnect.http.schemas import ListQuery, Moment, Schema

from .mentoring_schemas import Expertise, PastRole
from .pipeline import Status
from .schemas import OnboardingData, OwnExpert

Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Notes = Annotated[str, StringConstraints(max_length=2000)]


class ApplicationStatus(Schema):
    """An admin's move. `callScheduledAt` belongs to call_scheduled, `rejectionReason` to rejected."""

    status: Literal["documents_verified", "call_scheduled", "call_done", "approved", "rejected"]
    admin_notes: Notes | None = None
    rejection_reason: Reason | None = None
    call_scheduled_at: Moment | None = None


class Rejection(Schema):
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)] = Field(
        validation_alias=AliasChoices("reason", "rejectionReason", "applicationNote"),
        description="The applicant is told.",
    )


class HistoryEntry(Schema):
    """Who moved the application when. `kind`: a step, a decision before the call was done, or another time for it."""

    from_: Status | None = Field(alias="from")
    to: Status
    kind: Literal["step", "express", "reschedule"]
    by: str = Field(description="The uid of the admin (or applicant), or `console`.")
    at: datetime
    reason: str | None = None


class ApplicationData(OnboardingData):
    email: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    history: list[HistoryEntry] = Field(default_factory=list)


class Application(OwnExpert):
    """The profile with the application behind it."""

    application_status: Literal["pending", "approved", "rejected"]
    slug: str | None = None
    current_role: str | None = None
    past_roles: list[PastRole] | None = None
    topics: list[str] | None = None
    expertise: list[Expertise] = Field(default_factory=list)
    pricing: dict[str, float] | None = Field(default=None, description="INR, by minutes.")

    applied_at: datetime | None = None
    onboarding_data: ApplicationData


class MovedApplication(Application):
    refresh_token: bool = Field(
        description="The move gave the applicant a role: their client has to refresh its ID token. They are told by "
        "notification, and by `claimsChangedAt` of their users document."
    )


def _pending(value: Any) -> Any:
    return None if value == "pending" else value


class ApplicationsQuery(ListQuery):
    status: Annotated[Status | None, BeforeValidator(_pending)] = Field(
        default=None, description="Without it, or as `pending`: all that wait for a decision."
    )
    search: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] | None = Field(
        default=None, description="Words of name, title, company and e-mail address, or their beginnings."
    )
