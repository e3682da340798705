"""uploads/{id}: a file of a user's in Cloud Storage, from its signed URL to its use. No client reads it.

{uid, purpose, path, contentType, size, fileName, sessionId, place, fields, status, createdAt, usedAt, expiresAt}.
`pending`: a URL was given out, and something may have been uploaded; `used`: a profile, a message or a course names it,
by `fields`; `expired`: about to be deleted (sweeps.py). expiresAt is set while nothing names it. A file that Firebase's
SDK has uploaded under storage.rules gets its document when it is named. What a course is made of has one `place`, the
course's id, so that one course's edit can't take away what another one shows.

What a file is named by is looked at before the transaction (`checked`) and marked within it (`use`).
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from konnect import clock, ids
from konnect.config import Settings
from konnect.context import Context
from konnect.errors import BadRequest, Conflict, Forbidden, NotFound, RateLimited
from konnect.store import Doc, Query, Tx

from . import files
from .files import OF_COURSES, TYPES, Purpose

if TYPE_CHECKING:
    from konnect.integrations.storage.client import Stat, Storage

UNUSED = timedelta(hours=24)
READ = timedelta(minutes=10)
MAX_PENDING = 50
"""Of one user: what is given out and not used can fill no bucket."""
MAX_VIDEOS_BYTES = 500 * 1024**3
"""Of one educator, which anybody may apply to be: some thousand hours."""
_FOR_ADMINS = ("resume", *OF_COURSES)
_OWN_ID = re.compile(r"([A-Za-z0-9]{20})\.[a-z0-9]{1,5}")


@dataclass(frozen=True)
class File:
    """An uploaded file that has been looked at; `url` is its address as we write it, `known` whether it had a
    document."""

    id: str
    url: str
    doc: Doc
    known: bool


def storage(ctx: Context) -> "Storage":
    """The bucket; imported here, since a profile's edit without a file needs none of it."""
    from konnect.integrations.storage.client import storage_of

    return storage_of(ctx.settings)


def begin(
    ctx: Context,
    uid: str,
    purpose: Purpose,
    *,
    content_type: str,
    size: int,
    file_name: str,
    session_id: str | None = None,
    now: datetime,
) -> Doc:
    """A signed URL for one file: {id, method, url, headers, fileUrl, path, expiresAt, maxBytes}.

    Raises BadRequest (contentType: UPLOAD_TYPE, size: UPLOAD_SIZE, sessionId), RateLimited (TOO_MANY_UPLOADS),
    Unavailable; for an attachment NotFound (SESSION_NOT_FOUND), Forbidden (NOT_A_PARTICIPANT), Conflict
    (SESSION_ENDED); for what a course is made of Forbidden (EDUCATOR_REQUIRED), for a video Conflict (STORAGE_FULL).
    """
    content_type = files.normal_type(content_type)
    _check(purpose, content_type, size, type_field="contentType", size_field="size")
    if (session_id is not None) != (purpose == "attachment"):
        message = "belongs to an attachment" if session_id is not None else "is required for an attachment"
        raise BadRequest.field("sessionId", message)
    if session_id is not None and not _takes_part(ctx, uid, session_id):
        raise Conflict("the session is not going on", code="SESSION_ENDED")
    if purpose in OF_COURSES:
        _check_educator(ctx, uid)
    if purpose == "video":
        _check_room(ctx, uid, size)
    pending = Query(("uploads",)).filter("uid", "==", uid).filter("status", "==", "pending")
    if pending.count(ctx.db) >= MAX_PENDING:
        raise RateLimited(f"{MAX_PENDING} uploads wait to be used", code="TOO_MANY_UPLOADS")
    upload_id = ids.new()
    path = files.path(purpose, uid, upload_id, content_type)
    valid_for = timedelta(minutes=ctx.settings.upload_url_minutes)
    url, headers = storage(ctx).upload_url(path, content_type, max_bytes=files.max_bytes(purpose), expires_in=valid_for)
    doc: Doc = {
        "uid": uid,
        "purpose": purpose,
        "path": path,
        "contentType": content_type,
        "size": size,
        "fileName": files.clean_name(file_name, TYPES[purpose][content_type]),
        "sessionId": session_id,
        "status": "pending",
        "createdAt": now,
        "usedAt": None,
        "expiresAt": now + UNUSED,
    }
    ctx.db.create(("uploads", upload_id), doc)
    return {
        "id": upload_id,
        "method": "PUT",
        "url": url,
        "headers": headers,
        "fileUrl": files.file_url(ctx.settings, purpose, path),
        "path": path,
        "expiresAt": now + valid_for,
        "maxBytes": files.max_bytes(purpose),
    }


def attachment(ctx: Context, uid: str, upload_id: str, session_id: str) -> Doc:
    """The file that a message of `uid` in `session_id` is to carry: {id, fileName, contentType, size}, marked used.
    Not within a transaction; a repeat answers the same.

    That `uid` takes part in a running session is the caller's to check. Raises BadRequest, each naming `uploadId`:
    FOREIGN_FILE for what is no attachment of theirs for this session, UPLOAD_MISSING when nothing was uploaded (any
    more), UPLOAD_TYPE, UPLOAD_SIZE; Unavailable.
    """
    field = "uploadId"
    doc = ctx.db.get("uploads", upload_id) if ids.valid(upload_id) else None
    if doc is None or (doc["uid"], doc["purpose"], doc["sessionId"]) != (uid, "attachment", session_id):
        raise _foreign(field)
    if doc["status"] != "used":
        stat = _stat(ctx, doc["path"], "attachment", field)
        file = File(upload_id, "", {**doc, "size": stat.size, "contentType": stat.content_type}, known=True)
        now = clock.now()
        ctx.run(lambda tx: use(tx, file, field=field, now=now))
        doc = file.doc
    return {"id": upload_id, **{name: doc[name] for name in ("fileName", "contentType", "size")}}


def checked(ctx: Context, uid: str, url: str, purpose: Purpose, *, field: str, now: datetime) -> File:
    """The file behind `url`, which `uid` has uploaded for `purpose`: by a signed URL of ours, or by Firebase's SDK into
    their own folder. To be passed to `use`.

    Raises BadRequest, each naming `field`: FOREIGN_FILE (not in our bucket, not theirs), UPLOAD_MISSING, UPLOAD_TYPE,
    UPLOAD_SIZE; Conflict (STORAGE_FULL) for a video of the SDK's; Unavailable.
    """
    path = files.path_of(ctx.settings, url)
    folder = files.folder(purpose, uid)
    name = path.removeprefix(folder) if path is not None else ""
    if path is None or name == path or "/" in name:
        raise _foreign(field)
    stat = _stat(ctx, path, purpose, field)
    known = {upload_id: ctx.db.get("uploads", upload_id) for upload_id in ids_of(path)}
    upload_id, doc = next(
        ((key, found) for key, found in known.items() if found is not None and found["path"] == path),
        (ids_of(path)[-1], None),
    )
    if doc is None and purpose == "video":
        _check_room(ctx, uid, stat.size)
    whole: Doc = {
        "uid": uid,
        "purpose": purpose,
        "path": path,
        "fileName": files.clean_name(name, TYPES[purpose][stat.content_type]),
        "sessionId": None,
        "createdAt": now,
        **(doc or {}),
        "contentType": stat.content_type,
        "size": stat.size,
    }
    return File(upload_id, files.file_url(ctx.settings, purpose, path), whole, known=doc is not None)


def chosen(ctx: Context, uid: str, upload_id: str, purpose: Purpose, *, field: str) -> File:
    """The file that `uid` has uploaded for `purpose`, by its id. To be passed to `use`.

    Raises BadRequest, each naming `field`: FOREIGN_FILE, UPLOAD_MISSING, UPLOAD_TYPE, UPLOAD_SIZE; Unavailable.
    """
    doc = ctx.db.get("uploads", upload_id) if ids.valid(upload_id) else None
    if doc is None or (doc["uid"], doc["purpose"]) != (uid, purpose):
        raise _foreign(field)
    stat = _stat(ctx, doc["path"], purpose, field)
    whole = {**doc, "contentType": stat.content_type, "size": stat.size}
    return File(upload_id, files.file_url(ctx.settings, purpose, doc["path"]), whole, known=True)


def use(tx: Tx, file: File, *, field: str, now: datetime, place: str | None = None) -> None:
    """Something names the file now; with a `place`, that one alone. Raises BadRequest: UPLOAD_MISSING if the sweep was
    first, FOREIGN_FILE for one that has another place."""
    before = tx.get("uploads", file.id)
    # One that the sweep has finished with has left no document.
    gone = file.known if before is None else before["status"] == "expired"
    if gone:
        raise _missing(field)
    if place is not None and (before or {}).get("place") not in {None, place}:
        raise BadRequest.field(field, "is used elsewhere: upload it once more", code="FOREIGN_FILE")
    # A photo may be that of the profile as an expert and of the member's.
    others = (before or {}).get("fields", []) if (before or {}).get("status") == "used" else []
    used = {**file.doc, "status": "used", "fields": sorted({*others, field}), "usedAt": now, "expiresAt": None}
    tx.set(("uploads", file.id), used if place is None else {**used, "place": place})


def give_up(tx: Tx, upload_id: str, place: str, *, now: datetime) -> None:
    """`place` names the file no more: it is deleted after a day, unless it is used again."""
    doc = tx.get("uploads", upload_id)
    if doc is not None and (doc["status"], doc.get("place")) == ("used", place):
        tx.update(("uploads", upload_id), {"status": "pending", "place": None, "expiresAt": now + UNUSED})


def release(tx: Tx, settings: Settings, uid: str, url: str, purpose: Purpose, *, field: str, now: datetime) -> None:
    """`field` of theirs names `url` no more: a file of ours that no other field names is deleted after a day, unless it
    is used again."""
    path = files.path_of(settings, url)
    if path is None or not path.startswith(files.folder(purpose, uid)):
        return
    for upload_id in ids_of(path):
        doc = tx.get("uploads", upload_id)
        if doc is None or (doc["path"], doc["status"]) != (path, "used"):
            continue
        if others := [one for one in doc.get("fields", []) if one != field]:
            tx.update(("uploads", upload_id), {"fields": others})
        else:
            tx.update(("uploads", upload_id), {"status": "pending", "fields": [], "expiresAt": now + UNUSED})


def readable(ctx: Context, uid: str, role: str, upload_id: str, *, now: datetime) -> Doc:
    """A signed URL to read a file: {id, url, contentType, size, fileName, expiresAt}. For its owner; for an attachment
    that was sent, its session's participants; for a résumé or what a course is made of, admins.

    Raises NotFound (UPLOAD_NOT_FOUND), Forbidden, Unavailable.
    """
    doc = ctx.db.get("uploads", upload_id)
    if doc is None or doc["status"] == "expired":
        raise _not_found()
    if doc["uid"] != uid and not (doc["purpose"] in _FOR_ADMINS and role == "admin"):
        if doc["purpose"] != "attachment" or doc["status"] != "used":
            raise Forbidden("this is the file of somebody else")
        _takes_part(ctx, uid, doc["sessionId"])
    return _link(ctx, upload_id, doc, now=now)


def link(ctx: Context, uid: str, url: str, purpose: Purpose, *, now: datetime) -> Doc:
    """As `readable`, for the file of `uid` that a profile names by `url`; who may read it is the caller's to check.
    Raises NotFound (UPLOAD_NOT_FOUND) for what is not in our bucket, Unavailable."""
    try:
        file = checked(ctx, uid, url, purpose, field="url", now=now)
    except BadRequest as error:
        raise _not_found() from error
    return _link(ctx, file.id, file.doc, now=now)


def lend(ctx: Context, upload_id: str, *, expires_in: timedelta, now: datetime) -> Doc:
    """As `readable`, for a file that a course names; who may read it is the caller's to check. `expires_in`: a player
    asks for a video piece by piece, as long as it is watched. A URL is a request to IAM: ask for what is about to be
    read. Raises NotFound (UPLOAD_NOT_FOUND), Unavailable."""
    doc = ctx.db.get("uploads", upload_id)
    if doc is None or doc["status"] == "expired":
        raise _not_found()
    return _link(ctx, upload_id, doc, now=now, lasts=expires_in)


def _link(ctx: Context, upload_id: str, doc: Doc, *, now: datetime, lasts: timedelta = READ) -> Doc:
    found: Doc = {"id": upload_id, **{name: doc[name] for name in ("contentType", "size", "fileName")}}
    if doc.get("status") == "pending":
        stat = storage(ctx).stat(doc["path"])
        if stat is None:
            raise _not_found()
        found |= {"contentType": stat.content_type, "size": stat.size}
    url = storage(ctx).download_url(doc["path"], file_name=doc["fileName"], expires_in=lasts)
    return {**found, "url": url, "expiresAt": now + lasts}


def ids_of(path: str) -> list[str]:
    """The ids that the document of a path can have: ours, if its name is one, and last that of an upload by the SDK."""
    own = _OWN_ID.fullmatch(path.rpartition("/")[2])
    return [*([own[1]] if own else []), ids.digest("upload", path)]


def _takes_part(ctx: Context, uid: str, chat_id: str) -> bool:
    """Whether messages can be sent in a session, a consult, or a booking's conversation, of theirs; their domains are
    above this one. Raises NotFound, Forbidden."""
    kinds = ("sessions", "consults", "conversations") if ids.valid(chat_id) else ()
    known = ctx.db.get_many([(kind, chat_id) for kind in kinds]) if kinds else {}
    session = known.get(("sessions", chat_id)) or known.get(("consults", chat_id))
    found = session or known.get(("conversations", chat_id))
    if found is None:
        raise NotFound("there is no such session or conversation", code="SESSION_NOT_FOUND")
    participants = {session["userId"], session["expertUid"]} if session is not None else set(found["participants"])
    if uid not in participants:
        raise Forbidden("you are not in this session", code="NOT_A_PARTICIPANT")
    return session is None or session["status"] in {"in_progress", "active"}


def _check_educator(ctx: Context, uid: str) -> None:
    """Experts are a domain above this one, too. Raises Forbidden (EDUCATOR_REQUIRED)."""
    expert_id = (ctx.db.get("expertsByUid", uid) or {}).get("expertId", uid)
    expert = ctx.db.get("experts", expert_id)
    if expert is None or expert["mentorStatus"] == "rejected":
        raise Forbidden("only educators upload this: apply to be one first", code="EDUCATOR_REQUIRED")


def _check_room(ctx: Context, uid: str, size: int) -> None:
    """Raises Conflict (STORAGE_FULL)."""
    videos = Query(("uploads",)).filter("uid", "==", uid).filter("purpose", "==", "video")
    if videos.sum(ctx.db, "size") + size > MAX_VIDEOS_BYTES:
        raise Conflict(f"your videos may have {MAX_VIDEOS_BYTES} bytes in all", code="STORAGE_FULL")


def _stat(ctx: Context, path: str, purpose: Purpose, field: str) -> "Stat":
    """What was uploaded, allowed for its purpose: the last word, whatever let it into the bucket."""
    stat = storage(ctx).stat(path)
    if stat is None:
        raise _missing(field)
    _check(purpose, stat.content_type, stat.size, type_field=field, size_field=field)
    return stat


def _check(purpose: Purpose, content_type: str, size: int, *, type_field: str, size_field: str) -> None:
    if content_type not in TYPES[purpose]:
        allowed = ", ".join(TYPES[purpose])
        raise BadRequest.field(type_field, f"must be one of {allowed} for a {purpose}", code="UPLOAD_TYPE")
    most = files.max_bytes(purpose)
    if not 1 <= size <= most:
        raise BadRequest.field(size_field, f"must be 1 to {most} bytes", code="UPLOAD_SIZE")


def _foreign(field: str) -> BadRequest:
    return BadRequest.field(field, "must be a file that you have uploaded here", code="FOREIGN_FILE")


def _missing(field: str) -> BadRequest:
    return BadRequest.field(field, "nothing has been uploaded there", code="UPLOAD_MISSING")


def _not_found() -> NotFound:
    return NotFound("there is no such file", code="UPLOAD_NOT_FOUND")
