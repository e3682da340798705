"""A live class over the running stack, through the stock clients: a host and learners on two instances."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from konnect import clock
from local.person import Person
from tests import people
from tests.signaling.conftest import Seat, clients, seat, urls, wait_until

__all__ = ["clients", "seat", "urls"]
BASE = "/api/v1/live-sessions"


@pytest.fixture(scope="module")
def asha(stack_env: dict[str, str]) -> Person:
    return people.expert(stack_env, "Asha")


@pytest.fixture(scope="module")
def meera(stack_env: dict[str, str]) -> Person:
    return people.user(stack_env, "Meera")


def code(ack: Any) -> Any:
    return ack["error"]["code"]


def plan(host: Person, minutes: float, **fields: Any) -> str:
    """In so many minutes of two seconds."""
    at = clock.iso(clock.now() + timedelta(seconds=2 * minutes))
    body = {"title": "Recursion, live", "category": "Programming", "scheduledAt": at, "durationMins": 60, **fields}
    return str(host.post(BASE, body)["id"])


def test_a_class(
    seat: Callable[..., Seat], urls: tuple[str, str], asha: Person, meera: Person, stack_env: dict[str, str]
) -> None:
    session_id = plan(asha, 10, maxParticipants=2)
    one = f"{BASE}/{session_id}"
    assert session_id in [found["id"] for found in meera.get(f"{BASE}?category=Programming&limit=100")["items"]]
    assert meera.get(one)["host"]["uid"] == asha.uid
    host, learner = seat(asha, urls[0]).connect(), seat(meera, urls[1]).connect()

    # Before it is open: a place is kept, and its room tells what becomes of it.
    waiting = learner.call("join_session", session_id)
    assert (waiting["sessionId"], waiting["state"], waiting["participants"]) == (session_id, "registered", [])
    early = learner.call("session_message", {"sessionId": session_id, "message": "hello?"})
    assert code(early) == "SESSION_NOT_OPEN"
    asha.call("PUT", one, {"description": "Bring a pen"})
    told = learner.wait("session_update", lambda update: update["session"]["description"] == "Bring a pen")
    assert (told["sessionId"], told["session"]["status"]) == (session_id, "scheduled")

    # The host opens it, up to ten minutes before its time.
    opened = host.call("join_session", session_id)
    assert (opened["status"], opened["session"]["hostPresent"]) == ("live", True)
    assert host.wait("participant_joined")["userId"] == asha.uid
    learner.wait("session_update", lambda update: update["session"]["status"] == "live")
    joined = learner.call("join_session", session_id)
    assert (joined["state"], [one["userId"] for one in joined["participants"]]) == ("open", [asha.uid, meera.uid])
    came = host.wait("participant_joined", lambda told: told["userId"] == meera.uid)
    assert came == {**came, "sessionId": session_id, "name": "Meera", "role": "learner"}
    place = meera.post(f"{one}/join")
    assert (place["state"], place["role"], bool(place["url"])) == ("open", "learner", True)

    # What is said: to all in the room, once, and again to who comes later.
    said = {"sessionId": session_id, "message": "Why does it end?", "kind": "question", "userId": asha.uid}
    sent = learner.call("session_message", {**said, "clientMessageId": "c1"})
    assert (sent["userId"], sent["senderName"], sent["kind"]) == (meera.uid, "Meera", "question")
    assert learner.call("session_message", {**said, "message": "changed", "clientMessageId": "c1"}) == sent
    for listener in (host, learner):
        heard = listener.wait("new_session_message")
        assert heard == {"eventId": sent["id"], **sent}
        assert len(listener.seen("new_session_message")) == 1
    assert code(host.call("session_message", {"sessionId": session_id, "message": " "})) == "INVALID_INPUT"
    assert code(host.call("join_session", {"sessionId": session_id})) == "INVALID_INPUT"

    # Strangers: nowhere without a place; the last place is the last.
    eve, mallory = (seat(people.user(stack_env, name), urls[0]).connect() for name in ("Eve", "Mallory"))
    for event, payload in (("leave_session", session_id), ("session_message", {**said})):
        assert code(eve.call(event, payload)) == "NOT_A_PARTICIPANT", event
    assert [one["message"] for one in eve.call("join_session", session_id)["messages"]] == ["Why does it end?"]
    assert code(mallory.call("join_session", session_id)) == "SESSION_FULL"
    assert code(mallory.call("join_session", "nothing")) == "LIVE_SESSION_NOT_FOUND"
    assert mallory.seen("new_session_message") == mallory.seen("session_update") == []

    # Who goes: by a word, on all devices, and by a line that is lost.
    other = seat(meera, urls[0]).connect()
    assert other.call("join_session", session_id)["state"] == "open"
    gone = learner.call("leave_session", session_id)
    assert gone == {"sessionId": session_id, "status": "live"}
    for device in (host, learner, other):
        device.wait("participant_left", lambda told: told["userId"] == meera.uid)
    host.call("session_message", {"sessionId": session_id, "message": "Gone?"})
    eve.wait("new_session_message", lambda told: told["message"] == "Gone?")
    asha.call("PUT", one, {"description": "Bring two pens"})
    eve.wait("session_update", lambda update: update["session"]["description"] == "Bring two pens")
    for device in (learner, other):
        assert "Gone?" not in [told["message"] for told in device.seen("new_session_message")]
    assert code(learner.call("session_message", said)) == "NOT_A_PARTICIPANT"
    eve.clients.drop(eve.name)
    host.wait("participant_left", lambda told: told["userId"] == eve.uid)
    there = {one["userId"]: one for one in asha.get(f"{one}/participants")["items"]}
    assert {uid for uid, place in there.items() if place["present"]} == {asha.uid}
    assert there[meera.uid]["stays"][0]["leftAt"] is not None
    assert meera.post(f"{one}/leave")["status"] == "live"
    assert [said["message"] for said in meera.get(f"{one}/messages")["items"]] == ["Gone?", sent["message"]]

    host.clients.drop(host.name)
    wait_until(lambda: not meera.get(one)["hostPresent"])
    host.connect()
    assert host.call("join_session", session_id)["session"]["hostPresent"] is True

    # Its end.
    ended = asha.call("PUT", one, {"status": "ended"})
    assert (ended["status"], ended["endReason"]) == ("ended", "host-ended")
    host.wait("session_update", lambda update: update["session"]["attendedCount"] == 2, timeout_s=60)
    assert code(learner.call("join_session", session_id)) == "SESSION_ENDED"
    assert session_id in [found["id"] for found in meera.get(f"{BASE}?mine=attending")["items"]]
    called_off = plan(asha, 1000)
    assert asha.call("DELETE", f"{BASE}/{called_off}?reason=ill")["cancellationReason"] == "ill"
