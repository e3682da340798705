"""The files of a course: looked at before the course names them, given up when it does no more."""

from datetime import datetime
from typing import Any

from konnect.context import Context
from konnect.errors import BadRequest
from konnect.store import Doc, Tx
from konnect.uploads import service as uploads
from konnect.uploads.files import Purpose, path_of

from . import sections

Files = dict[str, tuple[uploads.File, str]]
"""By the upload's id: the file, and the field that names it."""


def checked(ctx: Context, uid: str, given: Doc, *, kept: dict[str, str], now: datetime) -> tuple[Doc, Files]:
    """`given` (a course's fields as they were sent) with the ids of the files that it names, and those of them that are
    not `kept` (the course names them already: id → purpose). What lies elsewhere stays an address.

    Raises BadRequest naming the field: FOREIGN_FILE, UPLOAD_MISSING, UPLOAD_TYPE, UPLOAD_SIZE; Unavailable.
    """
    found: Files = {}
    changed = dict(given)
    if "thumbnailUrl" in given:
        url = given["thumbnailUrl"]
        changed["thumbnailUploadId"] = None
        if url is not None and path_of(ctx.settings, url) is not None:
            file = uploads.checked(ctx, uid, url, "thumbnail", field="thumbnailUrl", now=now)
            changed |= {"thumbnailUrl": file.url, "thumbnailUploadId": file.id}
            found[file.id] = (file, "thumbnailUrl")
    if "sections" in given:
        changed["sections"] = [
            {
                **section,
                "lectures": [
                    _lecture(ctx, uid, lecture, kept, found, f"sections.{index}.lectures.{number}", now)
                    for number, lecture in enumerate(section.get("lectures") or [])
                ],
            }
            for index, section in enumerate(given["sections"])
        ]
    return changed, found


def adopt(tx: Tx, course_id: str, before: Doc, after: Doc, files: Files, *, now: datetime) -> None:
    """Mark what the content `after` names as this course's, and give up what only `before` named.

    Raises BadRequest (UPLOAD_MISSING, FOREIGN_FILE).
    """
    named, wanted = sections.uploads_of(before), sections.uploads_of(after)
    tx.prefetch(*(("uploads", upload_id) for upload_id in named.keys() ^ wanted.keys()))
    for upload_id in wanted:
        if upload_id in named:
            continue
        if upload_id not in files:
            # Another edit has taken it out meanwhile.
            raise BadRequest.field(
                "sections", f"the file {upload_id} is not the course's any more", code="FOREIGN_FILE"
            )
        file, field = files[upload_id]
        uploads.use(tx, file, field=field, now=now, place=course_id)
    for upload_id in named.keys() - wanted.keys():
        uploads.give_up(tx, upload_id, course_id, now=now)


def _lecture(
    ctx: Context, uid: str, lecture: Doc, kept: dict[str, str], found: Files, at: str, now: datetime
) -> dict[str, Any]:
    lecture = dict(lecture)
    url = lecture.get("videoUrl")
    if url is not None and path_of(ctx.settings, url) is not None:
        if lecture.get("videoUploadId") is not None:
            raise BadRequest.field(f"{at}.videoUrl", "is a second video")
        file = uploads.checked(ctx, uid, url, "video", field=f"{at}.videoUrl", now=now)
        lecture |= {"videoUrl": None, "videoUploadId": file.id}
        found[file.id] = (file, f"{at}.videoUrl")
    elif url is not None and not url.startswith("https://"):
        raise BadRequest.field(f"{at}.videoUrl", "must begin with https://")
    named: list[tuple[str | None, Purpose, str]] = [(lecture.get("videoUploadId"), "video", f"{at}.videoUploadId")]
    for index, resource in enumerate(lecture.get("resources") or []):
        named.append((resource.get("uploadId"), "material", f"{at}.resources.{index}.uploadId"))
    for upload_id, purpose, field in named:
        known = kept.get(upload_id or "")
        if upload_id in found:
            known = found[upload_id][0].doc["purpose"]
        if upload_id is not None and known != purpose:
            found[upload_id] = (uploads.chosen(ctx, uid, upload_id, purpose, field=field), field)
    return lecture
