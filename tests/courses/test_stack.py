"""A course on the running stack: uploaded, written, submitted, rejected, approved, found, changed, taken away."""

from collections.abc import Mapping

import requests

from local.person import wait_until
from tests import people
from tests.courses.studio import COURSE, FILES


def test_a_course_on_its_way(stack_env: Mapping[str, str]) -> None:
    admin, educator = people.admin(stack_env), people.expert(stack_env, "Diya")
    content_type, name, data = FILES["video"]
    upload = {"purpose": "video", "contentType": content_type, "size": len(data), "fileName": name}
    begun = educator.post("/api/uploads", upload)
    requests.put(begun["url"], data=data, headers=begun["headers"], timeout=60).raise_for_status()
    word = f"zebra{educator.uid[:8].lower()}"
    lecture = {"title": "Loops", "durationS": 240, "videoUploadId": begun["id"]}
    sections = [*COURSE["sections"], {"title": "More", "lectures": [lecture]}]
    made = educator.post("/api/v1/courses", {**COURSE, "title": f"Python {word}", "sections": sections})
    path, decide = f"/api/v1/courses/{made['id']}", f"/api/v1/admin/courses/{made['id']}/status"

    def submit() -> None:
        assert educator.call("PUT", path, {"status": "pending"})["status"] == "pending"
        assert made["id"] in {one["id"] for one in admin.get("/api/v1/admin/courses?limit=100")["items"]}

    submit()
    rejected = admin.call("PUT", decide, {"status": "rejected", "reason": "Which level is it?"})
    assert rejected["status"] == "rejected"
    assert educator.get(f"{path}/authoring")["rejectionReason"] == "Which level is it?"
    submit()
    admin.call("PUT", decide, {"status": "published", "isFeatured": True})

    def found(where: str) -> bool:
        listed = requests.get(f"{stack_env['API_URL']}/api/v1/courses{where}", timeout=60)
        listed.raise_for_status()
        return made["id"] in {one["id"] for one in listed.json()["items"]}

    wait_until("the course to be listed", lambda: found(f"/search?q={word}"))
    assert found(f"?instructor={educator.uid}&level=beginner")
    assert found("/featured?limit=100")
    assert found("/popular?limit=100")
    page = requests.get(stack_env["API_URL"] + path, timeout=60).json()
    assert (page["totalLectures"], page["status"], page["isFeatured"]) == (3, "published", True)
    [mine] = educator.get("/api/v1/courses/my-courses")["items"]
    assert mine["id"] == made["id"]
    assert educator.call("PUT", path, {"price": 0})["price"] == 0
    assert educator.call("DELETE", path) == {"id": made["id"], "deleted": False, "status": "archived"}
    wait_until("the course to be off the list", lambda: not found(f"/search?q={word}"))
