"""/api/uploads: where a file goes to, and how it is read."""

from typing import Any

from konnect.http.routing import Call, Router

from .schemas import NewUpload, StoredFile, Upload

router = Router("Uploads")


@router.post("/api/uploads", response=Upload, status=201, errors=(403, 404, 409, 429, 503))
def new_upload(call: Call, body: NewUpload) -> dict[str, Any]:
    """Get a signed URL to upload one file to: a résumé, a photo, an attachment of a running session, or what a course
    is made of (thumbnail, video, material; 403 EDUCATOR_REQUIRED for whoever is none).

    The file goes straight to Cloud Storage, which refuses another type (403), more than `maxBytes` (10 MiB, 2 GiB of a
    video; 400), a second file (412) and what comes after `expiresAt` (400).
    """
    from . import service

    return service.begin(
        call.ctx,
        call.user.uid,
        body.purpose,
        content_type=body.content_type,
        size=body.size,
        file_name=body.file_name,
        session_id=body.session_id,
        now=call.now,
    )


@router.get("/api/uploads/<upload_id>", response=StoredFile, errors=(403, 404, 503))
def read_upload(call: Call, upload_id: str) -> dict[str, Any]:
    """A URL to read a file by, for ten minutes: one's own, an attachment of one's session, or, for admins, a résumé or
    a course's video."""
    from . import service

    return service.readable(call.ctx, call.user.uid, call.user.role, upload_id, now=call.now)
