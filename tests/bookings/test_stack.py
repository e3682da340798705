"""Bookings over the running stack: HTTP, Cloud Tasks, Razorpay's webhooks and refunds, snapshots, mail."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import pytest
import requests

from local.clients import FirebaseClients
from local.person import CallError, Person, wait_until
from tests import people
from tests.support import at_once

Env = dict[str, str]
TIMEOUT_S = 60
WEEK = [{"dayOfWeek": day, "slots": [{"start": "00:00", "end": "24:00"}]} for day in range(7)]


@pytest.fixture
def ravi(stack_env: Env) -> Person:
    """A mentor at 600 and 1,000 INR, at any time."""
    mentor = people.expert(stack_env, "Ravi")
    mentor.call("PUT", "/api/mentors/profile", {"pricing": {"30": 600, "60": 1000}})
    mentor.call("PUT", "/api/mentors/availability", {"availability": WEEK, "timeZone": "America/New_York"})
    return mentor


def open_slot(student: Person, mentor: Person, day: date | None = None) -> str:
    """The first slot of a day, by default the one after tomorrow, as the student's calendar shows it."""
    day = day or (datetime.now(UTC) + timedelta(days=2)).date()
    query = f"from={day}&to={day}&tz=Asia/Kolkata&duration=60"
    return str(student.get(f"/api/mentors/{mentor.uid}/slots?{query}")["items"][0]["local"])


def book(student: Person, mentor: Person, slot: str) -> dict[str, Any]:
    body = {"mentorId": mentor.uid, "scheduledAt": slot, "duration": 60, "topic": "System Design"}
    return dict(student.post("/api/bookings", body))


def subjects(person: Person) -> list[str]:
    query = {"to": person.email}
    found = requests.get(f"{person.env['MAIL_URL']}/api/messages", params=query, timeout=TIMEOUT_S).json()
    return [mail["subject"] for mail in found["items"]]


def status_of(student: Person, booking_id: str) -> str:
    return str(student.get(f"/api/bookings/{booking_id}")["status"])


def test_booked_paid_cancelled_and_paid_back(stack_env: Env, ravi: Person) -> None:
    meera = people.user(stack_env)
    slot = open_slot(meera, ravi)
    made = book(meera, ravi, slot)
    booking_id = made["booking"]["id"]
    meera.pay(made["order"]["orderId"])
    wait_until("the webhook to confirm", lambda: status_of(meera, booking_id) == "confirmed")
    [upcoming] = ravi.get("/api/bookings?as=mentor&when=upcoming")["items"]
    assert (upcoming["id"], upcoming["studentName"]) == (booking_id, "Meera")
    wait_until("the mail", lambda: "Your session is booked" in subjects(meera))
    told = {one["type"] for one in ravi.get("/api/notifications")["items"]}
    assert {"booking_confirmed", "payment_received"} <= told
    ravi.call("PUT", f"/api/bookings/{booking_id}/cancel", {"reason": "I am ill."})
    wait_until(
        "the refund",
        lambda: (meera.get(f"/api/bookings/{booking_id}")["refund"] or {}).get("status") == "processed",
    )
    assert meera.get(f"/api/bookings/{booking_id}")["payment"]["status"] == "refunded"
    assert slot == open_slot(meera, ravi, datetime.fromisoformat(slot).date())


def test_in_both_calendars(stack_env: Env, ravi: Person) -> None:
    meera = people.user(stack_env)
    made = book(meera, ravi, open_slot(meera, ravi))
    booking_id = made["booking"]["id"]
    meera.post("/api/payments/verify", meera.pay(made["order"]["orderId"]))
    feed = meera.post("/api/calendar-feed")["path"]
    [event] = events(requests.get(stack_env["API_URL"] + feed, timeout=TIMEOUT_S).content)
    assert event["UID"].startswith(f"{booking_id}@")
    for person, invited in ((meera, "Your session is booked"), (ravi, "You have a booking")):
        [event] = wait_until("the invitation", lambda person=person, mail=invited: attached(person, mail))
        assert (event["ATTENDEE"], event["STATUS"]) == (f"mailto:{person.email}", "CONFIRMED")
    ravi.call("PUT", f"/api/bookings/{booking_id}/cancel", {"reason": "I am ill."})
    for person in (meera, ravi):
        [event] = wait_until("the cancellation", lambda person=person: attached(person, "A session is cancelled"))
        assert (event["SEQUENCE"], event["STATUS"]) == (1, "CANCELLED")
    assert events(requests.get(stack_env["API_URL"] + feed, timeout=TIMEOUT_S).content) == []
    assert events(meera.response("GET", f"/api/bookings/{booking_id}/calendar.ics").content)[0]["SEQUENCE"] == 1


def events(content: bytes) -> list[Any]:
    return list(icalendar.Calendar.from_ical(content).walk("VEVENT"))


def attached(person: Person, subject: str) -> list[Any]:
    """The events of the invitation in the mail with that subject, once it has come."""
    url = f"{person.env['MAIL_URL']}/api/messages"
    found = requests.get(url, params={"to": person.email}, timeout=TIMEOUT_S).json()["items"]
    mails = [mail for mail in found if mail["subject"] == subject]
    if not mails:
        return []
    assert [file["filename"] for file in mails[0]["attachments"]] == ["invite.ics"]
    return events(requests.get(f"{url}/{mails[0]['id']}/attachments/0", timeout=TIMEOUT_S).content)


def test_a_slot_that_nobody_pays_for_is_free_again(stack_env: Env, ravi: Person) -> None:
    meera, arjun = people.user(stack_env), people.user(stack_env, "Arjun")
    slot = open_slot(meera, ravi)
    made = book(meera, ravi, slot)
    with pytest.raises(CallError) as refused:
        book(arjun, ravi, slot)
    assert refused.value.code == "SLOT_TAKEN"
    wait_until("the hold to end", lambda: status_of(meera, made["booking"]["id"]) == "cancelled", timeout_s=60)
    assert meera.get(f"/api/bookings/{made['booking']['id']}")["statusReason"] == "expired"
    second = book(arjun, ravi, slot)
    arjun.post("/api/payments/verify", arjun.pay(second["order"]["orderId"]))
    # The late payment of the first finds the slot taken.
    late = meera.post("/api/payments/verify", meera.pay(made["order"]["orderId"]))
    assert late["bookingStatus"] == "cancelled"
    wait_until(
        "the refund",
        lambda: meera.get(f"/api/bookings/{made['booking']['id']}")["payment"]["status"] == "refunded",
    )


def test_many_at_once_for_one_slot(stack_env: Env, ravi: Person) -> None:
    students = [people.user(stack_env, f"Student{n}") for n in range(8)]
    slot = open_slot(students[0], ravi)
    made = at_once(len(students), lambda n: book(students[n], ravi, slot))
    assert [isinstance(one, dict) for one in made].count(True) == 1
    assert {one.code for one in made if isinstance(one, CallError)} == {"SLOT_TAKEN"}


def test_both_see_it_by_snapshot(stack_env: Env, ravi: Person) -> None:
    meera = people.user(stack_env)
    made = book(meera, ravi, open_slot(meera, ravi))
    # Before the clients are there, which may take longer than the twenty seconds that the slot is held.
    meera.post("/api/payments/verify", meera.pay(made["order"]["orderId"]))
    path = f"bookings/{made['booking']['id']}"
    with FirebaseClients(stack_env) as clients:
        for name, person in (("meera", meera), ("ravi", ravi)):
            clients.sign_in(name, person.email, person.password)
            clients.listen(name, path, "booking")
            clients.wait_for(name, "booking", lambda shown: shown["data"]["status"] == "confirmed")
        assert clients.get("ravi", f"{path}/private/terms")["data"]["mentorPaise"] == 780_00
        ravi.call("PUT", f"/api/bookings/{made['booking']['id']}/cancel", {"reason": "I am ill."})
        for name in ("meera", "ravi"):
            clients.wait_for(name, "booking", lambda shown: shown["data"]["status"] == "cancelled")
