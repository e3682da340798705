"""Thumbnails, videos and materials: uploaded, named by a course, given up; and what an educator's deletion leaves."""

from datetime import timedelta
from typing import Any

import pytest
import requests

from konnect.courses import deletion
from konnect.store import Doc
from konnect.uploads import deletion as uploads_deletion
from konnect.uploads import files
from konnect.uploads import service as uploads
from tests.courses.studio import EDUCATOR, PDF, PNG, VIDEO, Studio, problem
from tests.experts import world
from tests.support import START


def with_video(upload_id: str, *resources: Doc) -> dict[str, Any]:
    lecture = {"title": "L", "videoUploadId": upload_id, "resources": list(resources)}
    return {"sections": [{"title": "S", "lectures": [lecture]}]}


def test_what_a_course_is_made_of(studio: Studio) -> None:
    thumbnail, video, material = (studio.upload(purpose) for purpose in ("thumbnail", "video", "material"))
    assert (video["maxBytes"], material["maxBytes"]) == (2 * 1024**3, 10 * 1024**2)
    resource = {"title": "Exercises", "uploadId": material["id"]}
    course = studio.published(thumbnailUrl=thumbnail["fileUrl"], **with_video(video["id"], resource))
    assert requests.get(course["thumbnailUrl"], timeout=60).content == PNG
    assert requests.get(video["fileUrl"], timeout=60).status_code == 403
    for upload in (thumbnail, video, material):
        assert (studio.file(upload["id"])["status"], studio.file(upload["id"])["place"]) == ("used", course["id"])
    for upload, data in ((video, VIDEO), (material, PDF)):
        lent = uploads.lend(studio.ctx, upload["id"], expires_in=timedelta(hours=1), now=START)
        assert requests.get(lent["url"], timeout=60).content == data
    # Who decides on the course looks at it.
    admin = studio.api.user("root", role="admin").get(f"/api/uploads/{video['id']}").json()
    assert requests.get(admin["url"], timeout=60).content == VIDEO
    assert studio.api.user("meera").get(f"/api/uploads/{video['id']}").status_code == 403
    # Shown in public is that there is a video, not which.
    assert video["id"] not in studio.call("GET", f"/courses/{course['id']}", by=None).text


def test_exchanged_and_given_up(studio: Studio) -> None:
    first, second = studio.upload("video"), studio.upload("video")
    course = studio.write(**with_video(first["id"]))
    # The address of a file of ours is as good as its id.
    edited = studio.edit(course["id"], {"sections": [{"title": "S", "lectures": [
        {"title": "L", "videoUrl": second["fileUrl"]}
    ]}]})  # fmt: skip
    [lecture] = edited["sections"][0]["lectures"]
    assert (lecture["videoUploadId"], lecture["videoUrl"]) == (second["id"], None)
    assert studio.file(first["id"])["status"] == "pending"
    assert studio.file(first["id"])["expiresAt"] is not None
    studio.call("DELETE", f"/courses/{course['id']}")
    assert (studio.file(second["id"])["status"], studio.file(second["id"])["place"]) == ("pending", None)


def test_a_file_is_what_it_was_uploaded_as(studio: Studio) -> None:
    """Also one that the course has already."""
    video, material = studio.upload("video"), studio.upload("material")
    resource = {"title": "Exercises", "uploadId": material["id"]}
    course = studio.write(**with_video(video["id"], resource))
    for wrong in (with_video(material["id"]), with_video(video["id"], {**resource, "uploadId": video["id"]})):
        answer = studio.call("PUT", f"/courses/{course['id']}", wrong)
        assert problem(answer)[1] == "FOREIGN_FILE"


def test_nobody_fills_the_bucket(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_VIDEOS_BYTES", 3 * len(VIDEO), raising=False)
    for _ in range(2):
        studio.write(**with_video(studio.upload("video")["id"]))
    begun = {"purpose": "video", "contentType": "video/mp4", "size": len(VIDEO), "fileName": "a.mp4"}
    educator = studio.api.user(EDUCATOR)
    assert problem(educator.post("/api/uploads", {**begun, "size": len(VIDEO) + 1}))[:2] == (409, "STORAGE_FULL")
    # What was uploaded by Firebase's SDK counts when it is named.
    for name, code in (("one.mp4", None), ("two.mp4", "STORAGE_FULL")):
        path = f"videos/{EDUCATOR}/{name}"
        uploads.storage(studio.ctx).write(path, "video/mp4", [VIDEO])
        lecture = {"title": "L", "videoUrl": files.file_url(studio.ctx.settings, "video", path)}
        answer = studio.call(
            "POST", "/courses", {"title": "Course", "sections": [{"title": "S", "lectures": [lecture]}]}
        )
        assert answer.json().get("error", {}).get("code") == code
    assert educator.post("/api/uploads", begun).status_code == 409


def test_refused(studio: Studio) -> None:
    world.expert(studio.ctx, "ravi")
    mine, theirs, thumbnail = studio.upload("video"), studio.upload("video", by="ravi"), studio.upload("thumbnail")
    studio.write(**with_video(mine["id"]))
    at = "sections.0.lectures.0.videoUploadId"
    for upload_id in (theirs["id"], thumbnail["id"], "none", mine["id"]):
        answer = studio.call("POST", "/courses", {"title": "Course", **with_video(upload_id)})
        assert problem(answer) == (400, "FOREIGN_FILE", at), upload_id
    answer = studio.call("POST", "/courses", {"title": "Course", "thumbnailUrl": theirs["fileUrl"]})
    assert problem(answer) == (400, "FOREIGN_FILE", "thumbnailUrl")
    begun = {"purpose": "video", "contentType": "video/mp4", "size": 3 * 1024**3, "fileName": "a.mp4"}
    assert problem(studio.api.user(EDUCATOR).post("/api/uploads", begun))[1] == "UPLOAD_SIZE"
    never = studio.api.user(EDUCATOR).post("/api/uploads", {**begun, "size": 2 * 1024**3}).json()
    answer = studio.call("POST", "/courses", {"title": "Course", **with_video(never["id"])})
    assert problem(answer) == (400, "UPLOAD_MISSING", at)
    assert problem(studio.api.user("meera").post("/api/uploads", {**begun, "size": 9}))[:2] == (
        403,
        "EDUCATOR_REQUIRED",
    )
    elsewhere = {"title": "Course", "thumbnailUrl": "https://pictures.example/a.png"}
    assert studio.call("POST", "/courses", elsewhere).json()["thumbnailUrl"] == elsewhere["thumbnailUrl"]


def test_a_deleted_educator_leaves_what_students_have(studio: Studio) -> None:
    kept, gone, loose = studio.upload("video"), studio.upload("video"), studio.upload("video")
    taught = studio.published(**with_video(kept["id"]))["id"]
    untaught = studio.published(**with_video(gone["id"]))["id"]
    studio.ctx.db.set(("enrollments", "one"), {"courseId": taught, "uid": "meera"})
    for _ in range(2):
        deletion.erase(studio.ctx, EDUCATOR, "Deleted user", now=START)
        uploads_deletion.erase(studio.ctx, EDUCATOR)
    course = world.doc(studio.ctx, "courses", taught)
    assert (course["status"], course["instructor"]["name"], course["instructor"]["imageUrl"]) == (
        "archived",
        "Deleted user",
        None,
    )
    assert studio.ctx.db.get("courses", untaught) is None
    lent = uploads.lend(studio.ctx, kept["id"], expires_in=timedelta(hours=1), now=START)
    assert requests.get(lent["url"], timeout=60).content == VIDEO
    storage = uploads.storage(studio.ctx)
    assert [storage.stat(upload["path"]) for upload in (gone, loose)] == [None, None]
    assert studio.ctx.db.get("uploads", loose["id"]) is None
