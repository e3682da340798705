"""A claim and a dispute over the running stack: the money comes back by a task and Razorpay, and both are told."""

from datetime import timedelta

from konnect import clock
from konnect.store import Database
from local.person import Person, wait_until
from tests import people
from tests.bookings.test_stack import Env, book, open_slot, ravi

__all__ = ["ravi"]


def told(person: Person) -> set[str]:
    return {one["type"] for one in person.get("/api/notifications?limit=50")["items"]}


def test_a_mentor_who_did_not_come(stack_env: Env, ravi: Person) -> None:
    meera = people.user(stack_env)
    made = book(meera, ravi, open_slot(meera, ravi))
    booking_id = made["booking"]["id"]
    meera.post("/api/payments/verify", meera.pay(made["order"]["orderId"]))
    # Its time comes sooner than a test can wait for.
    begins = clock.now() - timedelta(minutes=5)
    times = {"scheduledAt": begins, "endsAt": begins + timedelta(hours=1)}
    Database(stack_env["GOOGLE_CLOUD_PROJECT"]).set(("bookings", booking_id), times, merge=True)
    assert meera.get(f"/api/bookings/{booking_id}/meeting-link")["status"] == "open"
    # The mentor says that it was held.
    assert ravi.call("PUT", f"/api/bookings/{booking_id}/complete")["status"] == "completed"
    claimed = meera.post(f"/api/bookings/{booking_id}/no-show")
    assert (claimed["status"], claimed["statusReason"]) == ("cancelled", "mentor-no-show")
    said = {"reason": "technical", "description": "I could not get into the call. Please look at the recording."}
    disputed = ravi.post(f"/api/bookings/{booking_id}/dispute", said)
    assert (disputed["dispute"]["status"], disputed["dispute"]["openedBy"]) == ("open", "mentor")
    admin = people.admin(stack_env)
    found = admin.get("/api/admin/disputes?status=open&limit=100")["items"]
    [listed] = [one for one in found if one["id"] == booking_id]
    assert (listed["refundable"], listed["attendance"]["mentor"]) == (0, None)
    ruling = {"decision": "no_refund", "note": "The student was there, and you were not."}
    assert admin.call("PUT", f"/api/admin/disputes/{booking_id}", ruling)["status"] == "resolved"
    assert {"session_not_held", "dispute_decided"} <= told(ravi)
    assert {"session_not_held", "dispute_opened", "dispute_decided"} <= told(meera)
    wait_until(
        "the refund",
        lambda: meera.get(f"/api/bookings/{booking_id}")["payment"]["status"] == "refunded",
    )
