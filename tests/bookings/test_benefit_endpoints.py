"""Coupons and packages over HTTP: who may, what is wrong by its name, lists by cursor."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.store import Doc
from tests.payments.api import User, error_code

from .conftest import DAY, MENTOR, OTHER, STUDENT, Desk
from .test_endpoints import body, book

SIZE = {"sessions": 5, "duration": 60, "discountPercent": 10}
FIVE = f"{MENTOR}-5x60"


@pytest.fixture
def slot() -> datetime:
    return clock.now().replace(minute=0, second=0, microsecond=0) + 3 * DAY


@pytest.fixture
def shop(open_desk: Callable[..., Desk]) -> Desk:
    return open_desk(rate_limit_factor=100)


def admin(desk: Desk) -> User:
    return desk.api.user("root", role="admin")


def mentor(desk: Desk) -> User:
    return desk.api.user(MENTOR, role="expert")


def create(desk: Desk, **fields: Any) -> Doc:
    made = admin(desk).post("/api/admin/coupons", {"code": "welcome", "percent": 25, **fields})
    assert made.status_code == 201, made.text
    return dict(made.json())


def fields_of(response: Any) -> list[str]:
    assert response.status_code == 400, response.text
    return [detail["field"] for detail in response.json()["error"]["details"]]


class TestAdminCoupons:
    def test_created_listed_changed_audited(self, shop: Desk) -> None:
        ends_at = clock.iso(clock.now() + DAY)
        made = create(shop, maxDiscount=300, minPrice=500, maxUses=100, endsAt=ends_at, mentorIds=[MENTOR])
        assert (made["code"], made["percent"], made["amount"], made["maxDiscount"]) == ("WELCOME", 25, None, 300)
        assert (made["minPrice"], made["maxUsesPerUser"], made["uses"], made["endsAt"]) == (500, 1, 0, ends_at)
        again = admin(shop).post("/api/admin/coupons", {"code": "Welcome", "amount": 5})
        assert (again.status_code, error_code(again)) == (409, "COUPON_EXISTS")
        for n in range(2):
            create(shop, code=f"more-{n}")
        listed = admin(shop).get("/api/admin/coupons", limit=2).json()
        assert [one["code"] for one in listed["items"]] == ["MORE-1", "MORE-0"]
        rest = admin(shop).get("/api/admin/coupons", limit=2, cursor=listed["nextCursor"]).json()
        assert ([one["code"] for one in rest["items"]], rest["nextCursor"]) == (["WELCOME"], None)
        off = admin(shop).call("PUT", "/api/admin/coupons/welcome", {"isActive": False, "maxUses": 200})
        assert (off.json()["isActive"], off.json()["maxUses"], off.json()["endsAt"]) == (False, 200, ends_at)
        assert [one["code"] for one in admin(shop).get("/api/admin/coupons", active="false").json()["items"]] == [
            "WELCOME"
        ]
        admin(shop).call("PUT", "/api/admin/coupons/WELCOME", {"isActive": False})
        unlimited = admin(shop).call("PUT", "/api/admin/coupons/more-0", {"maxUses": 5})
        assert fields_of(unlimited) == ["maxUses"]
        entries = sorted((one["action"], one["target"], one["actor"]) for one in shop.all("audit"))
        assert entries[0] == ("coupon.change", "coupons/WELCOME", "root")
        assert [entry[0] for entry in entries] == ["coupon.change", *["coupon.create"] * 3]

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"code": "x y"}, ["code"]),
            ({"code": "__x__"}, ["code"]),
            ({"percent": 101}, ["percent"]),
            ({"percent": 0}, ["percent"]),
            ({"percent": None}, ["body"]),
            ({"amount": 100}, ["body"]),
            ({"percent": None, "amount": -1}, ["amount"]),
            ({"maxUses": 0, "maxUsesPerUser": 0}, ["maxUses", "maxUsesPerUser"]),
            ({"mentorIds": []}, ["mentorIds"]),
            ({"mentorIds": [MENTOR, "nobody"]}, ["mentorIds.1"]),
            ({"endsAt": "2026-01-01"}, ["endsAt"]),
            ({"startsAt": "2027-01-02T00:00:00Z", "endsAt": "2027-01-01T00:00:00Z"}, ["body"]),
        ],
    )
    def test_what_is_wrong_is_named(self, shop: Desk, fields: Doc, wrong: list[str]) -> None:
        made = admin(shop).post("/api/admin/coupons", {"code": "welcome", "percent": 25, **fields})
        assert fields_of(made) == wrong
        assert shop.all("coupons") == []

    def test_admins_only(self, shop: Desk) -> None:
        for caller in (mentor(shop), shop.api.user(STUDENT)):
            assert caller.post("/api/admin/coupons", {"code": "welcome", "percent": 25}).status_code == 403


class TestValidating:
    def test_what_it_gives(self, shop: Desk) -> None:
        create(shop)
        found = shop.api.user(STUDENT).post(
            "/api/coupons/validate", {"code": " Welcome ", "mentorId": MENTOR, "duration": 60}
        )
        assert found.status_code == 200, found.text
        answer = found.json()
        assert (answer["code"], answer["price"], answer["discount"], answer["payable"]) == ("WELCOME", 1000, 250, 750)
        assert [one["kind"] for one in answer["benefits"]] == ["coupon"]
        assert shop.all("couponUses") == []

    def test_what_it_does_not(self, shop: Desk) -> None:
        create(shop, mentorIds=[MENTOR], endsAt=clock.iso(clock.now() - timedelta(hours=1)))

        def code(**fields: Any) -> tuple[int, str]:
            wanted = {"code": "WELCOME", "mentorId": MENTOR, "duration": 60, **fields}
            found = shop.api.user(STUDENT).post("/api/coupons/validate", wanted)
            return found.status_code, error_code(found)

        assert code() == (409, "COUPON_EXPIRED")
        assert code(code="NONE") == (404, "COUPON_NOT_FOUND")
        assert code(mentorId="nobody") == (404, "EXPERT_NOT_FOUND")
        assert code(duration=45)[0] == 400

    def test_codes_are_not_guessed(self, open_desk: Callable[..., Desk]) -> None:
        desk = open_desk(rate_limit_coupons=2, rate_limit_factor=1)
        wanted = {"code": "NONE", "mentorId": MENTOR, "duration": 60}
        answers = [desk.api.user(STUDENT).post("/api/coupons/validate", wanted).status_code for _ in range(5)]
        # The window may change meanwhile.
        assert (set(answers), answers[0]) == ({404, 429}, 404)


class TestPackages:
    def offer(self, desk: Desk, *sizes: Doc) -> Doc:
        made = mentor(desk).call("PUT", "/api/mentors/packages", {"packages": list(sizes) or [SIZE]})
        assert made.status_code == 200, made.text
        return dict(made.json())

    def test_offered_bought_and_booked(self, shop: Desk, slot: datetime) -> None:
        [offered] = self.offer(shop)["items"]
        assert (offered["id"], offered["sessionPrice"], offered["price"], offered["validDays"]) == (FIVE, 900, 4500, 90)
        student = shop.api.user(STUDENT)
        listed = student.get("/api/packages", mentorId=MENTOR).json()
        assert listed == {"items": [offered], "nextCursor": None}
        path = f"/api/packages/{FIVE}/purchase"
        made = student.post(path, {"price": 4500}, key="k1").json()
        assert student.post(path, {"price": 4500}, key="k1").json() == made
        assert student.post(path, {}, key="k1").status_code == 409
        assert (made["package"]["purchase"]["status"], made["order"]["amount"]) == ("pending", 4500)
        verified = student.post("/api/payments/verify", shop.pay(made["order"]["orderId"]).body()).json()
        purchase_id = made["package"]["purchase"]["id"]
        assert (verified["packagePurchaseId"], verified["packageStatus"]) == (purchase_id, "active")
        booked = book(shop, slot, packagePurchaseId=purchase_id)
        assert (booked["order"], booked["booking"]["status"], booked["booking"]["payable"]) == (None, "confirmed", 0)
        [mine] = student.get("/api/packages", mine="true").json()["items"]
        assert (mine["id"], mine["purchase"]["id"], mine["purchase"]["sessionsLeft"]) == (FIVE, purchase_id, 4)
        assert shop.api.user(OTHER).get("/api/packages", mine="true").json()["items"] == []
        shop.check_books()

    def test_lists(self, shop: Desk) -> None:
        self.offer(shop, SIZE, {**SIZE, "duration": 30}, {**SIZE, "sessions": 3})
        student = shop.api.user(STUDENT)
        first = student.get("/api/packages", mentorId=MENTOR, limit=2).json()
        assert [one["id"] for one in first["items"]] == [f"{MENTOR}-5x30", f"{MENTOR}-3x60"]
        rest = student.get("/api/packages", mentorId=MENTOR, limit=2, cursor=first["nextCursor"]).json()
        assert ([one["id"] for one in rest["items"]], rest["nextCursor"]) == ([FIVE], None)
        self.offer(shop, SIZE)
        assert [one["id"] for one in student.get("/api/packages", mentorId=MENTOR).json()["items"]] == [FIVE]
        for _ in range(3):
            student.post(f"/api/packages/{FIVE}/purchase", {})
        bought = student.get("/api/packages", mine="true", mentorId=MENTOR, limit=2).json()
        assert len(bought["items"]) == 2
        assert len(student.get("/api/packages", mine="true", limit=2, cursor=bought["nextCursor"]).json()["items"]) == 1

    def test_what_is_refused(self, shop: Desk) -> None:
        student = shop.api.user(STUDENT)
        assert fields_of(student.get("/api/packages")) == ["mentorId"]
        assert student.get("/api/packages", mentorId="nobody").status_code == 404
        assert shop.api.user(None).get("/api/packages", mentorId=MENTOR).status_code == 401
        assert student.call("PUT", "/api/mentors/packages", {"packages": [SIZE]}).status_code == 403
        wrong = {"sessions": 1, "duration": 45, "discountPercent": 51, "validDays": 151}
        refused = mentor(shop).call("PUT", "/api/mentors/packages", {"packages": [wrong]})
        assert fields_of(refused) == [f"packages.0.{name}" for name in wrong]
        assert student.post(f"/api/packages/{FIVE}/purchase", {}).status_code == 404
        self.offer(shop)
        changed = student.post(f"/api/packages/{FIVE}/purchase", {"price": 5000})
        assert (changed.status_code, error_code(changed)) == (409, "PRICE_CHANGED")
        assert fields_of(mentor(shop).post(f"/api/packages/{FIVE}/purchase", {})) == ["packageId"]


def test_what_can_be_no_id(shop: Desk, slot: datetime) -> None:
    body = {"mentorId": MENTOR, "scheduledAt": slot.isoformat(), "duration": 60, "topic": "Mock Interview"}
    for field, value in (("mentorId", "."), ("packagePurchaseId", ".."), ("couponCode", "__x__")):
        assert fields_of(shop.api.user(STUDENT).post("/api/bookings", {**body, field: value})) == [field]


def test_a_booking_with_a_coupon(shop: Desk, slot: datetime) -> None:
    create(shop)
    made = book(shop, slot, couponCode="welcome", price=750)
    assert (made["booking"]["payable"], made["order"]["amount"]) == (750, 750)
    student = shop.api.user(STUDENT)
    again = student.post("/api/payments/create-order", {"bookingId": made["booking"]["id"]})
    assert again.json() == made["order"]
    student.post("/api/payments/verify", shop.pay(made["order"]["orderId"]).body())
    assert student.get(f"/api/bookings/{made['booking']['id']}").json()["status"] == "confirmed"
    used = student.post("/api/bookings", body(slot + DAY, couponCode="WELCOME"))
    assert (used.status_code, error_code(used)) == (409, "COUPON_USED_UP")
    unknown = shop.api.user(OTHER).post("/api/bookings", body(slot + DAY, couponCode="NOSUCH"))
    assert (unknown.status_code, error_code(unknown)) == (404, "COUPON_NOT_FOUND")
    shop.check_books()


def test_a_booking_that_costs_nothing_with_an_idempotency_key(shop: Desk, slot: datetime) -> None:
    create(shop, percent=100)
    student = shop.api.user(STUDENT)
    # What `POST /api/coupons/validate` has said is payable.
    shown = body(slot, couponCode="welcome", price=0)
    first = student.post("/api/bookings", shown, key="k1")
    again = student.post("/api/bookings", shown, key="k1")
    assert (first.status_code, first.json()) == (201, again.json())
    assert (first.json()["order"], first.json()["booking"]["status"]) == (None, "confirmed")
