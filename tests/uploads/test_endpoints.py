"""POST and GET /api/uploads: who gets a URL for what, and who may read."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from konnect.uploads import service
from tests.uploads.conftest import PDF, SAMPLES, Desk, problem


class TestBegin:
    @pytest.mark.parametrize("purpose", list(SAMPLES))
    def test_a_signed_url(self, desk: Desk, purpose: str) -> None:
        changes = {"sessionId": desk.session()} if purpose == "attachment" else {}
        content_type, name, data = SAMPLES[purpose]
        upload = desk.uploaded("meera", purpose, **changes)
        assert (upload["method"], upload["maxBytes"]) == ("PUT", 10 * 1024 * 1024)
        assert upload["headers"]["Content-Type"] == content_type
        assert upload["path"].startswith(f"{purpose}s/meera/{upload['id']}.")
        expires_in = datetime.fromisoformat(upload["expiresAt"]).timestamp() - time.time()
        assert 14 * 60 < expires_in <= 15 * 60
        doc = desk.doc(upload["id"])
        assert (doc["uid"], doc["fileName"], doc["status"]) == ("meera", name, "pending")
        assert (doc["sessionId"], doc["size"]) == (changes.get("sessionId"), len(data))
        assert doc["expiresAt"] - doc["createdAt"] == timedelta(hours=24)
        assert desk.paths() == [upload["path"]]
        # A photo's address is for everyone; the others lead nowhere without a signature.
        public = requests.get(upload["fileUrl"], timeout=60)
        assert (public.status_code, public.content == data) == ((200, True) if purpose == "photo" else (403, False))

    def test_a_recorders_type(self, desk: Desk) -> None:
        begun = desk.begin(
            "meera", "attachment", sessionId=desk.session(), contentType="audio/webm;codecs=opus", fileName="../n\u202e"
        ).json()
        assert begun["headers"]["Content-Type"] == "audio/webm"
        assert desk.doc(begun["id"])["fileName"] == "n.webm"

    @pytest.mark.parametrize(
        ("purpose", "changes", "expected"),
        [
            ("resume", {"contentType": "image/png"}, "contentType"),
            ("photo", {"contentType": "image/svg+xml"}, "contentType"),
            ("photo", {"contentType": "application/pdf"}, "contentType"),
            ("attachment", {"contentType": "text/html", "sessionId": "s1"}, "contentType"),
            ("resume", {"contentType": ""}, "contentType"),
            ("resume", {"size": 0}, "size"),
            ("resume", {"size": 10 * 1024 * 1024 + 1}, "size"),
            ("resume", {"size": "12"}, "size"),
            ("resume", {"size": ...}, "size"),
            ("resume", {"fileName": " "}, "fileName"),
            ("resume", {"fileName": "x" * 256}, "fileName"),
            ("resume", {"sessionId": "s1"}, "sessionId"),
            ("attachment", {}, "sessionId"),
        ],
    )
    def test_invalid(self, desk: Desk, purpose: str, changes: dict[str, Any], expected: str) -> None:
        status, _, field = problem(desk.begin("meera", purpose, **changes))
        assert (status, field) == (400, expected)

    def test_no_purpose(self, desk: Desk) -> None:
        for body in ({}, {"purpose": "song"}, {"purpose": None}):
            answer = desk.api.user("meera").post("/api/uploads", body)
            assert "purpose" in {detail["field"] for detail in answer.json()["error"]["details"]}

    def test_codes(self, desk: Desk) -> None:
        assert problem(desk.begin("meera", contentType="text/html"))[1] == "UPLOAD_TYPE"
        assert problem(desk.begin("meera", size=10 * 1024 * 1024 + 1))[1] == "UPLOAD_SIZE"
        assert desk.begin("meera", size=10 * 1024 * 1024).status_code == 201

    def test_who(self, desk: Desk) -> None:
        desk.session("s1")
        desk.session("over", status="completed")
        assert desk.begin(None).status_code == 401
        for uid, session_id, expected in [
            ("meera", "s1", 201),
            ("asha", "s1", 201),
            ("ravi", "s1", 403),
            ("meera", "over", 409),
            ("meera", "none", 404),
            ("meera", "a/b", 404),
        ]:
            assert desk.begin(uid, "attachment", sessionId=session_id).status_code == expected, (uid, session_id)

    def test_not_without_end(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "MAX_PENDING", 2)
        assert [desk.begin("meera").status_code for _ in range(3)] == [201, 201, 429]
        assert desk.begin("ravi").status_code == 201

    def test_storage_away(self, desk: Desk) -> None:
        away = desk.ctx.settings.model_copy(update={"iam_credentials_url": "http://127.0.0.1:1"})
        object.__setattr__(desk.ctx, "settings", away)
        answer = desk.begin("meera")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


class TestRead:
    def read(self, desk: Desk, uid: str | None, upload_id: str, **claims: Any) -> requests.Response:
        return desk.api.user(uid, **claims).get(f"/api/uploads/{upload_id}")

    def test_ones_own(self, desk: Desk) -> None:
        upload = desk.uploaded("meera", fileName="मेरा cv.pdf")
        answer = self.read(desk, "meera", upload["id"])
        found = answer.json()
        assert (found["contentType"], found["size"], found["fileName"]) == ("application/pdf", len(PDF), "मेरा cv.pdf")
        file = requests.get(found["url"], timeout=60)
        assert file.content == PDF
        assert file.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%E0%A4%AE")
        left = datetime.fromisoformat(found["expiresAt"]).timestamp() - time.time()
        assert 9 * 60 < left <= 10 * 60

    def test_who(self, desk: Desk) -> None:
        resume = desk.uploaded("meera")["id"]
        photo = desk.uploaded("meera", "photo")["id"]
        unsent = desk.uploaded("meera", "attachment", sessionId=desk.session())["id"]
        sent = desk.uploaded("meera", "attachment", sessionId="s1")["id"]
        service.attachment(desk.ctx, "meera", sent, "s1")
        never = desk.begin("meera").json()["id"]
        admin = {"role": "admin"}
        for uid, claims, upload_id, expected in [
            (None, {}, resume, 401),
            ("ravi", {}, resume, 403),
            ("asha", {}, resume, 403),
            ("root", admin, resume, 200),
            ("root", admin, photo, 403),
            ("root", admin, sent, 403),
            ("meera", {}, unsent, 200),
            ("asha", {}, unsent, 403),
            ("asha", {}, sent, 200),
            ("ravi", {}, sent, 403),
            ("meera", {}, never, 404),
            ("meera", {}, "none", 404),
            ("meera", {}, "a%2Fb", 404),
        ]:
            answer = self.read(desk, uid, upload_id, **claims)
            assert answer.status_code == expected, (uid, upload_id, answer.text)
        # Still there for both after the session.
        desk.session(status="completed")
        assert self.read(desk, "asha", sent).status_code == 200
