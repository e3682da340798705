"""Users who upload: the API over a project and a bucket of one's own, and Cloud Storage as clients meet it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import google.auth.credentials
import pytest
import requests
from google.cloud import storage

from konnect.context import Context
from konnect.store import Doc
from tests.experts import world
from tests.payments.api import Api

PDF = b"%PDF-1.7 twenty years of it"
PNG = b"\x89PNG\r\n\x1a\n a face"
SAMPLES = {
    "resume": ("application/pdf", "cv.pdf", PDF),
    "photo": ("image/png", "me.png", PNG),
    "attachment": ("audio/webm", "note.webm", b"\x1aE\xdf\xa3 a voice"),
}


@dataclass
class Desk:
    ctx: Context
    api: Api

    def begin(self, uid: str | None, purpose: str = "resume", **changes: Any) -> requests.Response:
        content_type, name, data = SAMPLES[purpose]
        body = {"purpose": purpose, "contentType": content_type, "size": len(data), "fileName": name, **changes}
        given = {name: value for name, value in body.items() if value is not ...}
        return self.api.user(uid).post("/api/uploads", given)

    def uploaded(self, uid: str, purpose: str = "resume", **changes: Any) -> dict[str, Any]:
        """Begun and sent: what POST /api/uploads answered."""
        answer = self.begin(uid, purpose, **changes)
        assert answer.status_code == 201, answer.text
        upload: dict[str, Any] = answer.json()
        sent = requests.put(upload["url"], data=SAMPLES[purpose][2], headers=upload["headers"], timeout=60)
        assert sent.status_code == 200, sent.text
        return upload

    def by_sdk(self, path: str, data: bytes = PDF, content_type: str = "application/pdf") -> str:
        """An object as Firebase's SDK puts it there, and the address that the SDK tells."""
        self.bucket.blob(path).upload_from_string(data, content_type)
        escaped = path.replace("/", "%2F").replace(" ", "%20")
        bucket = self.ctx.settings.bucket
        return f"https://firebasestorage.googleapis.com/v0/b/{bucket}/o/{escaped}?alt=media&token=7f0e"

    def session(self, session_id: str = "s1", **fields: Any) -> str:
        world.finished_session(
            self.ctx, session_id, user="meera", expert_id="asha", **{"status": "in_progress", **fields}
        )
        return session_id

    @property
    def bucket(self) -> storage.Bucket:
        nobody = google.auth.credentials.AnonymousCredentials()
        options = {"api_endpoint": self.ctx.settings.storage_url}
        return storage.Client("demo-konnect", nobody, client_options=options).bucket(self.ctx.settings.bucket)

    def paths(self) -> list[str]:
        """Every object there is."""
        return sorted(blob.name for blob in self.bucket.list_blobs())

    def doc(self, upload_id: str) -> Doc:
        return world.doc(self.ctx, "uploads", upload_id)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with world.opened() as (ctx, api):
        yield Desk(ctx, api)


def problem(response: requests.Response) -> tuple[int, str, str | None]:
    """Status, code and the field that is named."""
    error = response.json()["error"]
    return response.status_code, error["code"], error["details"][0]["field"] if error["details"] else None
