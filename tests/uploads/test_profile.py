"""Résumé and photo of an expert: named, replaced, read by the expert and by admins."""

from typing import Any

import pytest
import requests

from tests.experts import world
from tests.uploads.conftest import PDF, PNG, Desk, problem

RESUME = "/api/experts/me/resume"


def put(desk: Desk, path: str, body: dict[str, Any], uid: str = "asha") -> requests.Response:
    return desk.api.user(uid).call("PUT", path, body)


def resume_url(answer: requests.Response) -> str:
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["onboardingData"]["resumeUrl"])


@pytest.fixture
def asha(desk: Desk) -> Desk:
    world.expert(desk.ctx, "asha", status="applied")
    return desk


def test_named_and_replaced(asha: Desk) -> None:
    first, second = asha.uploaded("asha"), asha.uploaded("asha")
    assert resume_url(put(asha, RESUME, {"resumeUrl": first["fileUrl"]})) == first["fileUrl"]
    assert asha.doc(first["id"])["status"] == "used"
    assert resume_url(put(asha, "/api/experts/asha", {"resumeUrl": second["fileUrl"]})) == second["fileUrl"]
    assert [asha.doc(upload["id"])["status"] for upload in (first, second)] == ["pending", "used"]
    assert asha.doc(first["id"])["expiresAt"] is not None
    # Sent again as it is, and given up.
    put(asha, "/api/experts/asha", {"resumeUrl": second["fileUrl"], "bio": "More"})
    assert asha.doc(second["id"])["status"] == "used"
    put(asha, "/api/experts/asha", {"resumeUrl": None})
    assert asha.doc(second["id"])["status"] == "pending"


def test_photo(asha: Desk) -> None:
    upload = asha.uploaded("asha", "photo")
    shown = put(asha, "/api/experts/asha", {"imageUrl": upload["fileUrl"]}).json()["imageUrl"]
    assert requests.get(shown, timeout=60).content == PNG
    sdk = asha.by_sdk("photos/asha/me.png", PNG, "image/png")
    shown = put(asha, "/api/experts/asha", {"imageUrl": sdk}).json()["imageUrl"]
    assert "token" not in shown
    assert requests.get(shown, timeout=60).content == PNG
    assert asha.doc(upload["id"])["status"] == "pending"
    # A picture elsewhere, as a Google account's, is as good.
    google = "https://lh3.googleusercontent.com/a/x"
    assert put(asha, "/api/experts/asha", {"imageUrl": google}).json()["imageUrl"] == google
    theirs = asha.uploaded("ravi", "photo")["fileUrl"]
    assert problem(put(asha, "/api/experts/asha", {"imageUrl": theirs})) == (400, "FOREIGN_FILE", "imageUrl")
    resume = asha.uploaded("asha")["fileUrl"]
    assert problem(put(asha, "/api/experts/asha", {"imageUrl": resume})) == (400, "FOREIGN_FILE", "imageUrl")


def test_with_the_application(desk: Desk) -> None:
    upload, photo = desk.uploaded("meera"), desk.uploaded("meera", "photo")
    form = {"name": "Meera", "title": "Coach", "resumeUrl": upload["fileUrl"], "imageUrl": photo["fileUrl"]}
    assert problem(desk.api.user("ravi").post("/api/experts/register", form))[1:] == ("FOREIGN_FILE", "resumeUrl")
    assert resume_url(desk.api.user("meera").post("/api/experts/register", form)) == upload["fileUrl"]
    assert {desk.doc(one["id"])["status"] for one in (upload, photo)} == {"used"}
    # Refused as a whole: what it names is not used by it.
    another = desk.uploaded("meera")
    again = desk.api.user("meera").post("/api/experts/register", {**form, "resumeUrl": another["fileUrl"]})
    assert again.status_code == 409
    assert desk.doc(another["id"])["status"] == "pending"
    assert desk.doc(upload["id"])["status"] == "used"


def test_an_imported_link_may_stay(asha: Desk) -> None:
    elsewhere = "https://example.com/cv.pdf"
    asha.ctx.run(lambda tx: tx.merge(("experts", "asha", "private", "onboarding"), {"resumeUrl": elsewhere}))
    assert resume_url(put(asha, "/api/experts/asha", {"resumeUrl": elsewhere, "bio": "More"})) == elsewhere
    assert problem(put(asha, "/api/experts/asha", {"resumeUrl": elsewhere + "?"}))[1] == "FOREIGN_FILE"
    assert asha.api.user("asha").get(RESUME).status_code == 404


def test_refusals(asha: Desk) -> None:
    begun = asha.begin("asha").json()["fileUrl"]
    for path in (RESUME, "/api/experts/asha"):
        assert problem(put(asha, path, {"resumeUrl": begun})) == (400, "UPLOAD_MISSING", "resumeUrl")
    assert problem(put(asha, RESUME, {})) == (400, "INVALID_INPUT", "resumeUrl")
    assert problem(put(asha, RESUME, {"resumeUrl": "cv.pdf"})) == (400, "INVALID_INPUT", "resumeUrl")
    assert asha.api.user(None).call("PUT", RESUME, {}).status_code == 401
    own = asha.uploaded("ravi")["fileUrl"]
    assert put(asha, "/api/experts/asha", {"resumeUrl": own}, "ravi").status_code == 403
    assert put(asha, RESUME, {"resumeUrl": own}, "ravi").status_code == 404


def test_read(asha: Desk) -> None:
    path = "/api/admin/mentor-applications/asha/resume"
    admin = asha.api.user("root", role="admin")
    assert (admin.get(path).status_code, asha.api.user("asha").get(RESUME).status_code) == (404, 404)
    upload = asha.uploaded("asha", fileName="Asha.pdf")
    put(asha, RESUME, {"resumeUrl": upload["fileUrl"]})
    for found in (admin.get(path).json(), asha.api.user("asha").get(RESUME).json()):
        assert (found["id"], found["fileName"], found["size"]) == (upload["id"], "Asha.pdf", len(PDF))
        assert requests.get(found["url"], timeout=60).content == PDF
    for uid, claims, expected in ((None, {}, 401), ("asha", {}, 403), ("ravi", {"role": "expert"}, 403)):
        assert asha.api.user(uid, **claims).get(path).status_code == expected
    assert admin.get("/api/admin/mentor-applications/none/resume").status_code == 404
    assert asha.api.user("ravi").get(RESUME).status_code == 404
    assert asha.api.user(None).get(RESUME).status_code == 401
