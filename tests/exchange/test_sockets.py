"""An exchange over the running stack, through the stock clients: its two on two instances."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from konnect import clock
from local.person import Person
from tests import people
from tests.signaling.conftest import Seat, clients, seat, urls, wait_until

__all__ = ["clients", "seat", "urls"]
BASE = "/api/v1/skill-exchanges"
ACCEPTED = {"agreeToTerms": True}
TEXT = b"Am F C G"


@pytest.fixture(scope="module")
def asha(stack_env: dict[str, str]) -> Person:
    return people.person(stack_env, "Asha")


@pytest.fixture(scope="module")
def ravi(stack_env: dict[str, str]) -> Person:
    return people.person(stack_env, "Ravi")


def code(ack: Any) -> Any:
    return ack["error"]["code"]


def test_an_exchange(
    seat: Callable[..., Seat], urls: tuple[str, str], asha: Person, ravi: Person, stack_env: dict[str, str]
) -> None:
    requester, provider = seat(asha, urls[0]).connect(), seat(ravi, urls[1]).connect()
    skill = f"Guitar {asha.uid}"
    terms = {"commitmentHours": 10, "sessionFrequency": "weekly", "cancellationPolicy": "A day before."}
    made = asha.post(BASE, {"offeredSkill": "Python", "requestedSkill": skill, "message": "Evenings?", "terms": terms})
    exchange_id = str(made["id"])
    one = f"{BASE}/{exchange_id}"
    room = {"roomId": exchange_id}
    assert [offer["id"] for offer in ravi.get(f"{BASE}?requestedSkill={skill}")["items"]] == [exchange_id]
    assert code(requester.call("join_room", exchange_id)) == "ROOM_NOT_FOUND"
    assert ravi.call("PUT", f"{one}/accept", ACCEPTED)["conversationId"] == exchange_id
    requester.wait("exchange_updated", lambda told: (told["exchangeId"], told["status"]) == (exchange_id, "accepted"))

    # Its room: by the id alone, and with what was missed.
    for one_of_them in (requester, provider):
        assert one_of_them.call("join_room", exchange_id) == {"roomId": exchange_id, "canWrite": True, "unreadCount": 0}
    sent = requester.call("send_message", {**room, "message": "Hello", "senderId": ravi.uid, "clientMessageId": "m1"})
    assert (sent["message"]["senderId"], sent["message"]["content"]) == (asha.uid, "Hello")
    assert requester.call("send_message", {**room, "message": "Changed", "clientMessageId": "m1"}) == sent
    for one_of_them in (requester, provider):
        came = one_of_them.wait("receive_message", lambda told: told["roomId"] == exchange_id)
        assert {name: value for name, value in came.items() if name != "eventId"} == sent["message"]
    by_http = ravi.post(f"{one}/message", {"message": "Namaste"})
    assert requester.wait("receive_message", lambda told: told["id"] == by_http["id"])["senderId"] == ravi.uid
    listed = asha.get(f"/api/conversations/{exchange_id}/messages")["items"]
    assert [message["message"] for message in listed] == ["Namaste", "Hello"]
    missed = requester.call("join_room", {**room, "lastMessageId": sent["message"]["id"]})
    assert ([message["id"] for message in missed["missed"]], missed["unreadCount"]) == ([by_http["id"]], 1)

    # A file, once the trigger has made the conversation.
    def chats() -> list[Any]:
        found = asha.get("/api/conversations")["items"]
        return [chat for chat in found if (chat["id"], chat["exchangeId"]) == (exchange_id, exchange_id)]

    [chat] = wait_until(chats)
    assert (chat["type"], chat["expertId"]) == ("exchange", None)
    file = {"purpose": "attachment", "contentType": "text/plain", "size": len(TEXT), "fileName": "chords.txt"}
    upload = asha.post("/api/uploads", {**file, "sessionId": exchange_id})
    assert requests.put(upload["url"], data=TEXT, headers=upload["headers"], timeout=60).status_code == 200
    shared = requester.call("send_message", {**room, "attachmentId": upload["id"]})["message"]
    assert (shared["type"], shared["attachment"]["fileName"]) == ("file", "chords.txt")
    assert ravi.get(shared["attachment"]["url"])["contentType"] == "text/plain"

    assert requester.call("typing", {**room, "isTyping": True}) == {"roomId": exchange_id}
    typing = provider.wait("user_typing", lambda told: told["roomId"] == exchange_id)
    assert (typing["userId"], typing["isTyping"]) == (asha.uid, True)
    assert requester.seen("user_typing") == []

    # A stranger gets nowhere.
    eve = seat(people.person(stack_env, "Eve"), urls[0]).connect()
    for event, payload in (
        ("join_room", exchange_id),
        ("join_room", room),
        ("send_message", {**room, "message": "I"}),
        ("typing", {**room, "isTyping": True}),
    ):
        assert code(eve.call(event, payload)) == "NOT_A_PARTICIPANT", event
    for event, payload in (("join_room", "nothing"), ("send_message", {"roomId": "nothing", "message": "I"})):
        assert code(eve.call(event, payload)) == "ROOM_NOT_FOUND", event
    for wrong in (None, "", "../x", 7, {}, {"roomId": 7}):
        assert code(eve.call("join_room", wrong)) == "INVALID_INPUT", wrong
    assert code(requester.call("send_message", {**room, "message": "x" * 5001})) == "MESSAGE_TOO_LONG"

    # Sessions, and the end that both say it has come to.
    begins = clock.iso(clock.after(clock.now(), 3600))
    planned = asha.post(f"{one}/sessions", {"scheduledAt": begins, "durationMins": 30, "topic": "Chords"})
    session = f"{one}/sessions/{planned['sessions'][0]['id']}"
    assert ravi.get(f"{session}/link")["status"] == "waiting"
    assert ravi.call("PUT", session, {"topic": "A song"})["sessions"][0]["topic"] == "A song"
    assert ravi.call("PUT", f"{one}/milestones", {"milestones": [{"title": "Chords", "isDone": True}]})["milestones"]
    asha.call("PUT", f"{one}/complete")
    assert ravi.call("PUT", f"{one}/complete")["status"] == "completed"
    rated = asha.post(f"{one}/feedback", {"rating": 5, "comment": "Patient", "endorse": True})
    assert rated["provider"]["completedExchanges"] == 1
    assert asha.get(one)["feedback"][0]["rating"] == 5
    told = {note["type"] for note in asha.get("/api/notifications")["items"]}
    assert {"exchange_accepted", "exchange_completed", "badge_earned"} <= told
    assert "error" not in requester.call("send_message", {**room, "message": "Thank you"})


def test_declined_and_left(seat: Callable[..., Seat], urls: tuple[str, str], asha: Person, ravi: Person) -> None:
    wanted = {"providerId": ravi.uid, "offeredSkill": "Chess", "requestedSkill": "Drums"}
    for person in (asha, ravi):
        # Whoever has come by another product becomes a member by what they first do here.
        person.post(BASE, {"offeredSkill": "Chess", "requestedSkill": "Tabla"})
    declined = ravi.call("PUT", f"{BASE}/{asha.post(BASE, wanted)['id']}/reject", {"reason": "No time"})
    assert (declined["status"], declined["note"]) == ("rejected", "No time")
    exchange_id = asha.post(BASE, wanted)["id"]
    ravi.call("PUT", f"{BASE}/{exchange_id}/accept", ACCEPTED)
    requester = seat(asha, urls[0]).connect()
    assert requester.call("join_room", exchange_id)["canWrite"] is True
    assert ravi.call("PUT", f"{BASE}/{exchange_id}/cancel", {"reason": "I move away"})["status"] == "cancelled"
    requester.wait("exchange_updated", lambda told: told["status"] == "cancelled")
    assert code(requester.call("send_message", {"roomId": exchange_id, "message": "Why?"})) == "SESSION_ENDED"
    assert requester.call("join_room", exchange_id)["canWrite"] is False
    own = asha.get(f"{BASE}?mine=true&status=cancelled")["items"]
    assert [one["id"] for one in own] == [exchange_id]
    assert "items" in asha.get(f"{BASE}/matches?desiredSkill=Drums&offeredSkill=Chess")
