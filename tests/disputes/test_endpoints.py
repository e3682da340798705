# ruff: noqa: F811 - pytest takes fixtures by their names
"""Claims and disputes over HTTP, and an admin's decisions by the panel and by the console."""

from datetime import timedelta
from typing import Any

import flask
import pytest
import requests
from werkzeug.test import EnvironBuilder

from konnect import clock
from konnect.bookings import attendance
from konnect.disputes import service
from konnect.http.internal import serve_job
from konnect.store import Query
from tests.bookings.conftest import (  # noqa: F401 - fixtures
    HOUR,
    MENTOR,
    MINUTE,
    OTHER,
    STUDENT,
    Desk,
    desk,
    open_desk,
    razorpay,
    settings,
)
from tests.payments.api import error_code

SAID = {"reason": "technical", "description": "The call broke off after ten minutes."}
RULING = {"decision": "refund_partial", "amount": 400, "note": "Half of it was held."}


@pytest.fixture
def booking_id(desk: Desk) -> str:
    """Of a session that began half an hour ago, as the API's clock has it."""
    begins = clock.now().replace(microsecond=0) - 30 * MINUTE
    return desk.confirmed(
        now=begins - 30 * HOUR, scheduled_at=begins.replace(minute=begins.minute // 30 * 30, second=0)
    )


def ended(desk: Desk, booking_id: str) -> None:
    desk.complete(booking_id, desk.booking(booking_id)["scheduledAt"])


def refusal(response: requests.Response) -> tuple[int, str]:
    return response.status_code, error_code(response)


def fields_of(response: Any) -> list[str]:
    return [detail["field"] for detail in response.json()["error"]["details"]]


class TestParticipants:
    def test_a_claim(self, desk: Desk, booking_id: str) -> None:
        path = f"/api/bookings/{booking_id}/no-show"
        assert desk.api.user(None).post(path, {}).status_code == 401
        assert refusal(desk.api.user(OTHER).post(path, {})) == (403, "NOT_A_PARTICIPANT")
        assert refusal(desk.api.user(STUDENT).post("/api/bookings/none/no-show", {})) == (404, "BOOKING_NOT_FOUND")
        refused = desk.api.user(STUDENT).post(path, {})
        assert refusal(refused) == (409, "NO_EVIDENCE")
        assert refused.json()["error"]["details"][0]["way"] == "open a dispute"
        booking = desk.booking(booking_id)
        desk.ctx.run(lambda tx: attendance.linked(tx, booking, "student", every_s=60, now=booking["scheduledAt"]))
        claimed = desk.api.user(STUDENT).post(path, {})
        assert (claimed.status_code, claimed.json()["statusReason"]) == (200, "mentor-no-show")
        assert claimed.json()["refund"]["amount"] == 1000

    def test_a_dispute_and_its_answer(self, desk: Desk, booking_id: str) -> None:
        path = f"/api/bookings/{booking_id}/dispute"
        assert desk.api.user(None).post(path, SAID).status_code == 401
        assert refusal(desk.api.user(OTHER).post(path, SAID)) == (403, "NOT_A_PARTICIPANT")
        student = desk.api.user(STUDENT)
        for wrong, field in (
            ({"reason": "boring"}, "reason"),
            ({"description": ""}, "description"),
            ({"description": " \u200b "}, "description"),
            ({"description": "x" * 1001}, "description"),
        ):
            refused = student.post(path, {**SAID, **wrong})
            assert (refused.status_code, fields_of(refused)) == (400, [field])
        opened = student.post(path, SAID)
        assert opened.status_code == 201
        assert (opened.json()["dispute"]["status"], opened.json()["dispute"]["openedBy"]) == ("open", "student")
        answered = desk.api.user(MENTOR, role="expert").post(path, {**SAID, "description": "It did not."})
        assert answered.status_code == 201
        seen = student.get(f"/api/bookings/{booking_id}").json()["dispute"]
        assert (seen["description"], seen["answer"]["description"]) == (SAID["description"], "It did not.")


class TestAdmins:
    def test_the_list_and_a_decision(self, desk: Desk, booking_id: str) -> None:
        ended(desk, booking_id)
        desk.api.user(STUDENT).post(f"/api/bookings/{booking_id}/dispute", SAID)
        admin, path = desk.api.user("root", role="admin"), f"/api/admin/disputes/{booking_id}"
        assert refusal(desk.api.user(STUDENT).get("/api/admin/disputes")) == (403, "FORBIDDEN")
        assert refusal(desk.api.user(MENTOR, role="expert").call("PUT", path, RULING)) == (403, "FORBIDDEN")
        [listed] = admin.get("/api/admin/disputes?status=open").json()["items"]
        assert (listed["bookingId"], listed["refundable"], listed["attendance"]["student"]) == (booking_id, 1000, None)
        for wrong, field in (({"decision": "maybe"}, "decision"), ({"amount": 0}, "amount"), ({"note": ""}, "note")):
            refused = admin.call("PUT", path, {**RULING, **wrong})
            assert (refused.status_code, fields_of(refused)) == (400, [field])
        assert refusal(admin.call("PUT", "/api/admin/disputes/none", RULING)) == (404, "DISPUTE_NOT_FOUND")
        decided = admin.call("PUT", path, RULING)
        assert decided.status_code == 200
        assert admin.call("PUT", path, RULING).json() == decided.json()
        assert (decided.json()["amount"], decided.json()["refundable"], decided.json()["decidedBy"]) == (
            400,
            600,
            "root",
        )
        assert admin.get("/api/admin/disputes?status=open").json()["items"] == []
        desk.check_books()

    def test_pages(self, desk: Desk, booking_id: str) -> None:
        desk.api.user(STUDENT).post(f"/api/bookings/{booking_id}/dispute", SAID)
        [first] = Query((service.COLLECTION,)).run(desk.ctx.db)
        booking, terms = desk.booking(booking_id), desk.terms(booking_id)
        for number in range(4):
            made = first["createdAt"] + timedelta(minutes=number + 1)
            desk.ctx.db.set(("bookings", f"b{number}"), booking)
            desk.ctx.db.set(("bookings", f"b{number}", "private", "terms"), terms)
            desk.ctx.db.set((service.COLLECTION, f"b{number}"), {**first, "createdAt": made})
        admin, cursor, seen = desk.api.user("root", role="admin"), "", []
        while cursor is not None:
            page = admin.get(f"/api/admin/disputes?limit=2&cursor={cursor}").json()
            seen += [one["id"] for one in page["items"]]
            cursor = page["nextCursor"]
        assert seen == ["b3", "b2", "b1", "b0", booking_id]


def console(desk: Desk, function: str, payload: dict[str, Any], status: int = 200) -> Any:
    request = flask.Request(EnvironBuilder(method="POST", json=payload).get_environ())
    response = serve_job(request, f"konnect.admin.console:{function}", desk.ctx, can_rehearse=True)
    assert response.status_code == status, response.get_data(as_text=True)
    return response.get_json()


class TestConsole:
    def test_a_refund(self, desk: Desk, booking_id: str) -> None:
        ended(desk, booking_id)
        payload = {"bookingId": booking_id, "amount": 500, "reason": "poor sound", "refundId": "t7", "by": "ops"}
        dry = console(desk, "refund_booking", {**payload, "dryRun": True})
        assert (dry["dryRun"], desk.booking(booking_id)["reversedPaise"]) == (True, 0)
        written = {one["path"]: one["write"] for one in dry["wouldWrite"]}
        assert written[f"movements/booking:{booking_id}:reverse:t7"] == "create"
        done = console(desk, "refund_booking", payload)
        assert done == dry["result"] == console(desk, "refund_booking", payload)
        assert (done["mentorShare"], done["refundable"]) == (390, 500)
        [entry] = Query(("audit",)).run(desk.ctx.db)
        assert (entry["actor"], entry["reason"]) == ("console:ops", "poor sound")
        console(desk, "refund_booking", {**payload, "refundId": "t8", "amount": 501}, 400)
        desk.check_books()

    def test_a_dispute(self, desk: Desk, booking_id: str) -> None:
        ended(desk, booking_id)
        desk.api.user(STUDENT).post(f"/api/bookings/{booking_id}/dispute", SAID)
        payload = {"bookingId": booking_id, "decision": "refund_full", "note": "It broke off."}
        dry = console(desk, "decide_dispute", {**payload, "dryRun": True})
        assert desk.booking(booking_id)["dispute"]["status"] == "open"
        assert console(desk, "decide_dispute", payload) == dry["result"]
        assert (dry["result"]["amount"], desk.earned()) == (1000, 0)
        console(desk, "decide_dispute", {**payload, "decision": "no_refund"}, 409)
        desk.check_books()
