"""The bucket's objects, and V4 signed URLs for them, over google-cloud-storage.

A function has no private key: IAM's signBlob signs with its service account's, which needs the role Service Account
Token Creator on itself. Imported at first use only: google-cloud-storage costs a cold start.
"""

import base64
import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Protocol
from urllib.parse import quote

import google.auth
import google.auth.credentials
import google.auth.exceptions
import requests
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Bucket, Client
from google.cloud.storage.retry import DEFAULT_RETRY

from konnect import spans
from konnect.config import GOOGLE_IAM_CREDENTIALS_URL, Settings
from konnect.errors import Unavailable

log = logging.getLogger(__name__)

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
CHUNK_BYTES = 8 * 1024 * 1024
"""Of what is written, so much is in memory at a time."""


@dataclass(frozen=True)
class Stat:
    """What is stored under a path; `content_type` as it was uploaded, without parameters."""

    size: int
    content_type: str


class Storage(Protocol):
    def upload_url(
        self, path: str, content_type: str, *, max_bytes: int, expires_in: timedelta
    ) -> tuple[str, dict[str, str]]:
        """A URL to PUT one object to, and the headers that must go with it. Cloud Storage itself refuses another type,
        an empty or larger body (400), a late one (400), and a second one (412). Raises Unavailable."""

    def download_url(self, path: str, *, file_name: str, expires_in: timedelta) -> str:
        """A URL to GET an object from, saved under `file_name` by a browser. Raises Unavailable."""

    def write(self, path: str, content_type: str, pieces: Iterable[bytes]) -> int:
        """Store an object, whole or not at all, in the place of one that is there; returns its size. An error of
        `pieces` passes through. Raises Unavailable."""

    def stat(self, path: str) -> Stat | None:
        """None: there is nothing. Raises Unavailable."""

    def created(self, prefix: str, since: datetime, until: datetime) -> Iterator[str]:
        """The paths below `prefix` of what was uploaded in a time. Lists every object: one request a thousand. Raises
        Unavailable."""

    def delete(self, path: str) -> None:
        """Delete an object, if it is there. Raises Unavailable."""

    def delete_folder(self, prefix: str, *, kept: Collection[str] = ()) -> int:
        """Delete every object whose path begins with `prefix`, but for the paths `kept`; returns how many. Raises
        Unavailable."""


class CloudStorage:
    """Cloud Storage, and its emulator when STORAGE_EMULATOR_HOST names one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        timeout_s = settings.storage_timeout_s
        self._how: dict[str, Any] = {"timeout": timeout_s, "retry": DEFAULT_RETRY.with_timeout(timeout_s)}

    @cached_property
    def _bucket(self) -> Bucket:
        project = self._settings.google_cloud_project
        if self._settings.storage_emulator_host:
            nobody = google.auth.credentials.AnonymousCredentials()
            options = {"api_endpoint": self._settings.storage_url}
            client = Client(project=project, credentials=nobody, client_options=options)
        else:
            client = Client(project=project)
        return client.bucket(self._settings.bucket)

    @cached_property
    def _signer(self) -> "_Signer":
        return _Signer(self._settings)

    def upload_url(
        self, path: str, content_type: str, *, max_bytes: int, expires_in: timedelta
    ) -> tuple[str, dict[str, str]]:
        headers = {
            "Content-Type": content_type,
            "x-goog-content-length-range": f"1,{max_bytes}",
            # What has been looked at can't be exchanged: only an object that isn't there is written.
            "x-goog-if-generation-match": "0",
        }
        return self._signed(path, "PUT", expires_in, headers=dict(headers)), headers

    def download_url(self, path: str, *, file_name: str, expires_in: timedelta) -> str:
        # Not shown by a browser as a page of Cloud Storage's; images and sounds in a page play all the same.
        disposition = f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"
        return self._signed(path, "GET", expires_in, response_disposition=disposition)

    def _signed(self, path: str, method: str, expires_in: timedelta, **options: Any) -> str:
        with _errors("sign"):
            url: str = self._bucket.blob(path).generate_signed_url(
                version="v4",
                method=method,
                expiration=expires_in,
                credentials=self._signer,
                api_access_endpoint=self._settings.storage_url,
                **options,
            )
        return url

    def write(self, path: str, content_type: str, pieces: Iterable[bytes]) -> int:
        size = 0
        # Left by an error, the writer gives the upload up: nothing is stored.
        with (
            _errors("write"),
            self._bucket.blob(path).open("wb", chunk_size=CHUNK_BYTES, content_type=content_type, **self._how) as file,
        ):
            for piece in pieces:
                file.write(piece)
                size += len(piece)
        return size

    def stat(self, path: str) -> Stat | None:
        with _errors("stat"):
            blob = self._bucket.get_blob(path, **self._how)
        if blob is None:
            return None
        return Stat(int(blob.size or 0), str(blob.content_type or "").partition(";")[0].strip().lower())

    def created(self, prefix: str, since: datetime, until: datetime) -> Iterator[str]:
        with _errors("list"):
            fields = "items(name,timeCreated),nextPageToken"
            for blob in self._bucket.list_blobs(prefix=prefix, fields=fields, **self._how):
                if since < blob.time_created <= until:
                    yield blob.name

    def delete(self, path: str) -> None:
        with _errors("delete"):
            self._bucket.delete_blobs([path], on_error=_already_gone, **self._how)

    def delete_folder(self, prefix: str, *, kept: Collection[str] = ()) -> int:
        assert prefix.endswith("/"), "a prefix without its slash could name somebody else's folder, too"
        with _errors("delete"):
            listed = self._bucket.list_blobs(prefix=prefix, fields="items(name),nextPageToken", **self._how)
            found = [blob for blob in listed if blob.name not in kept]
            self._bucket.delete_blobs(found, on_error=_already_gone, **self._how)
        return len(found)


class _Signer(google.auth.credentials.Signing):
    """Signs by IAM, as the process's own service account; locally by the stack's IAM."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.iam_credentials_url.rstrip("/")
        self._local_email = f"functions@{settings.google_cloud_project}.iam.gserviceaccount.com"
        self._timeout_s = settings.storage_timeout_s

    @cached_property
    def _session(self) -> requests.Session:
        if self._url != GOOGLE_IAM_CREDENTIALS_URL:
            session = requests.Session()
            session.headers["Authorization"] = "Bearer local"
            return session
        credentials, _ = google.auth.default(scopes=[SCOPE])
        return AuthorizedSession(credentials, refresh_timeout=self._timeout_s)

    @property
    def signer_email(self) -> str:
        credentials = getattr(self._session, "credentials", None)
        if credentials is None:
            return self._local_email
        if getattr(credentials, "service_account_email", "default") == "default":
            # The metadata server tells a function's name with its first token.
            credentials.refresh(google.auth.transport.requests.Request())
        return str(credentials.service_account_email)

    @property
    def signer(self) -> "_Signer":
        return self

    def sign_bytes(self, message: bytes) -> bytes:
        url = f"{self._url}/v1/projects/-/serviceAccounts/{self.signer_email}:signBlob"
        payload = {"payload": base64.b64encode(message).decode()}
        with self._session.post(url, json=payload, timeout=self._timeout_s) as response:
            response.raise_for_status()
            return base64.b64decode(response.json()["signedBlob"])


def _already_gone(blob: Any) -> None:
    """A repeat finds nothing to delete."""


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """Google's errors and those of the connection as ours."""
    try:
        with spans.child(f"storage {what}", "client", {"service.peer.name": "storage"}):
            yield
    except (
        exceptions.GoogleAPICallError,
        exceptions.RetryError,
        google.auth.exceptions.GoogleAuthError,
        requests.RequestException,
        OSError,
    ) as error:
        log.warning("Cloud Storage failed", extra={"what": what, "error": str(error)})
        raise Unavailable("files can't be reached at the moment; please try again") from error


@lru_cache(maxsize=8)
def storage_of(settings: Settings) -> Storage:
    """The client of these settings: one connection pool a process."""
    return CloudStorage(settings)
