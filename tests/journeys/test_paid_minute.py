"""A session by the minute through every real part: API, sockets, tasks, triggers, listeners in Node and Chromium."""

from collections.abc import Iterator

import pytest
import requests

from local.clients import FirebaseClients, SocketClients
from local.person import CallError, Person, wait_until
from tests import people
from tests.clients.browser import BrowserClients

QUICK = {"reconnectionDelay": 20, "reconnectionDelayMax": 100}


@pytest.fixture
def sockets(stack_env: dict[str, str]) -> Iterator[SocketClients]:
    with SocketClients(stack_env) as clients:
        yield clients


def connect(sockets: SocketClients, env: dict[str, str], person: Person, kind: str, instance: int) -> str:
    """Take a seat at one of the two signaling instances, and return the client's name."""
    name = f"{person.name}-{person.uid}"
    url = env[f"SIGNALING_{instance}_URL"]
    sockets.connect(name, url, auth={"token": person.token, "userType": kind}, options=QUICK)
    ack = sockets.call(name, "register", {"userId": "somebody-else", "userType": kind, "name": person.name})
    assert "error" not in ack, ack
    return name


def test_each_charge_is_seen_live_and_the_expert_is_paid(stack_env: dict[str, str], sockets: SocketClients) -> None:
    meera, asha = people.user(stack_env, rupees=50), people.expert(stack_env, pricePerMin=20)
    with FirebaseClients(stack_env) as firebase, BrowserClients(stack_env) as browser:
        firebase.sign_in("meera", meera.email, meera.password)
        firebase.listen("meera", f"wallets/{meera.uid}", "wallet")
        browser.open("meera", meera.email, meera.password)
        for clients, event in ((firebase, "wallet"), (browser, "snapshot")):
            clients.wait_for("meera", event, lambda shown: shown["data"]["balance"] == 50)
        user = connect(sockets, stack_env, meera, "user", 1)
        expert = connect(sockets, stack_env, asha, "expert", 2)
        chat = sockets.call(user, "request-chat", {"expertId": asha.uid})["chatId"]
        sockets.wait_for(expert, "chat-started", lambda data: data["chatId"] == chat)
        warned = sockets.wait_for(user, "chat-warning", lambda data: data["type"] == "zero-balance").args[0]
        assert warned["chatId"] == chat
        ended = sockets.wait_for(user, "chat-ended").args[0]
        assert (ended["reason"], ended["duration"], ended["totalCharged"]) == ("insufficient-balance", 2, 40)
        charged = [update.args[0]["balance"] for update in sockets.events(user, "billing-update")]
        assert charged in ([30, 10], [10])
        for clients, event in ((firebase, "wallet"), (browser, "snapshot")):
            clients.wait_for("meera", event, lambda shown: shown["data"]["balance"] == 10)
            seen = [shown.args[0]["data"]["balance"] for shown in clients.events("meera", event)]
            # Who is held up for longer than a minute is shown the last charge alone.
            assert seen in ([50, 30, 10], [50, 10])
        assert browser.events("meera", "outside") == []
    assert asha.get("/api/wallet")["balance"] == 32
    [earning] = asha.get("/api/wallet/transactions?type=earning")["items"]
    assert (earning["amount"], earning["referenceId"], earning["status"]) == (32, chat, "completed")
    [payment] = meera.get("/api/wallet/transactions?type=payment")["items"]
    assert (payment["amount"], payment["referenceId"]) == (40, chat)
    assert meera.get(f"/api/sessions/{chat}")["endReason"] == "insufficient-balance"
    assert [one["id"] for one in asha.get("/api/sessions/expert")["items"]] == [chat]
    with pytest.raises(CallError, match="NOT_A_PARTICIPANT"):
        people.person(stack_env, "Eve").get(f"/api/sessions/{chat}")


def test_sockets_are_cut_in_the_middle_and_nothing_is_lost(stack_env: dict[str, str], sockets: SocketClients) -> None:
    meera, asha = people.user(stack_env, rupees=9000), people.expert(stack_env)
    user = connect(sockets, stack_env, meera, "user", 1)
    expert = connect(sockets, stack_env, asha, "expert", 2)
    chat = sockets.call(user, "request-chat", {"expertId": asha.uid})["chatId"]
    sent: list[str] = []
    for index in range(30):
        text = f"message {index}"
        last = sockets.call(expert, "chat-message", {"chatId": chat, "message": text})["id"]
        sent.append(text)
        if index % 10 == 5:
            sockets.wait_for(user, "new-message", lambda data, last=last: data["id"] == last)
            sockets.set_auth(user, auth={"token": meera.token, "lastMessageId": last, "chatId": chat})
            mark = sockets.mark()
            sockets.kill(user)
            sent.append(f"while away {index}")
            sockets.call(expert, "chat-message", {"chatId": chat, "message": sent[-1]})
            sockets.wait_for(user, "connect", None, since=mark)
    sockets.wait_for(user, "new-message", lambda data: data["message"] == sent[-1])
    assert [event.args[0]["message"] for event in sockets.events(user, "new-message")] == sent

    sockets.wait_for(user, "billing-update", lambda data: data["duration"] >= 3)
    ended = sockets.call(user, "end-chat", {"chatId": chat})
    assert "error" not in ended, ended
    session = meera.get(f"/api/sessions/{chat}")
    minutes = session["duration"]
    # Every minute that had begun was charged, once: the cuts were shorter than the absence that defers one.
    assert minutes == session["durationSeconds"] // 2 + 1
    assert meera.get("/api/wallet")["balance"] == 9000 - 10 * minutes


def test_the_queue_moves_on_and_a_deposit_saves_a_session(stack_env: dict[str, str], sockets: SocketClients) -> None:
    meera, kabir = people.user(stack_env, "Meera", rupees=9000), people.user(stack_env, "Kabir", rupees=50)
    asha = people.expert(stack_env, pricePerMin=50)
    first = connect(sockets, stack_env, meera, "user", 1)
    second = connect(sockets, stack_env, kabir, "user", 2)
    connect(sockets, stack_env, asha, "expert", 1)
    chat = sockets.call(first, "request-chat", {"expertId": asha.uid})["chatId"]
    assert sockets.call(second, "request-chat", {"expertId": asha.uid})["position"] == 1
    sockets.call(first, "end-chat", {"chatId": chat})
    started = sockets.wait_for(second, "chat-started").args[0]
    assert started["chatId"] != chat
    sockets.wait_for(second, "chat-warning", lambda data: data["type"] == "zero-balance")
    # The stack's grace is longer than its minute: enough for all that is due by now.
    kabir.deposit(5000)
    sockets.wait_for(second, "billing-update", lambda data: data["duration"] >= 2)
    assert kabir.get(f"/api/sessions/{started['chatId']}")["status"] == "in_progress"
    sockets.call(second, "end-chat", {"chatId": started["chatId"]})
    [payment] = wait_until("Kabir's payment", lambda: kabir.get("/api/wallet/transactions?type=payment")["items"])
    ended = kabir.get(f"/api/sessions/{started['chatId']}")
    assert (ended["endReason"], payment["amount"]) == ("user-ended", 50 * ended["duration"])
    assert ended["duration"] == ended["durationSeconds"] // 2 + 1
    assert kabir.get("/api/wallet")["balance"] == 5050 - payment["amount"]


def test_the_books_of_the_running_stack_are_right(stack_env: dict[str, str]) -> None:
    report = requests.post(f"{stack_env['FUNCTIONS_URL']}/reconcile", json={}, timeout=120).json()
    assert report["differences"] == []
    assert report["sumPaise"] == 0


def test_the_scheduled_sweeps_run_by_hand(stack_env: dict[str, str]) -> None:
    for job, counted in (("sweep_sessions", "sessionsOverdue"), ("sweep_payments", "orders")):
        answer = requests.post(f"{stack_env['FUNCTIONS_URL']}/{job}", json={}, timeout=120)
        assert answer.status_code == 200, answer.text
        assert counted in answer.json()
