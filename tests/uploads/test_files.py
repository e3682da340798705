"""Types, names and addresses of files; storage.rules says the same."""

import math
import re

import pytest

from konnect.config import Settings
from konnect.uploads import files, sweeps
from konnect.uploads.files import TYPES, clean_name, file_url, path_of
from local.manifest import ROOT

CLOUD = Settings(google_cloud_project="konnect-live")
BUCKET = "konnect-live.firebasestorage.app"
LOCAL = Settings(storage_bucket="ours", storage_emulator_host="http://127.0.0.1:8416")


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("cv.pdf", "cv.pdf"),
        ("My CV (2026).PDF", "My CV (2026).PDF"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\asha\\cv.pdf", "cv.pdf"),
        ("cv.pdf.exe", "cv.pdf.exe.pdf"),
        ("cv\u202efdp.exe", "cv fdp.exe.pdf"),
        ("a\x00b\r\nSet-Cookie: x.pdf", "a b Set-Cookie: x.pdf"),
        ("मेरा\u200dरिज्यूमे.pdf", "मेरा\u200dरिज्यूमे.pdf"),
        (" . ", "file.pdf"),
        ("...pdf", "pdf.pdf"),
        ("cv. .pdf", "cv.pdf"),
        ("x" * 200 + ".pdf", "x" * 116 + ".pdf"),
        ("x" * 200, "x" * 116 + ".pdf"),
    ],
)
def test_names(name: str, clean: str) -> None:
    assert clean_name(name, (".pdf",)) == clean
    assert len(clean) <= files.MAX_NAME
    assert clean_name(clean, (".pdf",)) == clean


def test_a_path_has_nothing_of_the_clients() -> None:
    assert files.path("photo", "asha", "abc", "image/jpeg") == "photos/asha/abc.jpg"
    assert files.normal_type(" Audio/WebM; codecs=opus") == "audio/webm"


def test_addresses() -> None:
    resume = f"https://storage.googleapis.com/{BUCKET}/resumes/asha/a%20b.pdf"
    photo = f"https://firebasestorage.googleapis.com/v0/b/{BUCKET}/o/photos%2Fasha%2Fa.png?alt=media"
    assert file_url(CLOUD, "resume", "resumes/asha/a b.pdf") == resume
    assert file_url(CLOUD, "photo", "photos/asha/a.png") == photo
    assert file_url(LOCAL, "resume", "resumes/asha/a.pdf") == "http://127.0.0.1:8416/ours/resumes/asha/a.pdf"
    old = Settings(google_cloud_project="konnect-live", storage_bucket="konnect-live.appspot.com")
    for settings, url, path in [
        (CLOUD, resume, "resumes/asha/a b.pdf"),
        (CLOUD, photo, "photos/asha/a.png"),
        (CLOUD, photo + "&token=1", "photos/asha/a.png"),
        (CLOUD, f"https://{BUCKET}.storage.googleapis.com/resumes/asha/a.pdf", "resumes/asha/a.pdf"),
        (LOCAL, file_url(LOCAL, "photo", "photos/asha/a.png"), "photos/asha/a.png"),
        (LOCAL, "https://storage.googleapis.com/ours/resumes/asha/a.pdf", "resumes/asha/a.pdf"),
        (CLOUD, resume.replace("https", "http"), None),
        (CLOUD, resume.replace("googleapis.com", "googleapis.com:8443"), None),
        (CLOUD, resume.replace("storage.g", "me@storage.g"), None),
        (CLOUD, resume.replace(BUCKET, "another"), None),
        (CLOUD, resume.replace("resumes/asha/", "resumes/asha/../ravi/"), None),
        (CLOUD, resume.replace("resumes/asha/", "resumes/asha/%2e%2e/ravi/"), None),
        (CLOUD, photo.replace("photos%2Fasha%2F", "photos/asha/"), None),
        (CLOUD, f"https://storage.googleapis.com/{BUCKET}/", None),
        (CLOUD, "https://lh3.googleusercontent.com/a/x", None),
        (CLOUD, "https://[", None),
        (old, resume, None),
    ]:
        assert path_of(settings, url) == path, url


def test_storage_rules_agree() -> None:
    rules = (ROOT / "storage.rules").read_text()
    folders = dict(re.findall(r"match /(\w+)/\{uid\}/\{file\} \{(.*?)\n    \}\n", rules, re.DOTALL))
    assert set(folders) == {f"{purpose}s" for purpose in sweeps.BY_SDK}
    sizes = {
        check: math.prod(int(factor) for factor in limit.split("*"))
        for check, limit in re.findall(r"function (\w+)\(\) {\s+return [^;]*resource\.size <= ([\d *]+);", rules)
    }
    for purpose in sweeps.BY_SDK:
        block = folders[f"{purpose}s"]
        assert re.findall(r"'(\w+/[\w.+-]+)'", block) == list(TYPES[purpose])
        [(who, small)] = re.findall(r"allow create: if (\w+)\(uid\) && (\w+)\(\)", block)
        assert who == ("isEducator" if purpose in files.OF_COURSES else "isUser")
        assert sizes[small] == files.max_bytes(purpose)
        assert not re.search(r"allow [^:]*(write|update|delete|list|read)", block)
        readers = "true" if purpose in files.PUBLIC else "isUser(uid) || isAdmin()"
        assert f"allow get: if {readers};" in block


def test_nothing_that_a_browser_runs() -> None:
    every = {content_type for allowed in TYPES.values() for content_type in allowed}
    assert not {kind for kind in every if re.search(r"html|svg|xml$|javascript", kind)}
