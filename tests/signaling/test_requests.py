"""Requests that wait: for an expert who accepts by hand, for the end of a break, in a queue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.store import Database
from local.person import Person
from tests import people
from tests.signaling.conftest import Seat, wait_until


@dataclass
class Desk:
    """A user on the first instance; on the second, an expert of this test's own who accepts by hand."""

    user: Seat
    expert: Seat
    db: Database

    def prefer(self, **settings: bool) -> None:
        self.expert.person.call("PUT", f"/api/experts/{self.expert.uid}", settings)

    def ask(self) -> str:
        """A request to be accepted, the time for which does not run out on a slow machine; its chat's id."""
        before = len(self.expert.seen("chat-request"))
        ack = self.user.call("request-chat", {"expertId": self.expert.uid})
        assert ack == {"queued": True, "position": 1, "pending": True}
        wait_until(lambda: len(self.expert.seen("chat-request")) > before)
        chat_id = str(self.expert.seen("chat-request")[-1]["chatId"])
        self.db.ref("sessions", chat_id).update({"acceptUntil": clock.now() + timedelta(hours=1)})
        return chat_id


@pytest.fixture
def own_expert(stack_env: dict[str, str]) -> Person:
    return people.expert(stack_env, "Bela")


@pytest.fixture
def desk(
    seat: Callable[..., Seat], stack_env: dict[str, str], own_expert: Person, urls: tuple[str, str], stack_db: Database
) -> Desk:
    made = people.user(stack_env, "Kabir", rupees=500)
    desk = Desk(seat(made, urls[0]).connect(), seat(own_expert, urls[1]).connect(), stack_db)
    assert "error" not in desk.expert.call("register", {"userType": "expert"})
    desk.prefer(acceptsByHand=True)
    return desk


def test_accepted(desk: Desk) -> None:
    chat_id = desk.ask()
    asked = desk.expert.wait("chat-request")
    assert (asked["userId"], asked["userName"], asked["type"]) == (desk.user.uid, "Kabir", "chat")
    assert desk.user.wait("queue-joined")["chatId"] == chat_id
    early = desk.user.call("chat-message", {"chatId": chat_id, "message": "hello?"})
    assert "error" in early
    assert desk.user.person.get("/api/wallet")["balance"] == 500
    refused = desk.user.call("accept-chat", {"chatId": chat_id})
    assert refused["error"]["code"] == "NOT_A_PARTICIPANT"
    acks = [desk.expert.call("accept-chat", {"chatId": chat_id}) for _ in range(2)]
    assert acks == [{"chatId": chat_id, "status": "in_progress", "reason": None}] * 2
    for one in (desk.user, desk.expert):
        assert one.wait("chat-started")["chatId"] == chat_id
    assert "id" in desk.user.call("chat-message", {"chatId": chat_id, "message": "hello"})
    desk.expert.call("end-chat", {"chatId": chat_id})
    session = desk.user.person.get(f"/api/sessions/{chat_id}")
    assert (session["status"], session["acceptUntil"] is None) == ("completed", False)
    assert desk.user.person.get("/api/wallet")["balance"] == 500 - session["totalAmount"]


def test_declined(desk: Desk) -> None:
    chat_id = desk.ask()
    ack = desk.expert.call("decline-chat", {"chatId": chat_id, "reason": "in ten\nminutes"})
    assert ack == {"chatId": chat_id, "status": "cancelled", "reason": "declined"}
    ended = desk.user.wait("chat-ended")
    assert (ended["reason"], ended["note"], ended["totalCharged"]) == ("declined", "in ten minutes", 0)
    again = desk.ask()
    assert again != chat_id
    assert desk.expert.call("accept-chat", {"chatId": chat_id})["status"] == "cancelled"


@pytest.mark.parametrize("event", ["leave-queue", "end-chat"])
def test_withdrawn(desk: Desk, event: str) -> None:
    chat_id = desk.ask()
    payload = {"expertId": desk.expert.uid} if event == "leave-queue" else {"chatId": chat_id}
    assert "error" not in desk.user.call(event, payload)
    assert desk.expert.wait("chat-ended")["reason"] == "user-cancelled"
    assert desk.user.person.get(f"/api/sessions/{chat_id}")["endReason"] == "user-cancelled"


def test_not_answered(desk: Desk) -> None:
    """The task comes at its time: five minutes of this stack."""
    assert desk.user.call("request-chat", {"expertId": desk.expert.uid})["pending"]
    back = desk.user.wait("queue-status", lambda told: told.get("reason") == "not-accepted")
    assert (back["position"], back["pending"]) == (1, False)
    assert desk.expert.wait("chat-ended")["onBreak"]
    profile = desk.expert.person.get("/api/experts/me")
    assert (profile["available"], profile["onBreak"], profile["acceptsByHand"]) == (True, True, True)
    first = desk.expert.wait("chat-request")["chatId"]
    desk.prefer(available=True)
    again = desk.expert.wait("chat-request", lambda asked: asked["chatId"] != first)
    assert again["userId"] == desk.user.uid


def test_a_reconnect_finds_what_is_open(desk: Desk, seat: Callable[..., Seat]) -> None:
    chat_id = desk.ask()
    other = seat(desk.expert.person, desk.user.url).connect()
    state = other.call("register", {"userType": "expert"})
    assert state["session"] is None
    assert other.wait("chat-request")["chatId"] == chat_id
    back = seat(desk.user.person, desk.expert.url).connect()
    back.call("register", {})
    told = back.wait("queue-status", lambda told: told.get("chatId") == chat_id)
    assert (told["pending"], told["position"]) == (True, 1)


def test_the_expert_is_gone(desk: Desk, seat: Callable[..., Seat], urls: tuple[str, str]) -> None:
    chat_id = desk.ask()
    desk.expert.clients.disconnect(desk.expert.name)
    told = desk.user.wait("queue-status", lambda told: told.get("reason") == "expert-absent")
    assert not told["pending"]
    back = seat(desk.expert.person, urls[0]).connect()
    back.call("register", {"userType": "expert"})
    assert back.wait("chat-request")["chatId"] != chat_id


def test_a_break(desk: Desk) -> None:
    desk.prefer(acceptsByHand=False, onBreak=True)
    ack = desk.user.call("request-chat", {"expertId": desk.expert.uid})
    assert ack == {"queued": True, "position": 1, "estimatedWaitS": None}
    assert desk.user.wait("queue-joined")["estimatedWaitS"] is None
    desk.prefer(onBreak=False)
    chat_id = desk.user.wait("chat-started")["chatId"]
    desk.user.call("end-chat", {"chatId": chat_id})


@pytest.mark.parametrize(
    ("event", "payload", "field"),
    [
        ("accept-chat", {}, "chatId"),
        ("accept-chat", {"chatId": 5}, "chatId"),
        ("decline-chat", {}, "chatId"),
        ("decline-chat", {"chatId": "nothing", "reason": "x" * 201}, "reason"),
    ],
)
def test_what_is_wrong_is_named(desk: Desk, event: str, payload: dict[str, Any], field: str) -> None:
    refused = desk.expert.call(event, payload)["error"]
    assert (refused["code"], refused["details"][0]["field"]) == ("INVALID_INPUT", field)


@pytest.mark.parametrize("event", ["accept-chat", "decline-chat"])
def test_no_such_request(desk: Desk, event: str) -> None:
    assert desk.expert.call(event, {"chatId": "nothing"})["error"]["code"] == "SESSION_NOT_FOUND"
