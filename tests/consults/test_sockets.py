"""Consults over the running stack, through the stock clients: two people on two instances."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from konnect.store import Database
from local.person import Person
from tests import people
from tests.signaling.conftest import Seat, clients, seat, stack_db, urls

__all__ = ["clients", "seat", "stack_db", "urls"]
SDP = {"type": "offer", "sdp": "v=0\r\n"}
SIGNALS: list[tuple[str, dict[str, Any]]] = [
    ("call_offer", {"offer": SDP}),
    ("call_answer", {"answer": {"type": "answer", "sdp": "v=0\r\n"}}),
    ("ice_candidate", {"candidate": {"candidate": "candidate:1", "sdpMid": "0"}}),
    ("ice_candidate", {"candidate": None}),
]
PNG = b"\x89PNG\r\n\x1a\n a chart"
# Of two seconds each.
MINUTES = 120


@pytest.fixture(scope="module")
def meera(stack_env: dict[str, str]) -> Person:
    return people.user(stack_env, "Meera", rupees=9000)


@pytest.fixture(scope="module")
def asha(stack_env: dict[str, str]) -> Person:
    return people.expert(stack_env, "Asha")


def code(ack: Any) -> Any:
    return ack["error"]["code"]


def ask(user: Person, consultant: Person) -> str:
    """A consult that is accepted; its id."""
    body = {"userId": user.uid, "consultantId": consultant.uid, "durationMinutes": MINUTES, "price": 10 * MINUTES}
    made = user.post("/consult/start", body)
    assert (made["status"], set(made)) == ("pending", {"consultId", "status", "expiresAt"})
    consult_id = str(made["consultId"])
    assert consultant.post(f"/consult/{consult_id}/accept")["acceptedAt"]
    return consult_id


def upload(person: Person, consult_id: str, content_type: str, data: bytes) -> str:
    wanted = {"purpose": "attachment", "contentType": content_type, "size": len(data), "fileName": "chart"}
    made = person.post("/api/uploads", {**wanted, "sessionId": consult_id})
    assert requests.put(made["url"], data=data, headers=made["headers"], timeout=60).status_code == 200
    return str(made["id"])


def test_a_consult(
    seat: Callable[..., Seat],
    urls: tuple[str, str],
    meera: Person,
    asha: Person,
    stack_env: dict[str, str],
    stack_db: Database,
) -> None:
    user, expert = seat(meera, urls[0]).connect(), seat(asha, urls[1]).connect()
    before_paise = meera.get("/api/wallet")["balancePaise"]
    consult_id = ask(meera, asha)
    assert meera.get("/api/wallet")["balancePaise"] == before_paise - 1000 * MINUTES
    expert.wait("consult_updated", lambda told: told["status"] == "pending")

    # Who comes first waits.
    joined = user.call("join_consult", {"consultId": consult_id, "userId": asha.uid})
    assert joined == {"consultId": consult_id, "status": "pending", "reason": None}
    early = user.call("message", {"consultId": consult_id, "message": {"id": "m0", "body": "hello?"}})
    assert code(early) == "CONSULT_NOT_ACTIVE"
    assert code(user.call("typing", {"consultId": consult_id, "isTyping": True})) == "CONSULT_NOT_ACTIVE"
    assert expert.call("join_consult", {"consultId": consult_id})["status"] == "active"
    begun = user.wait("consult_updated", lambda told: told["status"] == "active")
    assert (begun["consultId"], begun["user"]["joined"], begun["consultant"]["joined"]) == (consult_id, True, True)
    assert asha.get(f"/consult/{consult_id}")["birth"] is None

    # Messages: a repeat is the first.
    message = {"id": "m1", "senderId": asha.uid, "type": "text", "body": "Namaste", "createdAt": "1990-01-01T00:00:00Z"}
    sent = user.call("message", {"consultId": consult_id, "message": message})
    assert (sent["consultId"], sent["clientId"]) == (consult_id, "m1")
    assert user.call("message", {"consultId": consult_id, "message": {**message, "body": "changed"}}) == sent
    came = expert.wait("message", lambda told: told["consultId"] == consult_id)
    assert came["message"] == sent["message"]
    assert (came["message"]["senderId"], came["message"]["body"]) == (meera.uid, "Namaste")
    assert user.seen("message") == []
    image = upload(meera, consult_id, "image/png", PNG)
    shown = user.call("message", {"consultId": consult_id, "message": {"id": "m2", "type": "image", "body": image}})
    assert (shown["message"]["type"], shown["message"]["body"]) == ("image", f"/api/uploads/{image}")
    assert expert.wait("message", lambda told: told["message"]["type"] == "image")["message"] == shown["message"]
    assert asha.get(shown["message"]["body"])["contentType"] == "image/png"
    voice = upload(meera, consult_id, "audio/webm", b"\x1aE\xdf\xa3")
    for body, type in ((voice, "image"), ("nothing", "image"), ("I am the server", "system"), ("", "text")):
        wrong = user.call("message", {"consultId": consult_id, "message": {"id": "m3", "type": type, "body": body}})
        assert code(wrong) in {"INVALID_INPUT", "UPLOAD_TYPE", "FOREIGN_FILE"}, wrong
    listed = asha.get("/api/conversations")["items"]
    [chat] = [one for one in listed if one["id"] == consult_id]
    assert (chat["type"], chat["unreadCount"]) == ("consult", 2)

    # Signals: to the other alone, as they are.
    for sender, receiver in ((user, expert), (expert, user)):
        for event, payload in SIGNALS:
            receiver.since = receiver.clients.mark()
            assert sender.call(event, {"consultId": consult_id, **payload}) == {"consultId": consult_id}
            told = receiver.wait(event)
            assert told == {"eventId": told["eventId"], "consultId": consult_id, **payload}
        receiver.since = receiver.clients.mark()
        assert sender.call("typing", {"consultId": consult_id, "senderId": "eve", "isTyping": True}) == {
            "consultId": consult_id
        }
        assert receiver.wait("typing")["senderId"] == sender.uid
    assert code(user.call("typing", {"roomId": "r1", "isTyping": True})) == "ROOM_NOT_FOUND"
    assert code(user.call("typing", {"isTyping": True})) == "INVALID_INPUT"

    # A stranger gets nowhere.
    eve = seat(people.user(stack_env, "Eve"), urls[0]).connect()
    own = {"id": "m1", "body": "hello"}
    for event, payload in [*SIGNALS, ("join_consult", {}), ("leave_consult", {}), ("typing", {}), ("session_end", {})]:
        assert code(eve.call(event, {"consultId": consult_id, **payload})) == "NOT_A_PARTICIPANT", event
        assert code(eve.call(event, {"consultId": "nothing", **payload})) == "CONSULT_NOT_FOUND", event
    assert code(eve.call("message", {"consultId": consult_id, "message": own})) == "NOT_A_PARTICIPANT"

    # Its end: once, for both, whoever says it.
    user.since = expert.since = user.clients.mark()
    ended = user.call("session_end", {"consultId": consult_id, "endedBy": asha.uid})
    assert (ended["status"], ended["reason"]) == ("completed", "user-ended")
    for one in (user, expert):
        over = one.wait("session_end")
        assert (over["consultId"], over["endedBy"], over["amount"]) == (consult_id, meera.uid, ended["amount"])
    assert ("earning" in user.wait("session_end"), "earning" in expert.wait("session_end")) == (False, True)
    assert expert.call("session_end", {"consultId": consult_id})["amount"] == ended["amount"]
    receipt = asha.get(f"/consult/{consult_id}/receipt")
    assert receipt["amount"] == ended["amount"]
    assert receipt["amountPaise"] == receipt["earningPaise"] + receipt["platformFeePaise"]
    assert meera.get("/api/wallet")["balancePaise"] == before_paise - receipt["amountPaise"]
    assert receipt["seconds"] == ended["seconds"] > 0
    late = expert.call("message", {"consultId": consult_id, "message": {"id": "m9", "body": "still there?"}})
    assert code(late) == "CONSULT_ENDED"
    assert code(user.call("join_consult", {"consultId": consult_id})) == "CONSULT_ENDED"
    assert user.call("leave_consult", {"consultId": consult_id})["status"] == "completed"
    assert (stack_db.get("consults", consult_id) or {})["heldPaise"] == 0


def test_by_its_timers(seat: Callable[..., Seat], urls: tuple[str, str], stack_env: dict[str, str]) -> None:
    """Three at once: what nobody accepts is called off, who leaves ends it, a short one is warned of its end."""

    def pair() -> tuple[Seat, Seat]:
        people_ = people.user(stack_env, "Meera", rupees=1000), people.expert(stack_env, "Asha")
        return seat(people_[0], urls[0]).connect(), seat(people_[1], urls[1]).connect()

    def start(user: Seat, expert: Seat, minutes: int, *, joined: bool = True) -> str:
        body = {"consultantId": expert.uid, "durationMinutes": minutes}
        consult_id = str(user.person.post("/consult/start", body)["consultId"])
        if joined:
            expert.person.post(f"/consult/{consult_id}/accept")
            for one in (user, expert):
                one.call("join_consult", {"consultId": consult_id})
        return consult_id

    def over(user: Seat, consult_id: str) -> tuple[str, str, str]:
        told = user.wait("session_end", lambda one: one["consultId"] == consult_id, timeout_s=60)
        return told["status"], told["reason"], told["endedBy"]

    short, left, unheard = pair(), pair(), pair()
    # Of seven minutes both are told five and one before the end: the first also where a handler is seconds late.
    short_id, unheard_id = start(*short, 7), start(*unheard, 5, joined=False)
    left_id = start(*left, 60)
    left[1].call("leave_consult", {"consultId": left_id})
    assert over(left[0], left_id) == ("completed", "expert-absent", "system")
    warned = short[0].wait("session_ending", lambda one: one["consultId"] == short_id, timeout_s=60)
    assert 0 < warned["secondsLeft"] <= 300
    assert over(short[0], short_id) == ("completed", "completed", "system")
    assert over(unheard[0], unheard_id) == ("cancelled", "not-accepted", "system")
    told = {one["type"] for one in left[0].person.get("/api/notifications?limit=50")["items"]}
    assert {"consult_accepted", "consult_completed"} <= told
