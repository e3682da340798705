"""Recordings at the provider, by the address that its webhook told. Imported at first use: requests costs a cold
start."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from konnect.config import Settings
from konnect.errors import BadGateway, Unavailable

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
PIECE_BYTES = 1024 * 1024
VIDEO = "video/mp4"
"""What Jibri and JaaS record; also for what is served as some bytes."""
_LATER = frozenset({408, 425, 429})


class Refused(BadGateway):
    """The recording is not to be had: asking again does not help."""

    code = "RECORDING_REFUSED"


@dataclass(frozen=True)
class Download:
    content_type: str
    pieces: Iterator[bytes]


@contextmanager
def opened(settings: Settings, url: str) -> Iterator[Download]:
    """What `url` serves, piece by piece. Raises Refused (no such address, gone, too large), Unavailable; so do the
    pieces."""
    check(settings, url)
    max_bytes = settings.recording_max_mb * 1024 * 1024
    try:
        # No redirects: they could lead to addresses that are no https.
        with requests.get(
            url, stream=True, allow_redirects=False, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        ) as response:
            _check_answer(response)
            if int(response.headers.get("Content-Length") or 0) > max_bytes:
                raise _too_large(settings)
            content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            is_media = content_type.startswith(("video/", "audio/"))
            yield Download(content_type if is_media else VIDEO, _pieces(settings, response, max_bytes))
    except requests.RequestException as error:
        # Without the address: who knows it can fetch the recording.
        log.warning("recording not reached", extra={"host": urlsplit(url).hostname, "error": type(error).__name__})
        raise Unavailable("the recording can't be reached") from error


def check(settings: Settings, url: str) -> None:
    """https, or anything on this machine while it is no deployed service. Raises Refused."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise Refused("the recording has no address") from error
    is_local = not settings.k_service and host in {"127.0.0.1", "localhost"}
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_local)):
        raise Refused("the recording has no https address")


def _check_answer(response: requests.Response) -> None:
    status = response.status_code
    if status >= 500 or status in _LATER:
        raise Unavailable(f"the recording can't be reached: {status}")
    if status != 200:
        raise Refused(f"the recording is not to be had: {status}")


def _pieces(settings: Settings, response: requests.Response, max_bytes: int) -> Iterator[bytes]:
    size = 0
    for piece in response.iter_content(PIECE_BYTES):
        size += len(piece)
        if size > max_bytes:
            raise _too_large(settings)
        yield piece


def _too_large(settings: Settings) -> Refused:
    return Refused(f"the recording is larger than {settings.recording_max_mb} MB")
