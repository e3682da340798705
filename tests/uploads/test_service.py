"""What a profile and a message name: whose it is, whether it is there, of which type and size; its use and its end."""

from datetime import timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.errors import BadRequest, KonnectError
from konnect.integrations.storage.client import CloudStorage
from konnect.uploads import deletion, service, sweeps
from tests.support import at_once
from tests.uploads.conftest import PDF, PNG, Desk

DAY = timedelta(hours=24)


def refused(error: Any) -> tuple[str, str]:
    assert isinstance(error, BadRequest)
    return error.code, error.details[0]["field"]


class TestAttachment:
    def test_given_to_a_message(self, desk: Desk) -> None:
        upload = desk.uploaded("meera", "attachment", sessionId=desk.session())
        expected = {"id": upload["id"], "fileName": "note.webm", "contentType": "audio/webm", "size": 12}
        for _ in range(2):
            assert service.attachment(desk.ctx, "meera", upload["id"], "s1") == expected
        doc = desk.doc(upload["id"])
        assert (doc["status"], doc["expiresAt"], doc["sessionId"]) == ("used", None, "s1")

    def test_refusals(self, desk: Desk) -> None:
        desk.session("s1")
        desk.session("s2")
        mine = desk.uploaded("meera", "attachment", sessionId="s1")["id"]
        never = desk.begin("meera", "attachment", sessionId="s1").json()["id"]
        resume = desk.uploaded("meera")["id"]
        other = desk.begin("meera", "attachment", sessionId="s1").json()
        desk.by_sdk(other["path"], b"<script>", "text/html")
        big = desk.begin("meera", "attachment", sessionId="s1").json()
        desk.by_sdk(big["path"], b"x" * (10 * 1024 * 1024 + 1), "audio/webm")
        for uid, upload_id, session_id, code in [
            ("asha", mine, "s1", "FOREIGN_FILE"),
            ("meera", mine, "s2", "FOREIGN_FILE"),
            ("meera", resume, "s1", "FOREIGN_FILE"),
            ("meera", "none", "s1", "FOREIGN_FILE"),
            ("meera", "a/b", "s1", "FOREIGN_FILE"),
            ("meera", never, "s1", "UPLOAD_MISSING"),
            ("meera", other["id"], "s1", "UPLOAD_TYPE"),
            ("meera", big["id"], "s1", "UPLOAD_SIZE"),
        ]:
            with pytest.raises(BadRequest) as error:
                service.attachment(desk.ctx, uid, upload_id, session_id)
            assert refused(error.value) == (code, "uploadId"), (uid, upload_id)


class TestChecked:
    def checked(self, desk: Desk, url: str, purpose: Any = "resume", uid: str = "asha") -> service.File:
        return service.checked(desk.ctx, uid, url, purpose, field="resumeUrl", now=clock.now())

    def test_by_signed_url(self, desk: Desk) -> None:
        upload = desk.uploaded("asha", fileName="Asha's CV.pdf")
        file = self.checked(desk, upload["fileUrl"])
        assert (file.id, file.url, file.doc["fileName"]) == (upload["id"], upload["fileUrl"], "Asha's CV.pdf")

    def test_by_the_sdk(self, desk: Desk) -> None:
        url = desk.by_sdk("resumes/asha/my cv.pdf")
        file = self.checked(desk, url)
        # The token of the SDK's address opens the file to whoever has it: it is not kept.
        assert file.url == f"{desk.ctx.settings.storage_url}/{desk.ctx.settings.bucket}/resumes/asha/my%20cv.pdf"
        desk.ctx.run(lambda tx: service.use(tx, file, field="resumeUrl", now=clock.now()))
        doc = desk.doc(file.id)
        assert (doc["uid"], doc["status"], doc["fileName"], doc["size"]) == ("asha", "used", "my cv.pdf", len(PDF))
        # A name that looks like one of our ids is no way to another's document.
        theirs = desk.uploaded("meera")["id"]
        alike = self.checked(desk, desk.by_sdk(f"resumes/asha/{theirs}.pdf"))
        assert alike.id != theirs
        assert alike.doc["uid"] == "asha"

    def test_refusals(self, desk: Desk) -> None:
        own = desk.uploaded("asha")["fileUrl"]
        for url, purpose, uid, code in [
            (own, "resume", "ravi", "FOREIGN_FILE"),
            (own, "photo", "asha", "FOREIGN_FILE"),
            ("https://example.com/resumes/asha/cv.pdf", "resume", "asha", "FOREIGN_FILE"),
            (own.replace(desk.ctx.settings.bucket, "another"), "resume", "asha", "FOREIGN_FILE"),
            (own.replace("resumes/asha/", "resumes/asha/more/"), "resume", "asha", "FOREIGN_FILE"),
            (own.replace("resumes/asha/", "resumes/asha2/"), "resume", "asha", "FOREIGN_FILE"),
            (desk.begin("asha").json()["fileUrl"], "resume", "asha", "UPLOAD_MISSING"),
            (desk.by_sdk("resumes/asha/x.html", b"<script>", "text/html"), "resume", "asha", "UPLOAD_TYPE"),
            (desk.by_sdk("resumes/asha/empty.pdf", b""), "resume", "asha", "UPLOAD_SIZE"),
            (desk.by_sdk("photos/asha/x.gif", PNG, "image/gif"), "photo", "asha", "UPLOAD_TYPE"),
        ]:
            with pytest.raises(BadRequest) as error:
                self.checked(desk, url, purpose, uid)
            assert refused(error.value) == (code, "resumeUrl"), url


class TestSweep:
    def test_what_nothing_names(self, desk: Desk) -> None:
        now = clock.now()
        desk.session()
        used = desk.uploaded("meera", "attachment", sessionId="s1")
        service.attachment(desk.ctx, "meera", used["id"], "s1")
        unused, never = desk.uploaded("meera"), desk.begin("meera").json()
        assert sweeps.sweep(desk.ctx, {}, now) == {"deleted": 0}
        assert sweeps.sweep(desk.ctx, {}, now + DAY * 2) == {"deleted": 2}
        assert desk.paths() == [used["path"]]
        assert desk.ctx.db.get("uploads", unused["id"]) is None
        assert desk.ctx.db.get("uploads", never["id"]) is None
        assert sweeps.sweep(desk.ctx, {}, now + DAY * 2) == {"deleted": 0}

    def test_uploaded_by_the_sdk(self, desk: Desk) -> None:
        now = clock.now()
        named = service.checked(
            desk.ctx, "asha", desk.by_sdk("resumes/asha/cv.pdf"), "resume", field="resumeUrl", now=now
        )
        desk.ctx.run(lambda tx: service.use(tx, named, field="resumeUrl", now=now))
        desk.by_sdk("resumes/asha/old.pdf")
        stray = desk.by_sdk("photos/asha/a b.png", PNG, "image/png")
        photo = service.checked(desk.ctx, "asha", stray, "photo", field="imageUrl", now=now)
        assert sweeps.sweep(desk.ctx, {}, now + DAY / 2) == {"deleted": 0}
        assert sweeps.sweep(desk.ctx, {}, now + DAY * 2) == {"deleted": 2}
        assert desk.paths() == ["resumes/asha/cv.pdf"]
        # Looked at before the sweep and named after it.
        desk.ctx.db.set(("uploads", photo.id), {"path": "photos/asha/a b.png", "status": "expired"})
        with pytest.raises(BadRequest) as error:
            desk.ctx.run(lambda tx: service.use(tx, photo, field="imageUrl", now=now))
        assert refused(error.value) == ("UPLOAD_MISSING", "imageUrl")

    def test_swept_between_look_and_use(self, desk: Desk) -> None:
        now = clock.now()
        url = desk.uploaded("asha")["fileUrl"]
        file = service.checked(desk.ctx, "asha", url, "resume", field="resumeUrl", now=now)
        assert sweeps.sweep(desk.ctx, {}, now + DAY * 2) == {"deleted": 1}
        with pytest.raises(BadRequest) as error:
            desk.ctx.run(lambda tx: service.use(tx, file, field="resumeUrl", now=now))
        assert refused(error.value) == ("UPLOAD_MISSING", "resumeUrl")

    def test_begun_and_interrupted(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        upload = desk.uploaded("meera")
        later = clock.now() + DAY * 2

        def crash(*_: Any) -> None:
            raise RuntimeError("the instance is gone")

        with monkeypatch.context() as patched:
            patched.setattr(CloudStorage, "delete", crash)
            with pytest.raises(RuntimeError):
                sweeps.sweep(desk.ctx, {}, later)
        assert desk.doc(upload["id"])["status"] == "expired"
        answer = desk.api.user("meera").get(f"/api/uploads/{upload['id']}")
        assert answer.status_code == 404
        assert sweeps.sweep(desk.ctx, {}, later) == {"deleted": 1}
        assert desk.paths() == []

    def test_against_its_use(self, desk: Desk) -> None:
        desk.session()
        for _ in range(4):
            upload = desk.uploaded("meera", "attachment", sessionId="s1")
            later = clock.now() + DAY * 2

            def work(index: int, upload: Any = upload, later: Any = later) -> Any:
                if index:
                    return sweeps.sweep(desk.ctx, {}, later)
                return service.attachment(desk.ctx, "meera", upload["id"], "s1")

            used, swept = at_once(2, work)
            if isinstance(used, KonnectError):
                assert refused(used)[0] in {"UPLOAD_MISSING", "FOREIGN_FILE"}
                assert upload["path"] not in desk.paths()
            else:
                assert upload["path"] in desk.paths()
                assert desk.doc(upload["id"])["status"] == "used"
            assert swept == {"deleted": 1 if isinstance(used, KonnectError) else 0}


def test_an_account_leaves_nothing(desk: Desk) -> None:
    desk.session()
    for purpose, changes in (("resume", {}), ("photo", {}), ("attachment", {"sessionId": "s1"})):
        desk.uploaded("meera", purpose, **changes)
    desk.by_sdk("resumes/meera/by sdk.pdf")
    others = desk.uploaded("meera2")
    assert deletion.erase(desk.ctx, "meera") == 4
    assert desk.paths() == [others["path"]]
    assert desk.ctx.db.get("uploads", others["id"]) is not None
    assert deletion.erase(desk.ctx, "meera") == 0
