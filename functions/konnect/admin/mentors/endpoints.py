"""/api/admin/mentors: every mentor, and tables of them in and out."""

from typing import Any

from flask import Response

from konnect.errors import BadRequest
from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.http.validation import parse_body
from konnect.money import to_paise
from konnect.platform import platform_config

from . import availability, csv_rows, jobs, service, usecases
from .schemas import (
    Availability,
    CsvBody,
    ImportJob,
    ImportQuery,
    ImportReport,
    Mentor,
    MentorFilter,
    MentorsQuery,
    MentorUpdate,
    SheetImport,
)

router = Router("Admin mentors")

# JSON escapes quotes and line breaks, and multipart has its frame.
MAX_IMPORT_BODY_BYTES = 2 * csv_rows.MAX_BYTES
_CSV_SCHEMA = {"type": "string", "description": f"At most {csv_rows.MAX_ROWS} rows and {csv_rows.MAX_BYTES} bytes."}
_FILE_SCHEMA = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "contentMediaType": "text/csv"}},
}
IMPORT_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": _CSV_SCHEMA},
            "multipart/form-data": {"schema": _FILE_SCHEMA},
            "application/json": {"schema": {"type": "object", "required": ["csv"], "properties": {"csv": _CSV_SCHEMA}}},
        },
    }
}
CSV_ANSWER = {
    "responses": {"200": {"description": "OK", "content": {"text/csv": {"schema": {"type": "string"}}}}},
}


@router.get("/api/admin/mentors", response=Listing[Mentor], auth="admin")
def list_mentors(call: Call, query: MentorsQuery) -> dict[str, Any]:
    """List mentors in any state, newest first."""
    found = service.listed(call.ctx.db, limit=query.limit, cursor=query.cursor, **_filters(query))
    return {"items": found.items, "nextCursor": found.next_cursor}


@router.get("/api/admin/mentors/export", auth="admin", documentation=CSV_ANSWER)
def export_mentors(call: Call, query: MentorFilter) -> Response:
    """Export mentors as CSV, in the form that the bulk import reads: an export that is imported changes nothing.

    Lists have "; " between their items. A cell that a spreadsheet would run as a formula begins with an apostrophe.
    """
    text = csv_rows.write(service.exported(call.ctx.db, **_filters(query)))
    name = f"mentors-{call.now:%Y%m%d-%H%M}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, content_type="text/csv; charset=utf-8", headers=headers)


@router.patch("/api/admin/mentors/<mentor_id>", response=Mentor, auth="admin", errors=(404,))
def update_mentor(call: Call, mentor_id: str, body: MentorUpdate) -> dict[str, Any]:
    """Change fields of a mentor's profile, validated as at registration. Availability and the application's status have
    operations of their own."""
    fields = body.model_dump(by_alias=True, exclude_unset=True)
    if "pricePerMin" in fields:
        fields["pricePerMinPaise"] = to_paise(fields.pop("pricePerMin"))
    return call.ctx.run(lambda tx: service.update(tx, mentor_id, fields, by=call.user.uid, now=call.now))


@router.post(
    "/api/admin/mentors/<mentor_id>/toggle-availability", response=Mentor, auth="admin", errors=(403, 404, 409)
)
def toggle_availability(call: Call, mentor_id: str, body: Availability) -> dict[str, Any]:
    """Switch a mentor off or on. Who is off stays offline until switched on, by an admin or in the portal; who is on is
    online while the portal is connected."""
    config, by = platform_config(call.ctx.db), call.user.uid
    return call.ctx.run(
        lambda tx: availability.switch(
            tx, mentor_id, body.available, by=by, reason=body.reason, config=config, now=call.now
        )
    )


@router.post(
    "/api/admin/mentors/bulk",
    response=ImportReport,
    auth="admin",
    errors=(400, 413),
    max_body_bytes=MAX_IMPORT_BODY_BYTES,
    documentation=IMPORT_BODY,
)
def import_mentors(call: Call, query: ImportQuery) -> dict[str, Any]:
    """Import mentors from CSV: the body itself, a file of a form, or JSON.

    The first row names the columns, as in the export; `email` (or `id`) says whom a row is about. A row with an unknown
    address makes a mentor, approved unless `mentorStatus` says `applied`; the person who signs in with the address,
    verified, gets the profile. An empty cell clears; a column that is left out changes nothing. When any row has errors
    (400 INVALID_ROWS, each with row and field) nothing is written, unless `partial`. Repeating an import is safe.
    """
    data = _csv(call)
    return usecases.import_csv(
        call.ctx, data, by=call.user.uid, partial=query.partial, dry_run=query.dry_run, now=call.now
    )


@router.post("/api/admin/mentors/import-sheet", response=ImportJob, auth="admin", status=202)
def import_sheet(call: Call, body: SheetImport) -> dict[str, Any]:
    """Import mentors from a Google spreadsheet, in the background; `import-status` tells how far it is.

    The spreadsheet has to be shared with the platform's service account. Its rows are those of the bulk import.
    """
    return usecases.import_sheet(
        call.ctx, body.spreadsheet_id, body.range, by=call.user.uid, partial=body.partial, now=call.now
    )


@router.get("/api/admin/mentors/import-status/<job_id>", response=ImportJob, auth="admin", errors=(404,))
def import_status(call: Call, job_id: str) -> dict[str, Any]:
    """The progress of an import."""
    return call.ctx.run(lambda tx: jobs.get(tx, job_id))


def _filters(query: MentorFilter) -> dict[str, Any]:
    return {"status": query.status, "available": query.available, "search": query.search}


def _csv(call: Call) -> bytes:
    """The CSV of the body in any of its three forms. Raises BadRequest, PayloadTooLarge."""
    raw = call.raw_body
    media_type = call.request.mimetype
    if media_type == "multipart/form-data":
        file = call.request.files.get("file") or next(iter(call.request.files.values()), None)
        if file is None:
            raise BadRequest.field("file", "is required")
        return file.read()
    if media_type == "application/json":
        body: CsvBody = parse_body(CsvBody, raw)
        return body.csv.encode()
    if not raw.strip():
        raise BadRequest.field("file", "is required")
    return raw
