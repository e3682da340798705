"""POST /api/sessions and /cancel, ?when=upcoming, acceptsBookings: over HTTP, for everybody who may and may not."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from local.person import CallError, Person
from tests import people


def hours_ahead(hours: float) -> str:
    """Of the stack's hours, which have 120 seconds."""
    return (datetime.now(UTC) + timedelta(seconds=120 * hours)).isoformat()


def body(expert: Person, hours: float = 10, **fields: Any) -> dict[str, Any]:
    return {"expertId": expert.uid, "type": "video", "scheduledAt": hours_ahead(hours), "duration": 30, **fields}


@pytest.fixture(scope="module")
def asha(stack_env: dict[str, str]) -> Person:
    return people.expert(stack_env)


def test_book_see_and_cancel(stack_env: dict[str, str]) -> None:
    meera, asha = people.user(stack_env, rupees=700), people.expert(stack_env)
    wanted = body(asha, 10, price=300)
    made = meera.response("POST", "/api/sessions", wanted)
    assert made.status_code == 201, made.text
    session = made.json()
    shown = {name: session[name] for name in ("mode", "status", "type", "duration", "totalAmount", "refundedAmount")}
    assert shown == {
        "mode": "booked",
        "status": "confirmed",
        "type": "video",
        "duration": 30,
        "totalAmount": 300,
        "refundedAmount": 0,
    }
    assert datetime.fromisoformat(session["scheduledAt"]) - datetime.fromisoformat(wanted["scheduledAt"]) < timedelta(
        0.001
    )
    assert not {"heldPaise", "unservedMs", "noShowAt", "platformFeePercent"} & set(session)
    assert meera.post("/api/sessions", wanted)["id"] == session["id"]
    sooner = meera.post("/api/sessions", body(asha, 5, type="chat"))
    assert meera.get("/api/wallet")["balance"] == 100
    for person, path in ((meera, "/api/sessions"), (asha, "/api/sessions/expert")):
        upcoming = person.get(f"{path}?when=upcoming&limit=1")
        assert [one["id"] for one in upcoming["items"]] == [sooner["id"]]
        then = person.get(f"{path}?when=upcoming&limit=1&cursor={upcoming['nextCursor']}")
        assert ([one["id"] for one in then["items"]], then["nextCursor"]) == ([session["id"]], None)
        assert [one["id"] for one in person.get(f"{path}?when=upcoming&type=video")["items"]] == [session["id"]]
        assert [one["id"] for one in person.get(f"{path}?status=confirmed")["items"]] == [sooner["id"], session["id"]]
        assert person.get(f"/api/sessions/{session['id']}")["status"] == "confirmed"
    cancelled = meera.post(f"/api/sessions/{session['id']}/cancel", {"reason": "  ill  "})
    assert (cancelled["status"], cancelled["refundedAmount"], cancelled["cancelReason"]) == ("cancelled", 150, "ill")
    assert (cancelled["cancelledBy"], cancelled["endReason"]) == ("user", "user-cancelled")
    assert meera.post(f"/api/sessions/{session['id']}/cancel")["refundedAmount"] == 150
    assert asha.post(f"/api/sessions/{sooner['id']}/cancel")["refundedAmount"] == 300
    assert meera.get("/api/wallet")["balance"] == 550
    assert asha.get("/api/wallet")["balance"] == 120
    history = [(one["type"], one["amount"]) for one in meera.get("/api/wallet/transactions")["items"]]
    assert sorted(history) == [("deposit", 700), ("payment", 300), ("payment", 300), ("refund", 150), ("refund", 300)]
    assert meera.get("/api/sessions?when=upcoming")["items"] == []


def test_with_a_key(stack_env: dict[str, str]) -> None:
    meera, asha = people.user(stack_env, rupees=300), people.expert(stack_env)
    wanted, key = body(asha), {"Idempotency-Key": "k1"}
    first = meera.post("/api/sessions", wanted, **key)
    assert meera.post("/api/sessions", wanted, **key)["id"] == first["id"]
    with pytest.raises(CallError, match="409 IDEMPOTENCY_KEY_REUSED"):
        meera.post("/api/sessions", {**wanted, "duration": 5}, **key)
    assert meera.get("/api/wallet")["balance"] == 0


def test_one_slot_and_many_who_want_it(stack_env: dict[str, str]) -> None:
    asha = people.expert(stack_env)
    wanted = body(asha, duration=5)
    crowd = [people.user(stack_env, f"User{n}", rupees=50) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda person: person.response("POST", "/api/sessions", wanted), crowd))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] + 7 * [409], [answer.text for answer in answers]
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} == {"SLOT_TAKEN"}
    assert sorted(person.get("/api/wallet")["balance"] for person in crowd) == [0] + 7 * [50]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"expertId": None}, "expertId"),
        ({"expertId": "a/b"}, "expertId"),
        ({"type": "fax"}, "type"),
        ({"scheduledAt": "tomorrow"}, "scheduledAt"),
        ({"scheduledAt": "2030-01-01T10:00:00"}, "scheduledAt"),
        ({"scheduledAt": "2020-01-01T10:00:00Z"}, "scheduledAt"),
        ({"scheduledAt": "2130-01-01T10:00:00Z"}, "scheduledAt"),
        ({"scheduledAt": "9999-12-31T23:59:59-12:00"}, "scheduledAt"),
        ({"scheduledAt": "0001-01-01T00:00:00+12:00"}, "scheduledAt"),
        ({"duration": 4}, "duration"),
        ({"duration": 121}, "duration"),
        ({"duration": "30"}, "duration"),
        ({"duration": 30.5}, "duration"),
        ({"price": -1}, "price"),
    ],
)
def test_invalid(stack_env: dict[str, str], asha: Person, fields: dict[str, Any], field: str) -> None:
    meera = people.person(stack_env, "Meera")
    with pytest.raises(CallError) as refused:
        meera.post("/api/sessions", {**body(asha), **fields})
    assert (refused.value.status, refused.value.details[0]["field"]) == (400, field)


@pytest.mark.parametrize("field", ["expertId", "type", "scheduledAt", "duration"])
def test_missing(stack_env: dict[str, str], asha: Person, field: str) -> None:
    wanted = body(asha)
    del wanted[field]
    with pytest.raises(CallError) as refused:
        people.person(stack_env, "Meera").post("/api/sessions", wanted)
    assert (refused.value.status, refused.value.details[0]["field"]) == (400, field)


def test_refused(stack_env: dict[str, str], asha: Person) -> None:
    meera, eve = people.person(stack_env, "Meera"), people.person(stack_env, "Eve")
    for path in ("/api/sessions", "/api/sessions/s1/cancel"):
        assert requests.post(stack_env["API_URL"] + path, json={}, timeout=60).status_code == 401
    for person, fields, error in (
        (meera, {}, "402 INSUFFICIENT_BALANCE"),
        (meera, {"price": 299}, "409 PRICE_CHANGED"),
        (meera, {"expertId": "nobody"}, "404 EXPERT_NOT_FOUND"),
        (asha, {}, "400 INVALID_INPUT"),
    ):
        with pytest.raises(CallError, match=error):
            person.post("/api/sessions", {**body(asha), **fields})
    with pytest.raises(CallError, match="404 SESSION_NOT_FOUND"):
        meera.post("/api/sessions/nothing/cancel")
    with pytest.raises(CallError, match="400"):
        meera.post("/api/sessions/nothing/cancel", {"reason": "x" * 501})
    with pytest.raises(CallError, match="400"):
        meera.get("/api/sessions?when=upcoming&status=completed")
    meera.deposit(300)
    session_id = meera.post("/api/sessions", body(asha, 20))["id"]
    for call in (
        lambda: eve.post(f"/api/sessions/{session_id}/cancel"),
        lambda: eve.get(f"/api/sessions/{session_id}"),
    ):
        with pytest.raises(CallError, match="403 NOT_A_PARTICIPANT"):
            call()


def test_an_expert_switches_bookings_off(stack_env: dict[str, str]) -> None:
    asha, meera = people.expert(stack_env), people.person(stack_env, "Meera")
    assert meera.get(f"/api/experts/{asha.uid}")["acceptsBookings"] is True
    assert asha.call("PUT", f"/api/experts/{asha.uid}", {"acceptsBookings": False})["acceptsBookings"] is False
    assert meera.get(f"/api/experts/{asha.uid}")["acceptsBookings"] is False
    with pytest.raises(CallError, match="409 NOT_ACCEPTING_BOOKINGS"):
        meera.post("/api/sessions", body(asha))
    with pytest.raises(CallError, match="400"):
        asha.call("PUT", f"/api/experts/{asha.uid}", {"acceptsBookings": None})
