"""Which links to files are ours: in the own bucket, in the owner's own folder."""

import re
from urllib.parse import unquote, urlsplit

from konnect.config import Settings
from konnect.errors import BadRequest


def check_resume(settings: Settings, url: str | None, uid: str) -> None:
    """Raises BadRequest (resumeUrl) for a link to anything but a file that `uid` has uploaded here."""
    if url is not None and not is_own_url(settings, url, uid):
        raise BadRequest.field("resumeUrl", "must be a file that you have uploaded here", code="FOREIGN_FILE")


def is_own_url(settings: Settings, url: str, uid: str) -> bool:
    """Whether `url` is that of an object in our bucket with `uid` among its folders, as Cloud Storage or Firebase's SDK
    write it."""
    bucket = getattr(settings, "storage_bucket", "") or f"{settings.google_cloud_project}.appspot.com"
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.username or parts.port:
        return False
    forms = {
        "storage.googleapis.com": rf"/{re.escape(bucket)}/(.+)",
        f"{bucket}.storage.googleapis.com": r"/(.+)",
        "firebasestorage.googleapis.com": rf"/v0/b/{re.escape(bucket)}/o/([^/]+)",
    }
    form = forms.get(parts.hostname or "")
    found = re.fullmatch(form, parts.path) if form else None
    if found is None:
        return False
    folders = unquote(found[1]).split("/")
    return uid in folders[:-1] and not {"", ".", ".."} & set(folders)
