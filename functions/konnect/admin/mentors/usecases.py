"""Imports from end to end: they read a source, and take as many transactions as there are chunks."""

from datetime import datetime
from typing import Any

from konnect import clock, ids
from konnect.context import Context
from konnect.errors import BadRequest, Forbidden, NotFound, Unavailable
from konnect.integrations.sheets.client import Sheets
from konnect.platform import platform_config
from konnect.store import Doc, Tx

from . import csv_rows, importing, jobs
from .importing import Checked

# One row more than is allowed, so that a table that is too long is refused and not cut.
DEFAULT_RANGE = f"A1:AZ{csv_rows.MAX_ROWS + 2}"


def import_csv(ctx: Context, data: bytes, *, by: str, partial: bool, dry_run: bool, now: datetime) -> dict[str, Any]:
    """Import a CSV file at once; the report of every row (schemas.ImportReport). Safe to repeat.

    Raises BadRequest: INVALID_CSV, TOO_MANY_ROWS, or INVALID_ROWS (details: row, field, message) when a row has errors
    and the import is neither partial nor dry; then nothing is written.
    """
    checked = importing.check(ctx.db, csv_rows.read(data))
    refused = [row for row in checked if row.errors]
    if dry_run:
        return _report(None, checked, {}, dry_run=True)
    if refused and not partial:
        details = [{"row": row.row, **error} for row in refused for error in row.errors]
        message = f"{len(refused)} of {len(checked)} rows have errors; nothing was imported"
        raise BadRequest(message, code="INVALID_ROWS", details=details[: jobs.MAX_NAMED_ERRORS])
    job_id = ids.new()

    def plan(tx: Tx) -> Doc:
        jobs.create(tx, job_id, kind="csv", by=by, partial=partial, now=now)
        job = jobs.plan(tx, job_id, checked, now=now)
        if job["status"] == "running":
            tx.enqueue(jobs.step(job, at=clock.after(now, jobs.RESUME_S)))
        return job

    job = ctx.run(plan)
    config = platform_config(ctx.db)
    while job["status"] == "running":
        job = ctx.run(lambda tx: jobs.apply_next(tx, job_id, config=config, now=now))
    applied = ctx.run(lambda tx: jobs.reports(tx, jobs.get(tx, job_id)))
    return _report(job_id, checked, {row["row"]: row for row in applied}, dry_run=False)


def import_sheet(ctx: Context, spreadsheet_id: str, range: str | None, *, by: str, partial: bool, now: datetime) -> Doc:
    """Queue the import of a spreadsheet; returns the job."""
    job_id, source = ids.new(), {"spreadsheetId": spreadsheet_id, "range": range or DEFAULT_RANGE}

    def work(tx: Tx) -> Doc:
        job = jobs.create(tx, job_id, kind="sheet", by=by, partial=partial, source=source, now=now)
        tx.enqueue(jobs.step(job))
        return job

    return ctx.run(work)


def advance(ctx: Context, job_id: str, chunk: int | None, sheets: Sheets, *, now: datetime) -> None:
    """A step of a job, and the task of the one after: read and plan, then chunk by chunk. `chunk`: the one to apply,
    unless it has been; None: whatever is next. Repeats are harmless.

    Raises Unavailable when the source can't be read now, to be called again.
    """
    job = ctx.run(lambda tx: jobs.begin(tx, job_id, now=now))
    if job["chunks"] is None and job["status"] in {"queued", "running"}:
        job = _read(ctx, job, sheets, now)
    elif chunk in {None, job["nextChunk"]}:
        config = platform_config(ctx.db)
        job = ctx.run(lambda tx: jobs.apply_next(tx, job_id, config=config, now=now))
    if job["status"] == "running":
        ctx.tasks.create(jobs.step(job))


def _read(ctx: Context, job: Doc, sheets: Sheets, now: datetime) -> Doc:
    source = job["source"]
    try:
        values = sheets.values(source["spreadsheetId"], source["range"])
        checked = importing.check(ctx.db, csv_rows.of_records(values))
    except Unavailable as error:
        if not jobs.is_given_up(job, now):
            raise
        message = error.message
        return ctx.run(lambda tx: jobs.fail(tx, job["id"], message, now=now))
    except (BadRequest, Forbidden, NotFound) as error:
        refused = error
        return ctx.run(lambda tx: jobs.fail(tx, job["id"], refused.message, _faults(refused), now=now))
    return ctx.run(lambda tx: jobs.plan(tx, job["id"], checked, now=now))


def _faults(error: BadRequest | Forbidden | NotFound) -> list[dict[str, Any]]:
    return [{"row": None, "field": detail["field"], "message": detail["message"]} for detail in error.details]


def _report(job_id: str | None, checked: list[Checked], applied: dict[int, Doc], *, dry_run: bool) -> dict[str, Any]:
    """What became of each row; in a dry run, what would."""
    rows = [
        applied.get(row.row)
        or {
            "row": row.row,
            "status": row.outcome,
            "email": row.email,
            "expertId": row.expert_id,
            "errors": row.errors,
        }
        for row in checked
    ]
    statuses = [row["status"] for row in rows]
    return {
        "jobId": job_id,
        "dryRun": dry_run,
        "total": len(rows),
        "created": statuses.count("created"),
        "updated": statuses.count("updated"),
        "unchanged": statuses.count("unchanged"),
        "failed": statuses.count("error"),
        "rows": rows,
    }
