"""The files of a profile, résumé and photo: looked at before the profile names them, given up when it does no more."""

from collections.abc import Mapping
from datetime import datetime

from konnect.config import Settings
from konnect.context import Context
from konnect.store import Doc, Tx
from konnect.uploads import service as uploads
from konnect.uploads.files import Purpose, path_of

from .service import id_of

PURPOSES: dict[str, Purpose] = {"resumeUrl": "resume", "imageUrl": "photo"}
Files = dict[str, uploads.File]
"""By the field that names each."""


def checked(
    ctx: Context,
    uid: str,
    fields: Doc,
    *,
    now: datetime,
    kept: Doc | None = None,
    wire: Mapping[str, str] | None = None,
) -> tuple[Doc, Files]:
    """`fields` with the addresses of their files as we write them, and the files. A résumé must be a file that `uid`
    has uploaded here; a photo may also be elsewhere, as a Google account's is. What is as in `kept` is not looked at.

    Raises as uploads.checked does, naming the field (by the name that `wire` has for it).
    """
    found: Files = {}
    for name, purpose in PURPOSES.items():
        url = fields.get(name)
        if url is None or (kept is not None and url == kept.get(name)):
            continue
        if name == "resumeUrl" or path_of(ctx.settings, url) is not None:
            found[name] = uploads.checked(ctx, uid, url, purpose, field=(wire or {}).get(name, name), now=now)
    return {**fields, **{name: file.url for name, file in found.items()}}, found


def named(tx: Tx, expert_id: str) -> Doc:
    """The addresses that a profile names now, by field."""
    public, private = ("experts", expert_id), ("experts", expert_id, "private", "onboarding")
    tx.prefetch(public, private)
    whole = {**(tx.get(*private) or {}), **(tx.get(*public) or {})}
    return {name: whole.get(name) for name in PURPOSES}


def adopt(tx: Tx, settings: Settings, uid: str, fields: Doc, found: Files, *, now: datetime) -> None:
    """Mark what the profile is about to name as used, and give up what it named; to be called before it is written."""
    for name, old in named(tx, id_of(tx, uid)).items():
        if name in fields and old and old != fields[name]:
            uploads.release(tx, settings, uid, old, PURPOSES[name], field=name, now=now)
    for name, file in found.items():
        uploads.use(tx, file, field=name, now=now)


def resume(ctx: Context, expert: Doc, *, now: datetime) -> Doc:
    """A URL to read the résumé of a profile by (uploads.readable). Raises NotFound (UPLOAD_NOT_FOUND) for a profile
    without one of ours, Unavailable."""
    return uploads.link(
        ctx, expert["firebaseUid"] or "", expert["onboardingData"].get("resumeUrl") or "", "resume", now=now
    )
