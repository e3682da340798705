"""Courses sold on the running stack: by card, with webhook, invoice and refund."""

from collections.abc import Mapping

import requests

from local.person import Person, wait_until
from tests import people
from tests.courses.studio import COURSE

PRICE = 799


def test_bought_by_card_and_refunded(stack_env: Mapping[str, str]) -> None:
    educator, learner, admin = people.expert(stack_env, "Asha"), people.user(stack_env), people.admin(stack_env)
    course = educator.post("/api/v1/courses", {**COURSE, "price": PRICE, "status": "pending"})
    admin.call("PUT", f"/api/v1/admin/courses/{course['id']}/status", {"status": "published"})
    opened = learner.post("/api/v1/payments/create-checkout", {"courseId": course["id"], "price": PRICE})
    assert "Stripe sandbox" in requests.get(opened["url"], timeout=60).text
    learner.pay_by_card(opened["sessionId"])
    verify = {"sessionId": opened["sessionId"]}
    wait_until(
        "the course to be open", lambda: learner.post("/api/v1/payments/verify", verify)["status"] == "completed"
    )
    lecture = {"lectureId": course["sections"][0]["lectures"][0]["id"]}
    assert learner.post(f"/api/v1/courses/{course['id']}/progress", lecture)["status"] == "active"
    wallet = educator.get("/api/wallet")
    assert (wallet["withdrawable"], wallet["balance"]) == (639.2, 639.2)

    def papers() -> list[tuple[str, float, str]]:
        items = learner.get("/api/v1/payments/history")["items"]
        return sorted((one["type"], one["amount"], one["status"]) for one in items)

    wait_until("the invoice", lambda: papers() == [("invoice", PRICE, "paid")])
    path = f"/api/v1/admin/payments/{opened['paymentId']}/refund"
    done = admin.post(path, {"reason": "Not as promised."})
    assert (done["amount"], done["educatorShare"], done["owedByEducator"]) == (PRICE, 639.2, 0)
    wait_until(
        "the credit note", lambda: papers() == [("credit_note", PRICE, "refunded"), ("invoice", PRICE, "refunded")]
    )
    after = learner.post("/api/v1/payments/verify", verify)
    assert (after["status"], after["enrolled"]) == ("refunded", False)
    assert told(learner) == {"course_purchased", "course_refunded"}
    assert told(educator) >= {"course_sold", "course_refunded"}


def told(person: Person) -> set[str]:
    return {one["type"] for one in person.get("/api/notifications")["items"] if one["type"].startswith("course_")}
