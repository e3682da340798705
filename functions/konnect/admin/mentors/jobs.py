"""Imports that survive a crash: importJobs/{id}, and its rows in chunks.

Rows are checked before anything is written. What is to be written is then kept in importJobs/{id}/chunks/{n}, in one
transaction with the job, and each chunk is applied in one transaction with the job's progress: once, in order, whoever
comes. A task carries on where a process stopped, so an import that has begun is finished.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from konnect import audit, clock
from konnect.errors import NotFound
from konnect.platform import PlatformConfig
from konnect.store import Doc, Tx
from konnect.tasks import Task

from . import importing
from .importing import Checked

CHUNK_ROWS = 20
"""A chunk's document stays under 1 MiB with the longest rows, its transaction short."""
MAX_NAMED_ERRORS = 100
RESUME_S = 90
"""A request is over by then; what it has left of its import is carried on by the task."""
LONGEST_S = 6 * 3600
"""A job that could not read its source for so long is given up."""
TASK_PATH = "/admin/mentors/import"
COUNTS = ("created", "updated", "unchanged", "failed")


def create(
    tx: Tx, job_id: str, *, kind: str, by: str, partial: bool, now: datetime, source: dict[str, Any] | None = None
) -> Doc:
    """A queued job, with the audit entry of who asked for it."""
    job: Doc = {
        "kind": kind,
        "status": "queued",
        "source": source or {},
        "partial": partial,
        "createdBy": by,
        "total": 0,
        "processed": 0,
        **dict.fromkeys(COUNTS, 0),
        "errors": [],
        "message": None,
        "chunks": None,
        "nextChunk": 0,
        "createdAt": now,
        "updatedAt": now,
        "finishedAt": None,
    }
    tx.create(("importJobs", job_id), job)
    after = {"kind": kind, "partial": partial, **job["source"]}
    audit.write(tx, actor=by, action="mentors.import", target=f"importJobs/{job_id}", after=after, now=now)
    return {**job, "id": job_id}


def get(tx: Tx, job_id: str) -> Doc:
    """Raises NotFound."""
    job = tx.get("importJobs", job_id)
    if job is None:
        raise NotFound("there is no such import")
    return {**job, "id": job_id}


def begin(tx: Tx, job_id: str, *, now: datetime) -> Doc:
    """The job is being read. One that is further already is left as it is."""
    job = get(tx, job_id)
    if job["status"] == "queued":
        tx.update(("importJobs", job_id), {"status": "running", "updatedAt": now})
    return job


def plan(tx: Tx, job_id: str, checked: Sequence[Checked], *, now: datetime) -> Doc:
    """Keep the checked rows to be applied; the first plan counts. Fails the job, and keeps nothing, if a row has errors
    and the job is not partial."""
    job = get(tx, job_id)
    if job["chunks"] is not None or job["status"] in {"done", "failed"}:
        return job
    valid = [row for row in checked if not row.errors]
    invalid = [row for row in checked if row.errors]
    changes: Doc = {
        "total": len(checked),
        "processed": len(invalid),
        "failed": len(invalid),
        "errors": [{"row": row.row, **error} for row in invalid for error in row.errors][:MAX_NAMED_ERRORS],
        "updatedAt": now,
    }
    if invalid and not job["partial"]:
        changes |= {"message": f"{len(invalid)} of {len(checked)} rows have errors; nothing was imported"}
        return _finish(tx, job, "failed", changes, now)
    starts = range(0, len(valid), CHUNK_ROWS)
    for number, start in enumerate(starts):
        rows = [row.stored() for row in valid[start : start + CHUNK_ROWS]]
        tx.set(_chunk_path(job_id, number), {"rows": rows, "report": None})
    changes |= {"status": "running", "chunks": len(starts)}
    if not starts:
        return _finish(tx, job, "done", changes, now)
    tx.update(("importJobs", job_id), changes)
    return {**job, **changes}


def apply_next(tx: Tx, job_id: str, *, config: PlatformConfig, now: datetime) -> Doc:
    """Apply the next chunk, if one is left. Returns the job after it."""
    job = get(tx, job_id)
    if job["status"] != "running" or job["chunks"] is None:
        return job
    number = job["nextChunk"]
    chunk = tx.get(*_chunk_path(job_id, number))
    assert chunk is not None, "a planned chunk is there until it is applied"
    report = importing.apply(
        tx,
        chunk["rows"],
        job_id=job_id,
        by=job["createdBy"],
        default_price_paise=config.default_price_paise,
        now=now,
    )
    # The rows hold personal data, and have served.
    tx.set(_chunk_path(job_id, number), {"rows": [], "report": report})
    statuses = ["failed" if row["status"] == "error" else row["status"] for row in report]
    faults = [{"row": row["row"], **error} for row in report for error in row["errors"]]
    changes: Doc = {
        "processed": job["processed"] + len(report),
        **{name: job[name] + statuses.count(name) for name in COUNTS},
        "errors": [*job["errors"], *faults][:MAX_NAMED_ERRORS],
        "nextChunk": number + 1,
        "updatedAt": now,
    }
    if number + 1 == job["chunks"]:
        return _finish(tx, job, "done", changes, now)
    tx.update(("importJobs", job_id), changes)
    return {**job, **changes}


def fail(tx: Tx, job_id: str, message: str, errors: list[dict[str, Any]] | None = None, *, now: datetime) -> Doc:
    """Give up a job of which nothing has been planned; one that is further goes on."""
    job = get(tx, job_id)
    if job["chunks"] is not None or job["status"] in {"done", "failed"}:
        return job
    return _finish(tx, job, "failed", {"message": message, "errors": (errors or [])[:MAX_NAMED_ERRORS]}, now)


def is_given_up(job: Doc, now: datetime) -> bool:
    """Whether it has waited for its source for too long."""
    return bool(clock.after(job["createdAt"], LONGEST_S) <= now)


def reports(tx: Tx, job: Doc) -> list[Doc]:
    """The report of each row that was applied."""
    paths = [_chunk_path(job["id"], number) for number in range(job["chunks"] or 0)]
    tx.prefetch(*paths)
    return [row for path in paths for row in (tx.get(*path) or {}).get("report") or []]


def step(job: Doc, *, at: datetime | None = None) -> Task:
    """The task of the job's next step. `at`: one that looks whether somebody must carry on."""
    chunk = job["nextChunk"] if job["chunks"] is not None and at is None else None
    key = ("import", job["id"], "resume" if at else "read" if chunk is None else chunk)
    return Task(TASK_PATH, key, {"jobId": job["id"], "chunk": chunk}, at=at)


def _finish(tx: Tx, job: Doc, status: str, changes: Doc, now: datetime) -> Doc:
    changes = {**changes, "status": status, "updatedAt": now, "finishedAt": now}
    tx.update(("importJobs", job["id"]), changes)
    return {**job, **changes}


def _chunk_path(job_id: str, number: int) -> tuple[str, ...]:
    return ("importJobs", job_id, "chunks", f"{number:04}")
