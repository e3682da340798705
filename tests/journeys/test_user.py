"""A user's whole way, by the API, stock sockets and snapshots: signed up, paid in, found, queued, talked, reviewed."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from local.clients import FirebaseClients, SocketClients
from local.person import CallError, Person, wait_until
from tests import conftest, people
from tests.journeys.test_paid_minute import connect

Env = dict[str, str]
NOTES = b"%PDF-1.7 what we talked about"
TIMEOUT_S = 60
DAYS_2 = 2 * 24 * 60 * timedelta(seconds=conftest.MINUTE_S)
"""Of the stack's minutes."""
ONLINE = "get-online-experts"


@pytest.fixture
def sockets(stack_env: Env) -> Iterator[SocketClients]:
    with SocketClients(stack_env) as clients:
        yield clients


@pytest.fixture
def firebase(stack_env: Env) -> Iterator[FirebaseClients]:
    with FirebaseClients(stack_env) as clients:
        yield clients


def balances(firebase: FirebaseClients) -> list[float]:
    """What Meera's open wallet page has shown, one after the other."""
    return [shown.args[0]["data"]["balance"] for shown in firebase.events("meera", "wallet")]


def ids_of(page: dict[str, Any]) -> list[str]:
    return [one["id"] for one in page["items"]]


def test_sign_up_and_top_up(stack_env: Env, firebase: FirebaseClients) -> None:
    meera = Person.sign_up(stack_env, f"meera-{secrets.token_hex(5)}@konnect.test", people.PASSWORD, "Meera")
    profile = meera.post("/api/auth/verify")
    assert (profile["id"], profile["name"], profile["role"]) == (meera.uid, "Meera", "user")
    assert meera.post("/api/auth/verify") == profile
    options = meera.get("/api/onboarding/options")
    chosen = {kind: [one["id"] for one in options[kind][:2]] for kind in ("interests", "goals")}
    account = meera.call("PATCH", "/api/users/me", {**chosen, "phone": people.phone()})
    assert {kind: account[kind] for kind in chosen} == chosen
    assert meera.get("/api/users/me") == account
    firebase.sign_in("meera", meera.email, meera.password)
    assert firebase.listen("meera", f"users/{meera.uid}", "account")["data"]["interests"] == chosen["interests"]

    firebase.listen("meera", f"wallets/{meera.uid}", "wallet")
    with pytest.raises(CallError, match="400") as refused:
        meera.order(10_001)
    assert refused.value.details[0]["field"] == "amount"
    failed, order = meera.order(500), meera.order(500)
    meera.pay(failed["orderId"], "failed")
    # The page closes after the checkout: RazorpayX's webhook alone tells.
    meera.pay(order["orderId"])
    firebase.wait_for("meera", "wallet", lambda shown: shown["data"]["balance"] == 500)
    meera.deposit(250)
    firebase.wait_for("meera", "wallet", lambda shown: shown["data"]["balance"] == 750)
    assert balances(firebase) == [0, 500, 750]
    deposits = meera.get("/api/wallet/transactions?type=deposit&status=completed")["items"]
    assert [one["amount"] for one in deposits] == [250, 500]


def test_search(stack_env: Env, sockets: SocketClients) -> None:
    """Two experts whom a word of their own finds, of whom one is online."""
    word = f"zither{secrets.token_hex(4)}"
    said = {"bio": f"I teach the {word} to beginners.", "specialties": ["Music"]}
    asha = people.expert(stack_env, "Asha", title="Teacher", pricePerMin=30, **said)
    ravi = people.expert(stack_env, "Ravi", title="Luthier", pricePerMin=10, **said)
    connect(sockets, stack_env, asha, "expert", 2)
    meera = people.user(stack_env)

    def found(query: str) -> list[str]:
        return ids_of(meera.get(f"/api/experts?{query}"))

    wait_until("both", lambda: found(f"search={word}&sort=price-low") == [ravi.uid, asha.uid])
    assert found(f"search={word}&sort=price-high") == [asha.uid, ravi.uid]
    assert set(found(f"search={word[:8]}")) >= {asha.uid, ravi.uid}
    assert found(f"search={word}+teacher") == [asha.uid]
    assert found(f"search={word}&maxPrice=20") == [ravi.uid]
    assert found(f"search={word}&specialty=Music&sort=price-low") == [ravi.uid, asha.uid]
    assert found(f"search={word}&minRating=1") == []
    assert found(f"search={word}x") == []
    wait_until("Asha online", lambda: found(f"search={word}&available=true") == [asha.uid])
    assert found(f"search={word}&sort=online") == [asha.uid, ravi.uid]
    shown = meera.get(f"/api/experts/{asha.uid}")
    assert (shown["available"], shown["pricePerMin"], shown["orders"], shown["rating"]) == (True, 30, 0, 0)
    assert asha.uid in [one["id"] for one in sockets.call(connect(sockets, stack_env, meera, "user", 1), ONLINE)]


def test_from_the_queue_to_the_review(stack_env: Env, sockets: SocketClients, firebase: FirebaseClients) -> None:
    asha = people.expert(stack_env, pricePerMin=10)
    meera, kabir, lena = (people.user(stack_env, name, rupees=9000) for name in ("Meera", "Kabir", "Lena"))
    firebase.sign_in("meera", meera.email, meera.password)
    firebase.listen("meera", f"wallets/{meera.uid}", "wallet")
    expert = connect(sockets, stack_env, asha, "expert", 2)
    user, other = connect(sockets, stack_env, meera, "user", 1), connect(sockets, stack_env, kabir, "user", 2)
    third = connect(sockets, stack_env, lena, "user", 1)

    # Kabir's first session tells how long one takes; then Meera and Lena wait for the end of his second.
    sockets.call(other, "end-chat", {"chatId": ask(sockets, other, asha)["chatId"]})
    wait_until("the session to count", lambda: meera.get(f"/api/experts/{asha.uid}")["orders"] == 1)
    busy = wait_until("Kabir's second", lambda: ask(sockets, other, asha).get("chatId"))
    asked = ask(sockets, user, asha)
    assert (asked["queued"], asked["position"], asked["estimatedWaitS"] is not None) == (True, 1, True)
    joined = sockets.wait_for(user, "queue-joined", lambda data: data["expertId"] == asha.uid).args[0]
    assert (joined["position"], joined["estimatedWaitS"] >= 0) == (1, True)
    assert ask(sockets, third, asha)["position"] == 2
    place = firebase.listen("meera", f"queues/{asha.uid}/entries/{meera.uid}", "place")
    assert (place["exists"], place["data"]["userName"]) == (True, "Meera")
    waiting = asha.get("/api/experts/me/dashboard")["pendingRequests"]
    assert [(one["userId"], one["position"]) for one in waiting["items"]] == [(meera.uid, 1), (lena.uid, 2)]
    sockets.call(other, "end-chat", {"chatId": busy})
    chat = sockets.wait_for(user, "chat-started").args[0]["chatId"]
    sockets.wait_for(expert, "chat-started", lambda data: data["chatId"] == chat)
    sockets.wait_for(third, "queue-status", lambda data: data["position"] == 1)
    firebase.wait_for("meera", "place", lambda shown: not shown["exists"])
    assert sockets.call(third, "leave-queue", {"expertId": asha.uid})["left"]

    talk(stack_env, sockets, chat, (user, meera), (expert, asha))
    call(sockets, chat, (user, meera), expert)

    ended = sockets.call(user, "end-chat", {"chatId": chat})
    assert (ended["status"], ended["reason"]) == ("completed", "user-ended")
    told = sockets.wait_for(expert, "chat-ended", lambda data: data["chatId"] == chat).args[0]
    paid = told["totalCharged"]
    assert (told["reason"], told["earning"], paid) == ("user-ended", paid * 0.8, 10 * told["duration"])
    with pytest.raises(CallError, match="409"):
        meera.post(f"/api/conversations/{chat}/messages", {"message": "too late"})
    receipts = meera.get(f"/api/sessions/{chat}/receipt"), asha.get(f"/api/sessions/{chat}/receipt")
    assert [(one["side"], one["total"], one["net"]) for one in receipts] == [
        ("user", paid, paid),
        ("expert", paid, paid * 0.8),
    ]
    firebase.wait_for("meera", "wallet", lambda shown: shown["data"]["balance"] == 9000 - paid)
    assert balances(firebase) == sorted(balances(firebase), reverse=True)

    review(stack_env, chat, meera, asha, lena)


def ask(sockets: SocketClients, name: str, expert: Person) -> dict[str, Any]:
    answer: dict[str, Any] = sockets.call(name, "request-chat", {"expertId": expert.uid})
    assert "error" not in answer, answer
    return answer


Side = tuple[str, Person]


def talk(env: Env, sockets: SocketClients, chat: str, user: Side, expert: Side) -> None:
    """Messages, a file, receipts, and what the list of conversations shows of them."""
    (meera, meera_person), (asha, asha_person) = user, expert
    sockets.call(meera, "chat-typing", {"chatId": chat, "isTyping": True})
    sockets.wait_for(asha, "chat-typing", lambda data: data["isTyping"])
    for text in ("Hello", "<b>Have</b> a look:"):
        sockets.call(meera, "chat-message", {"chatId": chat, "message": text})
        sockets.wait_for(asha, "new-message", lambda data, text=text: data["message"] == text)
    upload = {"purpose": "attachment", "contentType": "application/pdf", "size": len(NOTES), "fileName": "notes.pdf"}
    sign = meera_person.post("/api/uploads", {**upload, "sessionId": chat})
    sent = requests.put(sign["url"], data=NOTES, headers=sign["headers"], timeout=TIMEOUT_S)
    assert sent.status_code == 200, sent.text
    last = sockets.call(meera, "chat-message", {"chatId": chat, "attachmentId": sign["id"]})["id"]
    got = sockets.wait_for(asha, "new-message", lambda data: data["id"] == last).args[0]
    assert (got["type"], got["attachment"]["fileName"]) == ("file", "notes.pdf")
    link = asha_person.get(got["attachment"]["url"])["url"]
    assert requests.get(link, timeout=TIMEOUT_S).content == NOTES
    with pytest.raises(CallError, match=r"40[34]"):
        people.person(env, "Eve").get(got["attachment"]["url"])

    def shown() -> dict[str, Any]:
        [conversation] = asha_person.get("/api/conversations")["items"]
        assert conversation["chatId"] == chat
        return dict(conversation)

    assert (shown()["unreadCount"], shown()["lastMessage"]["preview"]) == (3, "notes.pdf")
    assert shown()["other"] == {"id": meera_person.uid, "name": "Meera", "online": True}
    assert sockets.call(asha, "chat-read", {"chatId": chat, "messageId": last})["unread"] == 0
    sockets.wait_for(meera, "chat-read", lambda data: data["messageId"] == last)
    assert shown()["unreadCount"] == 0
    history = meera_person.get(f"/api/conversations/{chat}/messages")["items"]
    assert [(one["read"], one["type"]) for one in history] == [(True, one["type"]) for one in history]
    assert {one["message"] for one in history} == {"Hello", "<b>Have</b> a look:", ""}


def call(sockets: SocketClients, chat: str, user: Side, expert: str) -> None:
    """A video call's signals, each of which reaches the other side as it was sent."""
    name, person = user
    sdp = {"type": "offer", "sdp": "v=0\r\n"}
    sockets.call(name, "call-offer", {"chatId": chat, "offer": sdp, "callType": "video"})
    offered = sockets.wait_for(expert, "call-offer").args[0]
    assert (offered["offer"], offered["callType"], offered["callerId"]) == (sdp, "video", person.uid)
    answer = {**sdp, "type": "answer"}
    sockets.call(expert, "call-answer", {"chatId": chat, "answer": answer})
    assert sockets.wait_for(name, "call-answer").args[0]["answer"] == answer
    for sender, receiver in ((name, expert), (expert, name)):
        for candidate in ({"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0"}, None):
            mark = sockets.mark()
            sockets.call(sender, "ice-candidate", {"chatId": chat, "candidate": candidate})
            assert sockets.wait_for(receiver, "ice-candidate", since=mark).args[0]["candidate"] == candidate
    sockets.call(expert, "call-ended", {"chatId": chat, "reason": "hung-up"})
    assert sockets.wait_for(name, "call-ended").args[0]["reason"] == "hung-up"


def review(env: Env, chat: str, meera: Person, asha: Person, lena: Person) -> None:
    """One of the session; it and the session count in what everybody sees of the expert."""
    path = f"/api/sessions/{chat}/review"
    with pytest.raises(CallError, match="403"):
        lena.post(path, {"rating": 1})
    written = meera.post(path, {"rating": 4, "comment": "Clear and patient."})
    with pytest.raises(CallError, match="409"):
        meera.post(path, {"rating": 1})

    def stands() -> tuple[Any, ...]:
        shown = meera.get(f"/api/experts/{asha.uid}")
        return shown["rating"], shown["reviewCount"], shown["orders"]

    wait_until("rating and orders", lambda: stands() == (4, 1, 3))
    asha.post(f"/api/reviews/{written['id']}/reply", {"reply": "Thank you!"})
    [public] = requests.get(f"{env['API_URL']}/api/experts/{asha.uid}/reviews", timeout=TIMEOUT_S).json()["items"]
    assert (public["rating"], public["reviewerName"], public["reply"]) == (4, "Meera", "Thank you!")
    wait_until("Asha to be told", lambda: "review_received" in types_of(asha))


def types_of(person: Person) -> list[str]:
    return [one["type"] for one in person.get("/api/notifications?limit=100")["items"]]


def test_a_booking_is_made_and_cancelled(stack_env: Env, firebase: FirebaseClients) -> None:
    meera, asha = people.user(stack_env, rupees=500), people.expert(stack_env, pricePerMin=10)
    firebase.sign_in("meera", meera.email, meera.password)
    firebase.listen("meera", f"wallets/{meera.uid}", "wallet")
    at = datetime.now(UTC) + DAYS_2
    wanted = {"expertId": asha.uid, "type": "call", "scheduledAt": at.isoformat(), "duration": 30}
    with pytest.raises(CallError, match="PRICE_CHANGED"):
        meera.post("/api/sessions", {**wanted, "price": 200})
    booked = meera.post("/api/sessions", {**wanted, "price": 300})
    assert (booked["status"], booked["totalAmount"], booked["mode"]) == ("confirmed", 300, "booked")
    firebase.wait_for("meera", "wallet", lambda shown: shown["data"]["balance"] == 200)
    firebase.listen("meera", f"sessions/{booked['id']}", "session")
    for person, path in ((meera, "/api/sessions"), (asha, "/api/sessions/expert")):
        assert ids_of(person.get(f"{path}?when=upcoming")) == [booked["id"]]
        assert ids_of(person.get(f"{path}?status=confirmed&type=call")) == [booked["id"]]
        assert ids_of(person.get(f"{path}?type=video")) == []
    # Another at this time is for neither of them.
    with pytest.raises(CallError, match="409"):
        people.user(stack_env, "Kabir", rupees=500).post("/api/sessions", wanted)

    cancelled = meera.post(f"/api/sessions/{booked['id']}/cancel", {"reason": "I am travelling"})
    assert (cancelled["status"], cancelled["cancelledBy"], cancelled["refundedAmount"]) == ("cancelled", "user", 300)
    assert meera.post(f"/api/sessions/{booked['id']}/cancel") == cancelled
    firebase.wait_for("meera", "wallet", lambda shown: shown["data"]["balance"] == 500)
    assert balances(firebase) == [500, 200, 500]
    firebase.wait_for("meera", "session", lambda shown: shown["data"]["status"] == "cancelled")
    assert ids_of(meera.get("/api/sessions?when=upcoming")) == []
    assert asha.get(f"/api/sessions/{booked['id']}")["cancelReason"] == "I am travelling"
    entries = meera.get("/api/wallet/transactions")["items"]
    assert [(one["type"], one["amount"]) for one in entries] == [("refund", 300), ("payment", 300), ("deposit", 500)]
    wait_until("Asha to be told", lambda: {"booking_confirmed", "booking_cancelled"} <= set(types_of(asha)))
