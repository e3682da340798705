"""Applications of mentors, decided by admins on a running stack: role, mails, list."""

from collections.abc import Mapping

import pytest
import requests

from konnect import clock
from local.person import CallError, Person, wait_until
from tests import people
from tests.mentors.conftest import APPLICATION


def applicant(env: Mapping[str, str], name: str = "Asha Rao") -> Person:
    asha = people.person(env, name.split()[0])
    asha.post("/api/mentors/apply", {**APPLICATION, "name": name})
    return asha


def subjects(env: Mapping[str, str], to: str) -> list[str]:
    found = requests.get(f"{env['MAIL_URL']}/api/messages", params={"to": to}, timeout=60).json()
    return [message["subject"] for message in found["items"]]


def path(of: Person, verb: str) -> str:
    return f"/api/admin/mentors/{of.uid}/{verb}"


def test_approved(stack_env: dict[str, str]) -> None:
    asha, admin, meera = applicant(stack_env), people.admin(stack_env), people.person(stack_env, "Meera")
    with pytest.raises(CallError, match="403"):
        asha.call("PUT", "/api/mentors/profile", {"headline": "X"})
    waiting = admin.get("/api/admin/mentor-applications?status=pending&limit=100")["items"]
    [mine] = [one for one in waiting if one["id"] == asha.uid]
    assert (mine["applicationStatus"], mine["pricing"]) == ("pending", {"30": 499, "60": 899})
    assert mine["onboardingData"]["linkedinUrl"] == APPLICATION["linkedinUrl"]
    for _ in range(2):
        approved = admin.call("PUT", path(asha, "approve"), {})
        assert (approved["applicationStatus"], approved["refreshToken"]) == ("approved", True)
    with pytest.raises(CallError, match="ALREADY_DECIDED"):
        admin.call("PUT", path(asha, "reject"), {"reason": "No."})
    asha.sign_in()
    edited = asha.call("PUT", "/api/mentors/profile", {"headline": "Staff Engineer"})
    assert edited["applicationStatus"] == "approved"
    slug = edited["slug"]
    assert meera.get(f"/api/mentors/{slug}")["headline"] == "Staff Engineer"
    wait_until("the mail", lambda: "Your application is approved" in subjects(stack_env, asha.email))
    query = "/api/mentors?company=google&expertise=DSA&limit=100"

    def listed() -> list[str]:
        return [one["headline"] for one in meera.get(query)["items"] if one["id"] == asha.uid]

    wait_until("the list", lambda: listed() == ["Staff Engineer"])


def test_rejected_and_applied_again(stack_env: dict[str, str]) -> None:
    ravi, admin = applicant(stack_env, "Ravi Nair"), people.admin(stack_env)
    with pytest.raises(CallError) as refused:
        admin.call("PUT", path(ravi, "reject"), {})
    assert (refused.value.status, refused.value.details[0]["field"]) == (400, "reason")
    for _ in range(2):
        rejected = admin.call("PUT", path(ravi, "reject"), {"reason": "The profile is private."})
        assert (rejected["applicationStatus"], rejected["refreshToken"]) == ("rejected", False)
    assert rejected["onboardingData"]["rejectionReason"] == "The profile is private."
    with pytest.raises(CallError, match="ALREADY_DECIDED"):
        admin.call("PUT", path(ravi, "approve"), {})
    wait_until("the mail", lambda: "Your application was not approved" in subjects(stack_env, ravi.email))
    again = ravi.post("/api/mentors/apply", {**APPLICATION, "name": "Ravi Nair", "headline": "SDE-3"})
    assert (again["applicationStatus"], again["headline"]) == ("pending", "SDE-3")
    assert again["slug"] == rejected["slug"]


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_who(stack_env: dict[str, str], verb: str) -> None:
    asha, admin = applicant(stack_env), people.admin(stack_env)
    body = {"reason": "No."}
    url = stack_env["API_URL"] + path(asha, verb)
    assert requests.put(url, json=body, timeout=60).status_code == 401
    with pytest.raises(CallError, match="403"):
        asha.call("PUT", path(asha, verb), body)
    with pytest.raises(CallError, match="404"):
        admin.call("PUT", f"/api/admin/mentors/nobody/{verb}", body)


def test_the_triggers_of_a_running_stack(stack_env: dict[str, str]) -> None:
    """A booking that the mentor calls off, and an answer in its conversation."""
    week = [{"dayOfWeek": day, "slots": [{"start": "00:00", "end": "24:00"}]} for day in range(7)]
    asha, admin, meera = people.person(stack_env, "Asha"), people.admin(stack_env), people.person(stack_env, "Meera")
    asha.post("/api/mentors/apply", {**APPLICATION, "availability": week})
    admin.call("PUT", path(asha, "approve"), {})
    asha.sign_in()
    found = meera.get(f"/api/mentors/{asha.uid}/slots?duration=30")
    slot = found["items"][-1]["startsAt"]
    wanted = {"mentorId": asha.uid, "scheduledAt": slot, "duration": 30, "topic": "Mock Interview"}
    made = meera.post("/api/bookings", wanted)
    meera.post("/api/payments/verify", meera.pay(made["order"]["orderId"]))
    booking_id = made["booking"]["id"]
    url = f"/api/conversations/{booking_id}/messages"
    wait_until("the conversation", lambda: meera.response("GET", url).ok)
    for person, text in ((meera, "Hello"), (asha, "Welcome")):
        person.post(url, {"message": text})
    stats = "/api/mentors/dashboard/stats"
    wait_until("the answer", lambda: asha.get(stats)["responseMins"] is not None)
    assert asha.get(stats)["upcomingBookings"] == 1
    asha.call("PUT", f"/api/bookings/{booking_id}/cancel", {"reason": "I am ill."})
    wait_until("the cancellation", lambda: asha.get(stats)["cancellationRate"] == 100)
    assert asha.get(stats)["upcomingBookings"] == 0
    day = clock.now().date().isoformat()
    assert meera.response("GET", f"/api/mentors?availability={day}&company=Google").ok
