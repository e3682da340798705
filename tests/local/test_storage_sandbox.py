"""The port of Cloud Storage: Google's own client, signed URLs and what they refuse, browsers' preflights."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import google.auth.credentials
import pytest
import requests
from google.api_core import exceptions
from google.cloud import storage

from konnect.config import Settings
from konnect.integrations.storage.client import CloudStorage, Stat
from local.sandboxes import background
from local.sandboxes.storage import StorageSandbox, signatures
from local.sandboxes.storage.signatures import Refusal

MAX_BYTES = 1000
SOON = timedelta(minutes=5)
PDF = b"%PDF-1.7 a few words"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[StorageSandbox]:
    made = StorageSandbox(0)
    with background(made):
        yield made


def ours(sandbox: StorageSandbox, bucket: str = "ours") -> CloudStorage:
    """The client of deployed code, pointed at the sandbox."""
    return CloudStorage(
        Settings(storage_emulator_host=sandbox.url, iam_credentials_url=sandbox.url, storage_bucket=bucket)
    )


def googles(sandbox: StorageSandbox) -> storage.Client:
    return storage.Client(
        project="demo-konnect",
        credentials=google.auth.credentials.AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.url},
    )


def upload_url(
    sandbox: StorageSandbox, path: str, *, expires_in: timedelta = SOON, type: str = "application/pdf"
) -> tuple[str, dict[str, str]]:
    return ours(sandbox).upload_url(path, type, max_bytes=MAX_BYTES, expires_in=expires_in)


def put(url: str, headers: dict[str, str], data: Any = PDF) -> requests.Response:
    return requests.put(url, data=data, headers=headers, timeout=60)


def refusal(response: requests.Response) -> tuple[int, str | None]:
    return response.status_code, ElementTree.fromstring(response.text).findtext("Code")


class TestUpload:
    def test_right(self, sandbox: StorageSandbox) -> None:
        url, headers = upload_url(sandbox, "resumes/asha/right.pdf")
        assert put(url, headers).status_code == 200
        assert ours(sandbox).stat("resumes/asha/right.pdf") == Stat(len(PDF), "application/pdf")
        assert ours(sandbox, "another").stat("resumes/asha/right.pdf") is None

    @pytest.mark.parametrize("path", ["resumes/asha/a b+c&d=é?#%41.pdf", "resumes/asha/~x'(1)*!.pdf"])
    def test_any_name(self, sandbox: StorageSandbox, path: str) -> None:
        url, headers = upload_url(sandbox, path)
        assert put(url, headers).status_code == 200
        link = ours(sandbox).download_url(path, file_name="x.pdf", expires_in=SOON)
        assert requests.get(link, timeout=60).content == PDF

    def test_refusals(self, sandbox: StorageSandbox) -> None:
        path = "resumes/asha/refused.pdf"
        url, headers = upload_url(sandbox, path)
        length, generation = "x-goog-content-length-range", "x-goog-if-generation-match"
        late, late_headers = upload_url(sandbox, path, expires_in=timedelta(seconds=-1))
        for target, sent, data, expected in [
            (url, headers, b"x" * (MAX_BYTES + 1), (400, "EntityTooLarge")),
            (url, headers, b"", (400, "EntityTooSmall")),
            (url, headers, iter([b"x" * MAX_BYTES, b"x"]), (400, "EntityTooLarge")),
            (url, {**headers, "Content-Type": "text/html"}, PDF, (403, "SignatureDoesNotMatch")),
            (url, {**headers, length: "0,99999999"}, PDF, (403, "SignatureDoesNotMatch")),
            (url, {**headers, generation: "7"}, PDF, (403, "SignatureDoesNotMatch")),
            (url, {"Content-Type": "application/pdf"}, PDF, (400, "MalformedSecurityHeader")),
            (url, {**headers, "x-goog-acl": "public-read"}, PDF, (400, "MalformedSecurityHeader")),
            (url.replace("refused", "other"), headers, PDF, (403, "SignatureDoesNotMatch")),
            (url[:-4] + "0000", headers, PDF, (403, "SignatureDoesNotMatch")),
            (url.replace("X-Goog-Expires=300", "X-Goog-Expires=604800"), headers, PDF, (403, "SignatureDoesNotMatch")),
            (
                url.replace("X-Goog-Expires=300", "X-Goog-Expires=604801"),
                headers,
                PDF,
                (400, "MalformedSecurityHeader"),
            ),
            (url.split("&X-Goog-Signature")[0], headers, PDF, (400, "MalformedSecurityHeader")),
            (url.split("?")[0], headers, PDF, (403, "AccessDenied")),
            (late, late_headers, PDF, (400, "MalformedSecurityHeader")),
        ]:
            assert refusal(put(target, sent, data)) == expected, (target, sent)
        assert refusal(requests.post(url, data=PDF, headers=headers, timeout=60))[0] == 403
        assert ours(sandbox).stat(path) is None

    def test_only_once(self, sandbox: StorageSandbox) -> None:
        url, headers = upload_url(sandbox, "resumes/asha/once.pdf")
        assert put(url, headers).status_code == 200
        assert refusal(put(url, headers, b"%PDF-1.7 other words")) == (412, "PreconditionFailed")
        assert ours(sandbox).stat("resumes/asha/once.pdf") == Stat(len(PDF), "application/pdf")

    def test_expired(self, sandbox: StorageSandbox) -> None:
        url, headers = upload_url(sandbox, "resumes/asha/late.pdf")
        parts = urlsplit(url)
        sent = {name.lower(): value for name, value in headers.items()} | {"host": parts.netloc}
        key = sandbox._key.public_key()
        query = parse_qsl(parts.query)
        now = datetime.now(UTC)
        assert "content-type" in signatures.check("PUT", parts.path, query, sent, key=key, now=now)
        for moment, code in ((now + timedelta(minutes=6), "ExpiredToken"), (now - SOON * 4, "RequestTimeTooSkewed")):
            with pytest.raises(Refusal) as refused:
                signatures.check("PUT", parts.path, query, sent, key=key, now=moment)
            assert refused.value.code == code


class TestReading:
    def test_by_signed_url(self, sandbox: StorageSandbox) -> None:
        path = "resumes/asha/read.pdf"
        url, headers = upload_url(sandbox, path)
        put(url, headers)
        link = ours(sandbox).download_url(path, file_name='रिज्यूमे "1".pdf', expires_in=SOON)
        answer = requests.get(link, timeout=60)
        assert (answer.status_code, answer.content) == (200, PDF)
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%E0%A4")
        part = requests.get(link, headers={"Range": "bytes=0-3"}, timeout=60)
        assert (part.status_code, part.content) == (206, b"%PDF")
        assert refusal(requests.put(link, data=PDF, timeout=60))[0] == 403
        assert refusal(requests.get(url, timeout=60))[0] == 400
        assert refusal(requests.get(link.split("?")[0], timeout=60)) == (403, "AccessDenied")
        nothing = ours(sandbox).download_url("resumes/asha/none.pdf", file_name="x.pdf", expires_in=SOON)
        assert refusal(requests.get(nothing, timeout=60)) == (404, "NoSuchKey")

    def test_photos_are_public(self, sandbox: StorageSandbox) -> None:
        url, headers = upload_url(sandbox, "photos/asha/me.png", type="image/png")
        put(url, headers, b"\x89PNG")
        firebase = f"{sandbox.url}/v0/b/ours/o/"
        answer = requests.get(f"{firebase}photos%2Fasha%2Fme.png?alt=media", timeout=60)
        assert (answer.content, answer.headers["Content-Type"]) == (b"\x89PNG", "image/png")
        assert requests.get(f"{firebase}photos%2Fasha%2Fnone.png?alt=media", timeout=60).status_code == 404
        assert requests.get(f"{firebase}resumes%2Fasha%2Fread.pdf?alt=media", timeout=60).status_code == 403
        assert requests.post(f"{firebase}photos%2Fasha%2Fx.png", data=b"x", timeout=60).status_code == 403


class TestBrowsers:
    @pytest.mark.parametrize(
        ("method", "headers", "allowed"),
        [
            ("PUT", "content-type,x-goog-content-length-range,x-goog-if-generation-match", True),
            ("GET", "", True),
            ("PUT", "content-type,x-goog-acl", False),
            ("DELETE", "", False),
        ],
    )
    def test_preflight(self, sandbox: StorageSandbox, method: str, headers: str, allowed: bool) -> None:
        url, signed = upload_url(sandbox, "resumes/asha/browser.pdf")
        asked = {"Origin": "https://app.example", "Access-Control-Request-Method": method}
        answer = requests.options(url, headers={**asked, "Access-Control-Request-Headers": headers}, timeout=60)
        assert (answer.headers.get("Access-Control-Allow-Origin") == "*") == allowed
        assert {name.lower() for name in signed} <= set(sandbox._cors[0]["responseHeader"]) | {"content-type"}

    def test_answers_and_errors(self, sandbox: StorageSandbox) -> None:
        url, headers = upload_url(sandbox, "resumes/asha/origin.pdf")
        for expected in (200, 412):
            answer = put(url, {**headers, "Origin": "https://app.example"})
            assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (expected, "*")


class TestClients:
    def test_googles_own(self, sandbox: StorageSandbox) -> None:
        bucket = googles(sandbox).bucket("theirs")
        bucket.blob("resumes/ravi/cv.pdf").upload_from_string(PDF, "application/pdf")
        bucket.blob("resumes/ravi/big.pdf", chunk_size=256 * 1024).upload_from_string(b"x" * 600_000, "text/plain")
        assert sorted(blob.name for blob in bucket.list_blobs()) == ["resumes/ravi/big.pdf", "resumes/ravi/cv.pdf"]
        assert bucket.blob("resumes/ravi/cv.pdf").download_as_bytes() == PDF
        with pytest.raises(exceptions.NotFound):
            bucket.blob("none").download_as_bytes()

    def test_ours(self, sandbox: StorageSandbox) -> None:
        bucket = googles(sandbox).bucket("mine")
        for name in ("resumes/ravi/1.pdf", "resumes/ravi/2.pdf", "resumes/ravi2/3.pdf"):
            bucket.blob(name).upload_from_string(PDF, "application/pdf; charset=x")
        mine = ours(sandbox, "mine")
        assert mine.stat("resumes/ravi/1.pdf") == Stat(len(PDF), "application/pdf")
        assert mine.delete_folder("resumes/ravi/") == 2
        assert mine.delete_folder("resumes/ravi/") == 0
        assert [blob.name for blob in bucket.list_blobs()] == ["resumes/ravi2/3.pdf"]
        for _ in range(2):
            mine.delete("resumes/ravi2/3.pdf")
        assert mine.stat("resumes/ravi2/3.pdf") is None

    def test_sign_blob(self, sandbox: StorageSandbox) -> None:
        url = f"{sandbox.url}/v1/projects/-/serviceAccounts/a@b.iam.gserviceaccount.com"
        payload = {"payload": base64.b64encode(b"x").decode()}
        token = {"Authorization": "Bearer any"}
        signed = requests.post(f"{url}:signBlob", json=payload, headers=token, timeout=60).json()
        assert len(base64.b64decode(signed["signedBlob"])) == 256
        for target, body, headers, status in [
            (f"{url}:signBlob", payload, {}, 401),
            (f"{url}:signBlob", {"payload": "é"}, token, 400),
            (f"{url}:signBlob", {}, token, 400),
            (f"{url}:signJwt", payload, token, 404),
        ]:
            assert requests.post(target, json=body, headers=headers, timeout=60).status_code == status


def test_objects_outlast_a_restart() -> None:
    first, second = StorageSandbox(0), StorageSandbox(0)
    with background(first):
        googles(first).bucket("kept").blob("photos/a/x.png").upload_from_string(b"\x89PNG", "image/png")
    second.restore(first.snapshot())
    with background(second):
        assert ours(second, "kept").stat("photos/a/x.png") == Stat(4, "image/png")
        assert googles(second).bucket("kept").blob("photos/a/x.png").download_as_bytes() == b"\x89PNG"
