"""Bookings over HTTP: who may, what is wrong by its name, lists by cursor and by page."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.store import Doc
from tests.payments.api import User, error_code

from .conftest import DAY, HOUR, MENTOR, OTHER, STUDENT, Desk


@pytest.fixture
def slot() -> datetime:
    return clock.now().replace(minute=0, second=0, microsecond=0) + 3 * DAY


@pytest.fixture
def shop(open_desk: Callable[..., Desk]) -> Desk:
    """With webhooks, and without a limit in the way."""
    return open_desk(rate_limit_factor=100)


def body(slot: datetime, **fields: Any) -> Doc:
    given = {"mentorId": MENTOR, "scheduledAt": clock.iso(slot), "duration": 60, "topic": "Mock Interview"}
    return {**given, **fields}


def book(desk: Desk, slot: datetime, uid: str = STUDENT, **fields: Any) -> Doc:
    response = desk.api.user(uid).post("/api/bookings", body(slot, **fields))
    assert response.status_code == 201, response.text
    return dict(response.json())


def paid(desk: Desk, slot: datetime, uid: str = STUDENT) -> str:
    made = book(desk, slot, uid)
    desk.pay(made["order"]["orderId"])
    return str(made["booking"]["id"])


def mentor(desk: Desk) -> User:
    return desk.api.user(MENTOR, role="expert")


class TestBooking:
    def test_from_the_slot_to_the_confirmation(self, shop: Desk, slot: datetime) -> None:
        made = book(shop, slot, agenda="Graphs", agreedToPolicy=True, price=1000)
        booking, order = made["booking"], made["order"]
        assert (booking["status"], booking["bookingId"], booking["scheduledAt"]) == (
            "pending",
            booking["id"],
            clock.iso(slot),
        )
        assert (order["amount"], order["amountPaise"], order["keyId"]) == (1000, 1000_00, shop.gateway.key_id)
        assert "jitsiRoomName" not in booking
        again = shop.api.user(STUDENT).post("/api/payments/create-order", {"bookingId": booking["id"]})
        assert (again.status_code, again.json()) == (200, order)
        checkout = shop.pay(order["orderId"])
        verified = shop.api.user(STUDENT).post("/api/payments/verify", checkout.body())
        assert verified.status_code == 200
        assert (verified.json()["bookingId"], verified.json()["bookingStatus"]) == (booking["id"], "confirmed")
        found = shop.api.user(STUDENT).get(f"/api/bookings/{booking['id']}").json()
        assert (found["status"], found["payment"]["status"], found["earnings"]) == ("confirmed", "paid", None)
        seen = mentor(shop).get(f"/api/bookings/{booking['id']}").json()
        assert seen["earnings"] == {
            "mentor": 780,
            "commission": 200,
            "gst": 30.51,
            "gatewayFee": 20,
            "settledAt": None,
        }
        shop.check_books()

    def test_an_idempotency_key(self, shop: Desk, slot: datetime) -> None:
        student = shop.api.user(STUDENT)
        first = student.post("/api/bookings", body(slot), key="k1")
        again = student.post("/api/bookings", body(slot), key="k1")
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json()["order"]["orderId"] == first.json()["order"]["orderId"]
        other = student.post("/api/bookings", body(slot, duration=30), key="k1")
        assert (other.status_code, error_code(other)) == (409, "IDEMPOTENCY_KEY_REUSED")

    def test_who_may_and_what_is_taken(self, shop: Desk, slot: datetime) -> None:
        assert shop.api.user(None).post("/api/bookings", body(slot)).status_code == 401
        assert mentor(shop).post("/api/bookings", body(slot)).status_code == 400
        book(shop, slot)
        taken = shop.api.user(OTHER).post("/api/bookings", body(slot + HOUR / 2))
        assert (taken.status_code, error_code(taken)) == (409, "SLOT_TAKEN")
        changed = shop.api.user(OTHER).post("/api/bookings", body(slot + HOUR, price=900))
        assert (changed.status_code, error_code(changed)) == (409, "PRICE_CHANGED")
        assert changed.json()["error"]["details"] == [{"price": 1000, "total": 1000}]

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"mentorId": "a/b"}, "mentorId"),
            ({"scheduledAt": "2026-06-01T10:00:00"}, "scheduledAt"),
            ({"duration": 45}, "duration"),
            ({"topic": " "}, "topic"),
            ({"topic": "Cooking"}, "topic"),
            ({"agenda": "x" * 501}, "agenda"),
            ({"agreedToPolicy": False}, "agreedToPolicy"),
            ({"price": "free"}, "price"),
        ],
    )
    def test_what_is_wrong_is_named(self, shop: Desk, slot: datetime, fields: Doc, field: str) -> None:
        response = shop.api.user(STUDENT).post("/api/bookings", body(slot, **fields))
        assert response.status_code == 400
        assert [one["field"] for one in response.json()["error"]["details"]] == [field]

    def test_five_a_minute(self, open_desk: Callable[..., Desk], slot: datetime) -> None:
        desk = open_desk(rate_limit_bookings=2, rate_limit_factor=1)
        student = desk.api.user(STUDENT)
        answers = [student.post("/api/bookings", body(slot)).status_code for _ in range(5)]
        # The window may change meanwhile.
        assert answers.count(429) >= 1
        assert answers[0] == 201

    def test_an_order_is_the_student_s(self, shop: Desk, slot: datetime) -> None:
        made = book(shop, slot)["booking"]
        wanted = {"bookingId": made["id"]}
        assert shop.api.user(None).post("/api/payments/create-order", wanted).status_code == 401
        assert shop.api.user(OTHER).post("/api/payments/create-order", wanted).status_code == 403
        assert mentor(shop).post("/api/payments/create-order", wanted).status_code == 409
        assert shop.api.user(STUDENT).post("/api/payments/create-order", {"bookingId": "GRP-1"}).status_code == 404
        assert shop.api.user(STUDENT).post("/api/payments/create-order", {}).status_code == 400


class TestReading:
    def test_who_may(self, shop: Desk, slot: datetime) -> None:
        booking_id = book(shop, slot)["booking"]["id"]
        path = f"/api/bookings/{booking_id}"
        statuses = [
            user.get(path).status_code
            for user in (shop.api.user(None), shop.api.user(OTHER), shop.api.user(STUDENT), mentor(shop))
        ]
        assert statuses == [401, 403, 200, 200]
        assert shop.api.user(STUDENT).get("/api/bookings/GRP-1").status_code == 404

    def test_lists(self, shop: Desk, slot: datetime) -> None:
        student, made = shop.api.user(STUDENT), []
        for n in range(3):
            made.append(paid(shop, slot + n * DAY))
        student.call("PUT", f"/api/bookings/{made[0]}/cancel", {"reason": "I am ill."})

        def ids_of(user: User, **query: Any) -> list[str]:
            response = user.get("/api/bookings", **query)
            assert response.status_code == 200, response.text
            return [one["id"] for one in response.json()["items"]]

        assert ids_of(student) == ids_of(student, **{"as": "student"}) == made[::-1]
        assert ids_of(mentor(shop)) == ids_of(mentor(shop), **{"as": "mentor"}) == made[::-1]
        assert ids_of(mentor(shop), **{"as": "student"}) == ids_of(shop.api.user(OTHER)) == []
        assert ids_of(student, when="upcoming") == ids_of(student, when="upcoming", status="confirmed") == made[1:]
        assert ids_of(mentor(shop), when="upcoming", status="confirmed") == made[1:]
        assert ids_of(student, when="past") == ids_of(student, when="past", status="cancelled") == made[:1]
        assert ids_of(mentor(shop), when="past") == ids_of(mentor(shop), status="cancelled") == made[:1]
        assert ids_of(student, page=2, limit=2) == made[:1]
        first = student.get("/api/bookings", limit=2).json()
        assert first["nextCursor"]
        assert ids_of(student, limit=2, cursor=first["nextCursor"]) == made[:1]
        for wrong in ({"as": "admin"}, {"when": "soon"}, {"status": "done"}, {"cursor": "x"}, {"page": 0}):
            response = student.get("/api/bookings", **wrong)
            assert [one["field"] for one in response.json()["error"]["details"]] == list(wrong)
        assert shop.api.user(None).get("/api/bookings").status_code == 401

    def test_all_of_them_for_admins(self, shop: Desk, slot: datetime) -> None:
        first, second = paid(shop, slot), book(shop, slot + DAY, OTHER)["booking"]["id"]
        admin = shop.api.user("boss", role="admin")

        def found(**query: Any) -> list[str]:
            response = admin.get("/api/admin/bookings", **query)
            assert response.status_code == 200, response.text
            return [one["id"] for one in response.json()["items"]]

        assert found() == found(mentorId=MENTOR) == [second, first]
        assert found(status="confirmed") == found(studentId=STUDENT) == [first]
        assert found(**{"from": clock.iso(slot + HOUR), "status": "pending"}) == [second]
        assert found(to=clock.iso(slot + HOUR), mentorId=MENTOR, studentId=STUDENT) == [first]
        assert found(mentorId="nobody") == []
        [one] = admin.get("/api/admin/bookings", limit=1).json()["items"]
        assert (one["earnings"]["mentor"], one["mentorUid"]) == (780, MENTOR)
        for user, status in ((shop.api.user(None), 401), (shop.api.user(STUDENT), 403), (mentor(shop), 403)):
            assert user.get("/api/admin/bookings").status_code == status
        assert admin.get("/api/admin/bookings", status="done").status_code == 400


class TestChanging:
    @pytest.mark.parametrize(
        ("operation", "wanted"),
        [
            ("cancel", {"reason": "I am ill."}),
            ("reschedule", {"scheduledAt": "2030-01-01T00:00:00Z"}),
            ("complete", {}),
        ],
    )
    def test_who_may(self, shop: Desk, slot: datetime, operation: str, wanted: Doc) -> None:
        path = f"/api/bookings/{book(shop, slot)['booking']['id']}/{operation}"
        assert shop.api.user(None).call("PUT", path, wanted).status_code == 401
        assert shop.api.user(OTHER).call("PUT", path, wanted).status_code == 403
        missing = shop.api.user(STUDENT).call("PUT", f"/api/bookings/GRP-1/{operation}", wanted)
        assert (missing.status_code, error_code(missing)) == (404, "BOOKING_NOT_FOUND")

    def test_cancelling(self, shop: Desk, slot: datetime) -> None:
        booking_id = paid(shop, slot)
        path = f"/api/bookings/{booking_id}/cancel"
        for wrong in ({}, {"reason": " "}, {"reason": "x" * 501}):
            response = shop.api.user(STUDENT).call("PUT", path, wrong)
            assert [one["field"] for one in response.json()["error"]["details"]] == ["reason"]
        done = mentor(shop).call("PUT", path, {"reason": "I am ill."}).json()
        assert (done["status"], done["cancelledBy"], done["refund"]["amount"]) == ("cancelled", "mentor", 1000)
        assert shop.api.user(STUDENT).call("PUT", path, {"reason": "Me too."}).json() == done
        shop.check_books()

    def test_moving(self, shop: Desk, slot: datetime) -> None:
        booking_id = paid(shop, slot)
        path = f"/api/bookings/{booking_id}/reschedule"
        wrong = shop.api.user(STUDENT).call("PUT", path, {"scheduledAt": "tomorrow"})
        assert [one["field"] for one in wrong.json()["error"]["details"]] == ["scheduledAt"]
        to = {"scheduledAt": clock.iso(slot + DAY)}
        assert error_code(mentor(shop).call("PUT", path, to)) == "STUDENT_ONLY"
        moved = shop.api.user(STUDENT).call("PUT", path, to).json()
        assert (moved["scheduledAt"], moved["rescheduledFrom"]) == (clock.iso(slot + DAY), clock.iso(slot))

    def test_completing(self, shop: Desk, slot: datetime) -> None:
        booking_id = paid(shop, slot)
        path = f"/api/bookings/{booking_id}/complete"
        assert error_code(shop.api.user(STUDENT).call("PUT", path)) == "MENTOR_ONLY"
        assert error_code(mentor(shop).call("PUT", path)) == "SESSION_NOT_STARTED"
        began = clock.now() - timedelta(minutes=20)
        shop.ctx.run(lambda tx: tx.update(("bookings", booking_id), {"scheduledAt": began}))
        done = mentor(shop).call("PUT", path).json()
        assert done["status"] == "completed"
        assert mentor(shop).call("PUT", path).json() == done
        seen = mentor(shop).get(f"/api/bookings/{booking_id}").json()
        assert seen["earnings"]["settledAt"] is not None
        assert shop.earned() == 780_00
