"""Four products at once on one running stack: the same expert, the same two wallets, each product by its own paths and
events, through the clients that its frontend uses; in the end the books are right. And an expert whom one product keeps
busy is to be had by none of the others.
"""

import io
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
import requests
from rich.console import Console

from konnect import clock
from konnect.bookings import repository, settlement
from konnect.calendar import service as calendar
from konnect.calendar.service import Reservation
from konnect.context import context
from konnect.store import Tx
from local import reconcile
from local.clients import FirebaseClients
from local.person import CallError, Person, wait_until
from tests import people
from tests.bookings.test_stack import WEEK, book, open_slot
from tests.journeys.test_mentor_connect import bring, paid
from tests.signaling.conftest import Seat, clients, seat, urls

__all__ = ["clients", "seat", "urls"]
Env = dict[str, str]
T = TypeVar("T")
BUSY = {"EXPERT_BUSY", "ALREADY_IN_SESSION", "BOOKED_SOON", "SLOT_TAKEN"}
"""What a product answers while another one has the expert, or the user."""
PATIENCE_S = 150
RUPEES, PER_MIN, COURSE = 2000, 10, 500
QUESTION = {"text": "What moves like an L?", "options": ["Rook", "Knight"], "answer": 1}
LESSON = {"title": "How the knight moves", "article": "Two ahead, one aside."}
WRITTEN = {
    "title": "Chess from the first move",
    "description": "The pieces, and what they are for.",
    "category": "Games",
    "price": COURSE,
    "sections": [
        {"title": "The pieces", "lectures": [LESSON], "quizzes": [{"title": "Moves", "questions": [QUESTION]}]}
    ],
}


@dataclass
class Town:
    """An expert in all four products, and two users with money; each has a page open."""

    env: Env
    admin: Person
    asha: Person
    meera: Person
    kabir: Person
    seats: dict[str, Seat]

    def at(self, person: Person) -> Seat:
        return self.seats[person.uid]


@pytest.fixture
def town(stack_env: Env, seat: Callable[..., Seat], urls: tuple[str, str]) -> Town:
    asha = people.expert(stack_env, "Asha", pricePerMin=PER_MIN)
    asha.call("PUT", "/api/mentors/profile", {"pricing": {"30": 600, "60": 1000}})
    asha.call("PUT", "/api/mentors/availability", {"availability": WEEK, "timeZone": "Asia/Kolkata"})
    meera, kabir = (people.user(stack_env, name, rupees=RUPEES) for name in ("Meera", "Kabir"))
    places = ((asha, urls[1]), (meera, urls[0]), (kabir, urls[1]))
    seats = {person.uid: seat(person, url).connect() for person, url in places}
    assert "error" not in seats[asha.uid].call("register", {"userType": "expert"})
    return Town(stack_env, people.admin(stack_env), asha, meera, kabir, seats)


@pytest.fixture
def firebase(stack_env: Env) -> Iterator[FirebaseClients]:
    with FirebaseClients(stack_env) as clients:
        yield clients


def patiently(call: Callable[[], T]) -> T:
    """Again until nobody is busy with another product any more, as a person would."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call()
        except CallError as refused:
            if refused.code not in BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def ask_to_talk(user: Seat, expert: Person) -> dict[str, Any]:
    """By the minute: {chatId} of what has begun, or {queued, position}. Raises CallError."""
    ack: dict[str, Any] = user.call("request-chat", {"expertId": expert.uid})
    if "error" in ack:
        refused = requests.Response()
        refused.status_code, refused.raw = 409, io.BytesIO(json.dumps(ack).encode())
        raise CallError(refused)
    return ack


def all_at_once(*journeys: Callable[[], T]) -> list[T]:
    """Each in a thread, begun together. Raises the first error."""
    barrier = threading.Barrier(len(journeys))

    def begin(journey: Callable[[], T]) -> T:
        barrier.wait()
        return journey()

    with ThreadPoolExecutor(len(journeys)) as pool:
        return [one.result() for one in [pool.submit(begin, journey) for journey in journeys]]


def konnect(town: Town) -> int:
    """Meera talks with Asha by the minute; what she has paid, in paise."""
    user, expert = town.at(town.meera), town.at(town.asha)
    asked = patiently(lambda: ask_to_talk(user, town.asha))
    # Asha may be busy with another product: then it is the queue's turn.
    chat_id = asked.get("chatId") or user.wait("chat-started", timeout_s=PATIENCE_S)["chatId"]
    expert.wait("chat-started", lambda told: told["chatId"] == chat_id)
    user.call("chat-message", {"chatId": chat_id, "message": "Namaste"})
    assert expert.wait("new-message", lambda told: told["chatId"] == chat_id)["message"] == "Namaste"
    user.wait("billing-update", lambda told: told["chatId"] == chat_id and told["duration"] >= 2, timeout_s=30)
    ended = user.call("end-chat", {"chatId": chat_id})
    assert "error" not in ended, ended
    session = town.meera.get(f"/api/sessions/{chat_id}")
    assert session["totalAmount"] == PER_MIN * session["duration"]
    assert user.wait("chat-ended", lambda told: told["chatId"] == chat_id)["totalCharged"] == session["totalAmount"]
    return round(session["totalAmount"] * 100)


def mentor_connect(town: Town) -> int:
    """Kabir books an hour with Asha and pays by Razorpay, writes; it is held and reviewed; nothing of his wallet."""
    booking_id = paid(town.kabir, book(town.kabir, town.asha, open_slot(town.kabir, town.asha)))
    wait_until("the conversation", lambda: booking_id in [one["id"] for one in conversations(town.kabir)])
    messages = f"/api/conversations/{booking_id}/messages"
    said = town.kabir.post(messages, {"message": "What shall I read?"})
    assert [one["id"] for one in town.asha.get(messages)["items"]] == [said["id"]]
    bring(booking_id, clock.now())
    assert town.asha.call("PUT", f"/api/bookings/{booking_id}/complete")["status"] == "completed"
    town.kabir.post(f"/api/bookings/{booking_id}/review", {"rating": 5, "comment": "Clear and patient."})
    # Of 1,000 INR; for the weekly payout, not in the wallet.
    assert town.asha.get("/api/mentors/dashboard/earnings")["pending"]["amount"] == 780
    return 0


def kundlinow(town: Town) -> int:
    """Kabir consults Asha for half an hour, and ends it soon; what it has cost, in paise."""
    user, expert = town.at(town.kabir), town.at(town.asha)
    wanted = {"userId": town.kabir.uid, "consultantId": town.asha.uid, "durationMinutes": 30}
    consult_id = patiently(lambda: town.kabir.post("/consult/start", wanted))["consultId"]
    town.asha.post(f"/consult/{consult_id}/accept")
    for one in (user, expert):
        joined = one.call("join_consult", {"consultId": consult_id})
    assert joined["status"] == "active"
    user.call("message", {"consultId": consult_id, "message": {"id": "1", "type": "text", "body": "Namaste"}})
    told = expert.wait("message", lambda told: told["consultId"] == consult_id)
    assert told["message"]["body"] == "Namaste"
    receipt = town.kabir.post(f"/consult/{consult_id}/end")
    assert receipt["heldPaise"] == receipt["amountPaise"] + receipt["releasedPaise"] == 30 * PER_MIN * 100
    return int(receipt["amountPaise"])


def skillverse(town: Town) -> int:
    """Asha writes a course; Meera buys it from her wallet and completes it, Kabir by Stripe; Meera and a newcomer teach
    each other; both are in Asha's live class. What Meera's wallet has paid, in paise."""
    nila = newcomer(town.env)
    course = town.asha.post("/api/v1/courses", {**WRITTEN, "status": "pending"})
    decided = town.admin.call("PUT", f"/api/v1/admin/courses/{course['id']}/status", {"status": "published"})
    assert decided["status"] == "published"
    path = f"/api/v1/courses/{course['id']}"
    with pytest.raises(CallError, match="PAYMENT_REQUIRED"):
        town.meera.post(f"{path}/enroll")
    enrolled = town.meera.post(f"{path}/enroll", {"paymentMethod": "wallet", "price": COURSE})
    assert (enrolled["status"], enrolled["pricePaise"]) == ("active", COURSE * 100)
    buy_by_stripe(town.kabir, course["id"])
    learn(town.meera, path)
    exchange(town.meera, nila)
    attend(town, course["id"])
    state = town.meera.get("/api/v1/gamification/me")
    assert {"first_course", "skill_sharer"} <= {badge["id"] for badge in state["badges"]}
    return COURSE * 100


def newcomer(env: Env) -> Person:
    """Somebody who signs up by SkillVerse's own paths."""
    email = f"nila-{secrets.token_hex(5)}@konnect.test"
    account = {"name": "Nila", "email": email, "password": people.PASSWORD, "role": "skillExchanger"}
    made = requests.post(f"{env['API_URL']}/api/v1/users/register", json=account, timeout=60)
    assert made.status_code == 201, made.text
    body = made.json()
    nila = Person(env, email, people.PASSWORD, body["user"]["id"], body["token"], "Nila")
    skills = {"skills": [], "offeredSkills": ["Tabla"], "desiredSkills": ["Hindi"]}
    assert nila.call("PUT", "/api/v1/users/skills", skills)["role"] == "skillExchanger"
    return nila


def buy_by_stripe(buyer: Person, course_id: str) -> None:
    """At Stripe's page; the webhook opens the course, whether or not the page comes back."""
    opened = buyer.post("/api/v1/payments/create-checkout", {"courseId": course_id, "price": COURSE})
    requests.post(opened["url"], data={"outcome": "paid"}, allow_redirects=False, timeout=60).raise_for_status()
    enrolled = "/api/v1/courses/enrolled"
    wait_until("Stripe's webhook", lambda: course_id in [one["courseId"] for one in buyer.get(enrolled)["items"]])
    verified = buyer.post("/api/v1/payments/verify", {"sessionId": opened["sessionId"]})
    assert (verified["status"], verified["enrolled"]) == ("completed", True)


def learn(student: Person, path: str) -> None:
    """The only lecture and its quiz; then there is a certificate that everybody can verify."""
    [section] = student.get(f"{path}/content")["sections"]
    [lecture], [quiz] = section["lectures"], section["quizzes"]
    assert student.get(f"{path}/lectures/{lecture['id']}")["article"] == LESSON["article"]
    assert student.post(f"{path}/progress", {"lectureId": lecture["id"], "completed": True})["progress"] == 100
    answers = [{"questionId": one["id"], "answer": 1} for one in quiz["questions"]]
    taken = student.post(f"{path}/quizzes/{quiz['id']}/attempts", {"answers": answers})
    assert (taken["percent"], taken["courseStatus"]) == (100, "completed")
    shown = requests.get(f"{student.env['API_URL']}/api/v1/certificates/{taken['certificateId']}", timeout=60).json()
    assert (shown["learnerName"], shown["isValid"]) == (student.name, True)
    student.post(f"{path}/reviews", {"rating": 5, "comment": "Short and clear."})


def exchange(requester: Person, provider: Person) -> None:
    """Hindi for Tabla: asked, agreed, written about, completed by both, and rated."""
    wanted = {"providerId": provider.uid, "offeredSkill": "Hindi", "requestedSkill": "Tabla"}
    one = f"/api/v1/skill-exchanges/{requester.post('/api/v1/skill-exchanges', wanted)['id']}"
    assert provider.call("PUT", f"{one}/accept", {"agreeToTerms": True})["status"] == "accepted"

    def say() -> bool:
        # The conversation is opened by a trigger.
        return requester.response("POST", f"{one}/message", {"message": "Shall we begin on Sunday?"}).ok

    wait_until("the conversation", say)
    requester.call("PUT", f"{one}/complete")
    assert provider.call("PUT", f"{one}/complete")["status"] == "completed"
    provider.post(f"{one}/feedback", {"rating": 5, "endorse": True})


def attend(town: Town, course_id: str) -> None:
    """A class of Asha's, for the course's students."""
    host, learner = town.at(town.asha), town.at(town.meera)
    session_id = patiently(lambda: plan_class(town.asha, course_id))["id"]
    path = f"/api/v1/live-sessions/{session_id}"
    place = patiently(lambda: town.asha.post(f"{path}/join"))
    assert (place["role"], place["session"]["status"]) == ("host", "live")
    assert town.meera.post(f"{path}/join")["state"] == "open"
    for one in (host, learner):
        assert "error" not in one.call("join_session", session_id)
    learner.call("session_message", {"sessionId": session_id, "message": "Why is it called a knight?"})
    asked = host.wait("new_session_message", lambda told: told["sessionId"] == session_id)
    assert asked["message"] == "Why is it called a knight?"
    assert town.asha.call("PUT", path, {"status": "ended"})["status"] == "ended"


def plan_class(host: Person, course_id: str | None = None) -> dict[str, Any]:
    """Of 15 minutes, in a moment."""
    at = clock.iso(clock.now() + timedelta(seconds=10))
    planned = {"title": "Knights, live", "scheduledAt": at, "durationMins": 15, "courseId": course_id}
    return dict(host.post("/api/v1/live-sessions", planned))


def conversations(person: Person) -> list[dict[str, Any]]:
    return list(person.get("/api/conversations")["items"])


def paise_of(person: Person) -> int:
    return int(person.get("/api/wallet")["balancePaise"])


def prove_the_books(env: Env) -> None:
    shown = io.StringIO()
    reconcile.show(reconcile.of_stack(env), Console(file=shown, width=120))
    assert "reconcile: ok" in shown.getvalue(), shown.getvalue()


def test_all_at_once(town: Town, firebase: FirebaseClients) -> None:
    firebase.sign_in("meera", town.meera.email, town.meera.password)
    firebase.listen("meera", f"wallets/{town.meera.uid}", "wallet")
    journeys = (konnect, mentor_connect, kundlinow, skillverse)
    by_minute, _, consult, course = all_at_once(*(partial(journey, town) for journey in journeys))
    left_paise = RUPEES * 100 - by_minute - course
    assert (paise_of(town.meera), paise_of(town.kabir)) == (left_paise, RUPEES * 100 - consult)

    # What was sold in all products but bookings, which are paid out by the week, is in one wallet.
    earnings = town.asha.get("/api/wallet/transactions?type=earning&limit=100")["items"]
    assert len(earnings) == len(["a session", "a consult", "a course", "a course"])
    assert paise_of(town.asha) == sum(one["amountPaise"] for one in earnings)
    seen = firebase.wait_for("meera", "wallet", lambda shown: shown["data"]["balancePaise"] == left_paise)
    balances = [one.args[0]["data"]["balancePaise"] for one in firebase.events("meera", "wallet")]
    assert seen is not None
    assert balances == sorted(balances, reverse=True)
    prove_the_books(town.env)


def test_busy_for_one_is_busy_for_all(town: Town) -> None:
    asha, meera, kabir = town.asha, town.meera, town.kabir
    wanted = {"userId": kabir.uid, "consultantId": asha.uid, "durationMinutes": 30}

    def refused(call: Callable[[], Any]) -> str:
        with pytest.raises(CallError) as error:
            call()
        return error.value.code

    def consult() -> str:
        return refused(lambda: kabir.post("/consult/start", wanted))

    def live() -> str:
        return refused(lambda: plan_class(asha))

    def talk() -> bool:
        """Whether Meera has to wait; then she doesn't."""
        waits = bool(ask_to_talk(town.at(meera), asha).get("queued"))
        town.at(meera).call("leave-queue", {"expertId": asha.uid})
        return waits

    chat_id = ask_to_talk(town.at(meera), asha)["chatId"]
    assert (consult(), live()) == ("EXPERT_BUSY", "EXPERT_BUSY")
    town.at(meera).call("end-chat", {"chatId": chat_id})

    consult_id = kabir.post("/consult/start", wanted)["consultId"]
    asha.post(f"/consult/{consult_id}/accept")
    assert (talk(), live()) == (True, "SLOT_TAKEN")
    assert refused(lambda: ask_to_talk(town.at(kabir), asha)) == "ALREADY_IN_SESSION"
    kabir.post(f"/consult/{consult_id}/end")

    session_id = plan_class(asha)["id"]
    assert asha.post(f"/api/v1/live-sessions/{session_id}/join")["session"]["status"] == "live"
    assert (talk(), consult()) == (True, "EXPERT_BUSY")
    asha.call("PUT", f"/api/v1/live-sessions/{session_id}", {"status": "ended"})

    booking_id = paid(kabir, book(kabir, asha, open_slot(kabir, asha)))
    bring(booking_id, clock.now())
    context().run(lambda tx: keep_calendar(tx, booking_id))
    assert (talk(), live()) == (True, "SLOT_TAKEN")
    assert consult() in {"EXPERT_BUSY", "BOOKED_SOON"}
    asha.call("PUT", f"/api/bookings/{booking_id}/complete")

    # Nobody has kept anything.
    chat_id = patiently(lambda: ask_to_talk(town.at(meera), asha))["chatId"]
    town.at(meera).call("end-chat", {"chatId": chat_id})
    prove_the_books(town.env)


def keep_calendar(tx: Tx, booking_id: str) -> None:
    """What was brought forward takes its time there, too."""
    booking = repository.get(tx, booking_id)
    taken = Reservation(booking_id, booking["scheduledAt"], booking["endsAt"], settlement.KIND)
    calendar.reserve(tx, booking["participants"], taken, now=clock.now())
