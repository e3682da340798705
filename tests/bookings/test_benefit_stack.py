"""A package and a coupon over the running stack: checkout, webhooks, a deleted account, the refund."""

from typing import Any

from konnect.store import Database, Query
from local.person import Person, wait_until
from tests import people

from .test_stack import WEEK, Env, open_slot


def purchase_of(student: Person) -> dict[str, Any]:
    [found] = student.get("/api/packages?mine=true")["items"]
    return dict(found["purchase"])


def test_a_package_and_what_is_left_of_it(stack_env: Env) -> None:
    ravi, meera, admin = people.expert(stack_env, "Ravi"), people.user(stack_env), people.admin(stack_env)
    ravi.call("PUT", "/api/mentors/profile", {"pricing": {"60": 1000}})
    ravi.call("PUT", "/api/mentors/availability", {"availability": WEEK, "timeZone": "Asia/Kolkata"})
    size = {"sessions": 2, "duration": 60, "discountPercent": 20, "validDays": 30}
    [offered] = ravi.call("PUT", "/api/mentors/packages", {"packages": [size]})["items"]
    made = meera.post(f"/api/packages/{offered['id']}/purchase", {"price": 1600})
    meera.pay(made["order"]["orderId"])
    wait_until("the webhook", lambda: purchase_of(meera)["status"] == "active")
    wanted = {"mentorId": ravi.uid, "scheduledAt": open_slot(meera, ravi), "duration": 60, "topic": "System Design"}
    booked = meera.post("/api/bookings", {**wanted, "packagePurchaseId": made["package"]["purchase"]["id"]})
    assert (booked["order"], booked["booking"]["status"], purchase_of(meera)["sessionsLeft"]) == (None, "confirmed", 1)
    ravi.call("PUT", f"/api/bookings/{booked['booking']['id']}/cancel", {"reason": "I am ill."})
    assert purchase_of(meera)["sessionsLeft"] == 2
    code = f"ALL-{meera.uid[:8]}".upper()
    admin.post("/api/admin/coupons", {"code": code, "percent": 100, "maxUses": 1})
    valued = meera.post("/api/coupons/validate", {"code": code, "mentorId": ravi.uid, "duration": 60})
    assert (valued["discount"], valued["payable"]) == (1000, 0)
    free = meera.post("/api/bookings", {**wanted, "couponCode": code})["booking"]
    assert (free["status"], free["benefits"][0]["label"]) == ("confirmed", "Coupon of 100 %")
    assert code not in ravi.response("GET", f"/api/bookings/{free['id']}").text
    meera.call("PUT", f"/api/bookings/{free['id']}/cancel", {"reason": "I can't come."})
    assert admin.call("PUT", f"/api/admin/coupons/{code}", {"isActive": False})["uses"] == 0
    db = Database(stack_env["GOOGLE_CLOUD_PROJECT"])
    meera.call("DELETE", "/api/users/me")
    refunds = Query(("gatewayRefunds",)).filter("uid", "==", meera.uid)
    wait_until("the refund", lambda: [one["status"] for one in refunds.run(db)] == ["processed"])
    assert [(one["amountPaise"], one["reason"]) for one in refunds.run(db)] == [(1600_00, "account-closed")]
