"""Console functions of mentors."""

from datetime import datetime
from typing import Any

from pydantic import model_validator

from konnect.admin.console import Payload
from konnect.admin.schemas import Reason
from konnect.context import Context
from konnect.http.schemas import DocumentId
from konnect.platform import platform_config

from . import availability, usecases
from .schemas import Range, SpreadsheetId


class Import(Payload):
    """{"csv"} or {"spreadsheetId", "range"}; "partial": import the valid rows although others are not."""

    csv: str | None = None
    spreadsheetId: SpreadsheetId | None = None  # noqa: N815 - the wire's names
    range: Range | None = None
    partial: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> "Import":
        if (self.csv is None) == (self.spreadsheetId is None):
            raise ValueError("csv or spreadsheetId is required")
        return self


class Toggle(Payload):
    """{"mentorId", "available": left out, the other of what it is, "reason"}"""

    mentorId: DocumentId  # noqa: N815
    available: bool | None = None
    reason: Reason | None = None


def import_mentors(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Import mentors, as an admin does in the panel: CSV at once, a spreadsheet as a job."""
    given = Import.model_validate(payload)
    if given.csv is not None:
        return usecases.import_csv(
            ctx, given.csv.encode(), by=given.actor, partial=given.partial, dry_run=False, now=now
        )
    assert given.spreadsheetId is not None
    job = usecases.import_sheet(ctx, given.spreadsheetId, given.range, by=given.actor, partial=given.partial, now=now)
    return {"jobId": job["id"], "status": job["status"]}


def toggle_mentor(ctx: Context, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Switch a mentor off or on."""
    given = Toggle.model_validate(payload)
    config = platform_config(ctx.db)
    mentor = ctx.run(
        lambda tx: availability.switch(
            tx, given.mentorId, given.available, by=given.actor, reason=given.reason, config=config, now=now
        )
    )
    return {"mentorId": given.mentorId, "available": mentor["available"]}
