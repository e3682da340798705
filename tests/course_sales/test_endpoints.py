"""The operations of buying courses over HTTP: who may, what is named, what is answered."""

from typing import Any

import flask
from werkzeug.test import EnvironBuilder

from konnect import ids
from konnect.http.internal import serve_job
from konnect.store import Query
from tests.course_sales.till import EDUCATOR, LEARNER, PRICE, Till
from tests.payments.api import User, error_code
from tests.support import give

CHECKOUT, VERIFY, HISTORY = (f"/api/v1/payments/{name}" for name in ("create-checkout", "verify", "history"))


def refund_path(payment_id: str) -> str:
    return f"/api/v1/admin/payments/{payment_id}/refund"


def admin(till: Till) -> User:
    return till.room.of("root", role="admin")


class TestCheckout:
    def test_opened_verified_and_paid(self, till: Till):
        course = till.course()
        opened = till.learner.post(CHECKOUT, {"courseId": course["id"], "price": PRICE})
        assert opened.status_code == 200, opened.text
        found = opened.json()
        assert (found["status"], found["amount"], found["course"]) == ("pending", PRICE, "Sharding from scratch")
        waiting = till.learner.post(VERIFY, {"sessionId": found["sessionId"]})
        assert (waiting.status_code, waiting.json()["enrolled"]) == (202, False)
        till.pay(found["sessionId"])
        paid = till.learner.post(VERIFY, {"sessionId": found["sessionId"]})
        assert (paid.status_code, paid.json()["status"], paid.json()["enrolled"]) == (200, "completed", True)
        begun = {"lectureId": course["sections"][0]["lectures"][1]["id"]}
        noted = till.learner.post(f"/api/v1/courses/{course['id']}/progress", begun)
        assert noted.status_code == 200, noted.text
        again = till.learner.post(CHECKOUT, {"courseId": course["id"]})
        assert (again.status_code, error_code(again)) == (409, "ALREADY_ENROLLED")

    def test_with_a_key(self, till: Till):
        course, key = till.course(), ids.new()
        body = {"courseId": course["id"]}
        first = till.learner.post(CHECKOUT, body, key=key)
        assert till.learner.post(CHECKOUT, body, key=key).json() == first.json()
        other = till.learner.post(CHECKOUT, {**body, "price": PRICE}, key=key)
        assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_KEY_REUSED")

    def test_a_key_whose_request_has_failed_is_free_again(self, till: Till):
        course, key = till.course(), ids.new()
        till.fault(status=500, path="/v1/checkout/sessions")
        assert till.learner.post(CHECKOUT, {"courseId": course["id"]}, key=key).status_code == 503
        assert till.learner.post(CHECKOUT, {"courseId": course["id"]}, key=key).status_code == 200

    def test_invalid(self, till: Till):
        wrong: list[tuple[dict[str, Any], str]] = [
            ({}, "courseId"),
            ({"courseId": "a/b"}, "courseId"),
            ({"courseId": "x", "price": -1}, "price"),
            ({"courseId": "x", "successUrl": "https://evil.example"}, "successUrl"),
            ({"courseId": "x", "cancelUrl": "https://evil.example"}, "cancelUrl"),
        ]
        for body, field in wrong:
            refused = till.learner.post(CHECKOUT, body)
            assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, field)

    def test_missing_and_not_ones_own(self, till: Till):
        assert error_code(till.learner.post(CHECKOUT, {"courseId": "nothing"})) == "COURSE_NOT_FOUND"
        found = till.open(till.course())
        for uid, session_id in (("arjun", found["sessionId"]), (LEARNER, "cs_test_nothing")):
            answer = till.room.of(uid).post(VERIFY, {"sessionId": session_id})
            assert (answer.status_code, error_code(answer)) == (404, "ORDER_NOT_FOUND")
        assert till.room.of(None).post(CHECKOUT, {"courseId": "x"}).status_code == 401

    def test_a_deposit_is_no_checkout(self, till: Till):
        order = {"gateway": "razorpay", "purpose": {"kind": "deposit", "uid": LEARNER}, "status": "created"}
        till.ctx.db.set(("orders", "order_1"), order)
        assert error_code(till.learner.post(VERIFY, {"sessionId": "order_1"})) == "ORDER_NOT_FOUND"


class TestRefund:
    def test_by_an_admin(self, till: Till):
        course, key = till.course(), ids.new()
        sold = till.bought(course)
        path, body = refund_path(sold["id"]), {"reason": "Not as promised."}
        done = admin(till).post(path, body, key=key)
        assert done.status_code == 201, done.text
        assert (done.json()["amount"], done.json()["source"], done.json()["educatorShare"]) == (PRICE, "checkout", 800)
        assert admin(till).post(path, body, key=key).json() == done.json()
        again = admin(till).post(path, body)
        assert (again.status_code, error_code(again)) == (409, "ALREADY_REFUNDED")
        [entry] = Query(("audit",)).run(till.ctx.db)
        assert (entry["actor"], entry["action"], entry["reason"]) == ("root", "course.refund", "Not as promised.")
        assert till.is_open(course) is False

    def test_refused(self, till: Till):
        sold = till.bought(till.course())
        path = refund_path(sold["id"])
        for caller, status in ((till.learner, 403), (till.room.of(EDUCATOR), 403), (till.room.of(None), 401)):
            assert caller.post(path, {"reason": "x"}).status_code == status
        assert error_code(admin(till).post(refund_path("nothing"), {"reason": "x"})) == "PAYMENT_NOT_FOUND"
        refused = admin(till).post(path, {"reason": ""})
        assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, "reason")

    def test_by_the_console(self, till: Till):
        course = till.course()
        give(till.ctx, LEARNER, PRICE * 100)
        purchase_id = till.by_wallet(course)["purchaseId"]
        payload = {"paymentId": purchase_id, "reason": "poor sound", "refundId": "t7", "by": "ops"}
        dry = console(till, {**payload, "dryRun": True})
        assert (dry["dryRun"], till.is_open(course)) == (True, True)
        written = {one["path"]: one["write"] for one in dry["wouldWrite"]}
        assert written[f"movements/course:{purchase_id}:refund:t7"] == "create"
        done = console(till, payload)
        assert done == dry["result"] == console(till, payload)
        assert (till.is_open(course), till.wallet(LEARNER)) == (False, PRICE * 100)
        till.check()


def console(till: Till, payload: dict[str, Any]) -> Any:
    request = flask.Request(EnvironBuilder(method="POST", json=payload).get_environ())
    response = serve_job(request, "konnect.admin.console:refund_course", till.ctx, can_rehearse=True)
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.get_json()
