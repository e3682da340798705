"""A subscription over the running stack: HTTP, Razorpay's webhooks, Cloud Tasks, rules, mail, and a free session."""

from typing import Any

import requests

from local.person import Person, wait_until
from tests import people
from tests.bookings.test_stack import TIMEOUT_S, open_slot, ravi, subjects

__all__ = ["ravi"]

Env = dict[str, str]


def pay(person: Person, subscription_id: str) -> dict[str, Any]:
    """At Razorpay's checkout."""
    url = f"{person.env['RAZORPAY_URL']}/sandbox/subscriptions/{subscription_id}/pay"
    answer = requests.post(url, json={}, timeout=TIMEOUT_S)
    answer.raise_for_status()
    return dict(answer.json())


def test_subscribed_booked_without_paying_and_cancelled(stack_env: Env, ravi: Person) -> None:
    meera = people.user(stack_env)
    made = meera.post("/api/subscriptions", {"planId": "premium"})
    pay(meera, made["subscriptionId"])
    wait_until("the webhook's task", lambda: meera.get("/api/subscriptions/current")["plan"]["id"] == "premium")
    wait_until("the mail", lambda: "Your Premium plan is active" in subjects(meera))
    body = {"mentorId": ravi.uid, "scheduledAt": open_slot(meera, ravi), "duration": 60, "topic": "System Design"}
    booked = meera.post("/api/bookings", body)
    assert (booked["booking"]["status"], booked["order"]) == ("confirmed", None)
    assert meera.get("/api/subscriptions/current")["minutesLeft"] == 0
    booking_id = booked["booking"]["id"]
    meera.call("PUT", f"/api/bookings/{booking_id}/cancel", {"reason": "I am ill."})
    assert meera.get("/api/subscriptions/current")["minutesLeft"] == 60
    ended = meera.call("DELETE", "/api/subscriptions/current")
    assert (ended["status"], ended["cancelAtPeriodEnd"]) == ("active", True)
    wait_until("the mail", lambda: "Your Premium plan is cancelled" in subjects(meera))
