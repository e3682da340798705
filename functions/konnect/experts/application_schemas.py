"""Wire models of applications, as admins see them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from konnect.http.schemas import ListQuery, Schema

from .pipeline import Status
from .schemas import OnboardingData, OwnExpert

Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Notes = Annotated[str, StringConstraints(max_length=2000)]


class ApplicationStatus(Schema):
    """An admin's move. `callScheduledAt` belongs to call_scheduled, `rejectionReason` to rejected."""

    status: Literal["documents_verified", "call_scheduled", "call_done", "approved", "rejected"]
    admin_notes: Notes | None = None
    rejection_reason: Reason | None = None
    call_scheduled_at: AwareDatetime | None = None


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

    applied_at: datetime | None = None
    onboarding_data: ApplicationData


class MovedApplication(Application):
    refresh_token: bool = Field(
        description="The move gave the applicant a role: their client has to refresh its ID token. They are told by "
        "notification, and by `claimsChangedAt` of their users document."
    )


class ApplicationsQuery(ListQuery):
    status: Status | None = Field(default=None, description="Without it: all that wait for a decision.")
    search: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] | None = Field(
        default=None, description="Words of name, title, company and e-mail address, or their beginnings."
    )
