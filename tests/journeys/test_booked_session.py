"""Booked sessions through every real part: API, tasks at their times, two signaling instances, listeners."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.clients import FirebaseClients, SocketClients
from local.person import Person, wait_until
from tests import people
from tests.journeys.test_paid_minute import connect

MINUTE = timedelta(seconds=2)
"""The stack's."""
DEADLINE_S = 120


@pytest.fixture
def sockets(stack_env: dict[str, str]) -> Iterator[SocketClients]:
    with SocketClients(stack_env) as clients:
        yield clients


def book(user: Person, expert: Person, at: datetime) -> dict[str, Any]:
    wanted = {"expertId": expert.uid, "type": "video", "scheduledAt": at.isoformat(), "duration": 8}
    session: dict[str, Any] = user.post("/api/sessions", wanted)
    return session


def test_one_is_held_and_one_is_not(stack_env: dict[str, str], sockets: SocketClients) -> None:
    """Two bookings for one time, soon after the shortest notice: Meera comes to hers, Kabir does not."""
    meera, kabir = people.user(stack_env, "Meera", rupees=500), people.user(stack_env, "Kabir", rupees=80)
    asha, ravi = people.expert(stack_env, "Asha", pricePerMin=10), people.expert(stack_env, "Ravi", pricePerMin=10)
    other = people.user(stack_env, "Lena", rupees=500)
    # A quarter of an hour is the shortest notice; on a slow machine both are booked, and all are there, in time.
    at = datetime.now(UTC) + 20 * MINUTE
    held, missed = book(meera, asha, at), book(kabir, ravi, at)
    with FirebaseClients(stack_env) as firebase:
        firebase.sign_in("meera", meera.email, meera.password)
        firebase.listen("meera", f"sessions/{held['id']}", "session")
        user = connect(sockets, stack_env, meera, "user", 1)
        expert = connect(sockets, stack_env, asha, "expert", 2)
        connect(sockets, stack_env, ravi, "expert", 1)
        # Until then Asha takes nobody whom she would have to leave.
        walk_in = connect(sockets, stack_env, other, "user", 2)
        chat = sockets.call(walk_in, "request-chat", {"expertId": asha.uid})["chatId"]
        ended = sockets.wait_for(walk_in, "chat-ended", None, DEADLINE_S).args[0]
        assert (ended["chatId"], ended["reason"]) == (chat, "max-duration")
        found = sockets.wait_for(user, "chat-started", lambda data: data["chatId"] == held["id"], DEADLINE_S)
        started = found.args[0]
        assert (started["duration"], started["expert"]["name"]) == (8, "Asha")
        assert started["endsAt"] == held["endsAt"]
        sockets.wait_for(expert, "chat-started", lambda data: data["chatId"] == held["id"])
        sockets.call(user, "chat-message", {"chatId": held["id"], "message": "hello"})
        sockets.wait_for(expert, "new-message", lambda data: data["message"] == "hello")
        sockets.wait_for(expert, "chat-ended", lambda data: data["chatId"] == held["id"], DEADLINE_S)
        firebase.wait_for("meera", "session", lambda shown: shown["data"]["status"] == "completed")
        statuses = [shown.args[0]["data"]["status"] for shown in firebase.events("meera", "session")]
        assert list(dict.fromkeys(statuses)) == ["confirmed", "in_progress", "completed"]
    session = meera.get(f"/api/sessions/{held['id']}")
    assert (session["endReason"], session["refundedAmount"], session["totalAmount"]) == ("completed", 0, 80)
    assert meera.get("/api/wallet")["balance"] == 420
    wait_until("the no-show", lambda: kabir.get(f"/api/sessions/{missed['id']}")["status"] == "completed")
    assert kabir.get(f"/api/sessions/{missed['id']}")["endReason"] == "user-no-show"
    assert (kabir.get("/api/wallet")["balance"], ravi.get("/api/wallet")["balance"]) == (0, 64)
    told = [one["type"] for one in meera.get("/api/notifications")["items"]]
    assert {"booking_confirmed", "booking_reminder"} <= set(told)
