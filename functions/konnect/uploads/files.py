"""What may be uploaded: types and size by purpose, paths, and names of files. Pure.

storage.rules repeats this table for the Firebase SDK; a test holds the two together.
"""

import re
import unicodedata
from typing import Literal, get_args
from urllib.parse import quote, unquote, urlsplit

from konnect.config import FIREBASE_STORAGE_URL, GOOGLE_STORAGE_URL, Settings

Purpose = Literal["resume", "photo", "attachment", "thumbnail", "video", "material"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
MAX_BYTES = 10 * 1024 * 1024
MAX_VIDEO_BYTES = 2 * 1024 * 1024 * 1024
OF_COURSES: tuple[Purpose, ...] = ("thumbnail", "video", "material")
"""What a course is made of: for educators alone."""
PUBLIC: tuple[Purpose, ...] = ("photo", "thumbnail")
"""Read by everybody, by Firebase's address."""
MAX_NAME = 120

_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PHOTOS: dict[str, tuple[str, ...]] = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/webp": (".webp",),
}
_PAPERS: dict[str, tuple[str, ...]] = {"application/pdf": (".pdf",), "application/msword": (".doc",), _WORD: (".docx",)}
_ATTACHMENTS: dict[str, tuple[str, ...]] = {
    **_PHOTOS,
    "image/gif": (".gif",),
    **_PAPERS,
    "text/plain": (".txt",),
    "text/csv": (".csv",),
    "application/vnd.ms-excel": (".xls",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (".xlsx",),
    "application/vnd.ms-powerpoint": (".ppt",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (".pptx",),
    "application/zip": (".zip",),
    # Voice notes, as browsers record and phones send them.
    "audio/webm": (".webm",),
    "audio/ogg": (".ogg", ".oga"),
    "audio/mpeg": (".mp3",),
    "audio/mp4": (".m4a", ".mp4"),
    "audio/aac": (".aac",),
    "audio/wav": (".wav",),
}
TYPES: dict[Purpose, dict[str, tuple[str, ...]]] = {
    "resume": _PAPERS,
    "photo": _PHOTOS,
    "attachment": _ATTACHMENTS,
    "thumbnail": _PHOTOS,
    # What browsers play.
    "video": {"video/mp4": (".mp4", ".m4v"), "video/webm": (".webm",), "video/quicktime": (".mov",)},
    "material": _ATTACHMENTS,
}
"""By purpose: content type → the endings of its files' names, the usual one first. Nothing that a browser would run
(HTML, SVG)."""

_JOINERS = "\u200c\u200d"
"""Invisible, and part of how Indian scripts and emoji are written: the only format characters that a name keeps."""


def normal_type(content_type: str) -> str:
    """Without parameters: a browser's recorder says `audio/webm;codecs=opus`."""
    return content_type.partition(";")[0].strip().lower()


def max_bytes(purpose: Purpose) -> int:
    return MAX_VIDEO_BYTES if purpose == "video" else MAX_BYTES


def folder(purpose: Purpose, uid: str) -> str:
    """A user's own folder of a purpose, with its slash; storage.rules names the same."""
    return f"{purpose}s/{uid}/"


def path(purpose: Purpose, uid: str, upload_id: str, content_type: str) -> str:
    """Where an upload lies in the bucket: nothing that a client wrote is part of it."""
    return f"{folder(purpose, uid)}{upload_id}{TYPES[purpose][content_type][0]}"


def clean_name(name: str, endings: tuple[str, ...]) -> str:
    """A file's name as others may see it: without folders, control and direction characters, at most MAX_NAME long,
    and with an ending of its type, so that a file never claims to be what it isn't."""
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(
        character if character in _JOINERS or unicodedata.category(character)[0] != "C" else " " for character in name
    )
    stem = " ".join(kept.split()).strip(". ") or "file"
    ending = next((ending for ending in endings if stem.lower().endswith(ending)), None)
    if ending is None:
        return stem[: MAX_NAME - len(endings[0])].rstrip(". ") + endings[0]
    return (stem[: -len(ending)].strip(". ") or "file")[: MAX_NAME - len(ending)].rstrip(". ") + stem[-len(ending) :]


def file_url(settings: Settings, purpose: Purpose, path: str) -> str:
    """A file's address, to be kept: public for PUBLIC (storage.rules), for any other read by signed URL alone."""
    if purpose in PUBLIC:
        return f"{settings.firebase_storage_url}/v0/b/{settings.bucket}/o/{quote(path, safe='')}?alt=media"
    return f"{settings.storage_url}/{settings.bucket}/{quote(path)}"


def path_of(settings: Settings, url: str) -> str | None:
    """The path of a file in our bucket, by any address that Cloud Storage or Firebase's SDK gives it; None for every
    other address."""
    bucket = settings.bucket
    bases = {
        f"{settings.storage_url}/{bucket}/": False,
        f"{settings.firebase_storage_url}/v0/b/{bucket}/o/": True,
        f"{GOOGLE_STORAGE_URL}/{bucket}/": False,
        f"https://{bucket}.storage.googleapis.com/": False,
        f"{FIREBASE_STORAGE_URL}/v0/b/{bucket}/o/": True,
    }
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    address = f"{parts.scheme}://{parts.netloc}{parts.path}"
    for base, is_escaped in bases.items():
        # The host's letters are compared as they are written: what gives out these addresses writes them small.
        rest = address.removeprefix(base)
        if rest == address or (is_escaped and "/" in rest):
            continue
        found = unquote(rest)
        return found if found and not {"", ".", ".."} & set(found.split("/")) else None
    return None
