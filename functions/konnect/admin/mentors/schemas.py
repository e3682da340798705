"""Wire models of the admin's mentors."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field, StringConstraints, model_validator

from konnect.experts.profile_schemas import Phone
from konnect.experts.schemas import Line, Link, MentorStatus, OwnExpert
from konnect.http.schemas import ListQuery, Schema
from konnect.mentors.schemas import BookingsStopped
from konnect.money import Rupees

JobStatus = Literal["queued", "running", "done", "failed"]
RowStatus = Literal["created", "updated", "unchanged", "error"]
_SPREADSHEET_URL = re.compile(r"https://docs\.google\.com/spreadsheets/(?:u/\d+/)?d/([A-Za-z0-9_-]+)")


# Whether is public and beside it, why is not.
STOPPED = AliasPath("onboardingData", "bookingsStopped")


class Mentor(OwnExpert):
    """A mentor in any state, with what only admins and the mentor see."""

    bookings_stopped: BookingsStopped | None = Field(default=None, validation_alias=STOPPED)
    updated_at: datetime


class MentorFilter(Schema):
    status: MentorStatus | None = None
    available: bool | None = None
    search: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] | None = Field(
        default=None, description="Words or their beginnings; or a whole e-mail address."
    )


class MentorsQuery(MentorFilter, ListQuery):
    pass


# A default is not validated: these fields may be left out, and not be null.
LEFT_OUT: Any = None


class MentorUpdate(Schema):
    """What is left out stays; null clears what may be empty. Each field as at registration."""

    name: Line = Field(default=LEFT_OUT)
    title: Line = Field(default=LEFT_OUT)
    company: Annotated[str, StringConstraints(strip_whitespace=True, max_length=120)] = Field(default=LEFT_OUT)
    experience: Annotated[int, Field(ge=0, le=70)] = Field(default=LEFT_OUT)
    bio: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = Field(default=LEFT_OUT)
    specialties: Annotated[list[Line], Field(max_length=20)] = Field(default=LEFT_OUT)
    languages: Annotated[list[Line], Field(max_length=20)] = Field(default=LEFT_OUT)
    price_per_min: Annotated[Rupees, Field(ge=1, le=1000)] = Field(default=LEFT_OUT)
    image_url: Link | None = None
    phone: Phone | None = None
    linkedin_url: Link | None = None
    portfolio_url: Link | None = None
    resume_url: Link | None = None
    bookings_stopped: Literal[False] | None = Field(
        default=None, description="false, or null: the mentor, whose bookings were stopped, can be booked again."
    )

    @model_validator(mode="before")
    @classmethod
    def _only_the_profile(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for name, way in {
                "available": "toggle-availability changes it",
                "mentorStatus": "the application's status changes it",
            }.items():
                if name in data:
                    raise ValueError(f"{name} is not part of the profile: {way}")
        return data


class Availability(Schema):
    """`available` left out: the other of what it is now."""

    available: bool | None = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] | None = None


class ImportQuery(Schema):
    partial: bool = Field(default=False, description="Import the valid rows although others are not.")
    dry_run: bool = Field(default=False, description="Check and report; write nothing.")


class CsvBody(Schema):
    csv: str


class FieldError(Schema):
    field: str
    message: str


class RowReport(Schema):
    """`row` as the spreadsheet numbers it: the header is 1."""

    row: int
    status: RowStatus
    email: str | None = None
    expert_id: str | None = None
    errors: list[FieldError] = Field(default_factory=list)


class ImportReport(Schema):
    """In a dry run the statuses are what would happen, and `jobId` is null."""

    job_id: str | None
    dry_run: bool
    total: int
    created: int
    updated: int
    unchanged: int
    failed: int
    rows: list[RowReport]


def _spreadsheet_id(value: Any) -> Any:
    found = _SPREADSHEET_URL.match(value.strip()) if isinstance(value, str) else None
    return found[1] if found else value


SpreadsheetId = Annotated[str, BeforeValidator(_spreadsheet_id), StringConstraints(pattern=r"^[A-Za-z0-9_-]{10,128}$")]
Range = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class SheetImport(Schema):
    """`spreadsheetId`: the id, or the URL of the spreadsheet. `range` in A1 notation: by default the first sheet."""

    spreadsheet_id: SpreadsheetId = Field(
        validation_alias=AliasChoices("spreadsheetId", "spreadsheetUrl", "sheetUrl", "url"),
    )
    range: Range | None = None
    partial: bool = Field(default=False, description="Import the valid rows although others are not.")


class ImportSource(Schema):
    spreadsheet_id: str | None = None
    range: str | None = None


class ImportFault(FieldError):
    row: int | None = None


class ImportJob(Schema):
    """`processed` of `total` rows are done; `errors` are the first hundred; `message` says why a job failed."""

    id: str
    kind: Literal["csv", "sheet"]
    status: JobStatus
    source: ImportSource
    partial: bool
    total: int
    processed: int
    created: int
    updated: int
    unchanged: int
    failed: int
    errors: list[ImportFault]
    message: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
