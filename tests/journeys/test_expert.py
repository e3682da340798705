"""An expert's whole way, by the API, stock sockets, snapshots and mails: from the application to the payout."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from konnect import clock
from konnect.store import Database
from local.clients import FirebaseClients, SocketClients
from local.person import CallError, Person, wait_until
from local.sandboxes.razorpay.server import ACCOUNT_NUMBER
from tests import people
from tests.journeys.test_paid_minute import connect
from tests.payouts import test_stack as bank
from tests.payouts.conftest import BANK

Env = dict[str, str]
CV = b"%PDF-1.7 twenty years of it"
PRICE = 100
SHARE = 0.8
TIMEOUT_S = 60
STEPS = (
    ("applied", "application_received", "We have your application"),
    ("documents_verified", "application_documents_verified", "Your documents are verified"),
    ("call_scheduled", "application_call_scheduled", "Your call is scheduled"),
    ("call_done", "application_call_done", "Thank you for the call"),
    ("approved", "mentor_approved", "Your application is approved"),
)
"""Each status, the type of its notification, and the subject of its mail."""


@pytest.fixture
def sockets(stack_env: Env) -> Iterator[SocketClients]:
    with SocketClients(stack_env) as clients:
        yield clients


@pytest.fixture
def firebase(stack_env: Env) -> Iterator[FirebaseClients]:
    with FirebaseClients(stack_env) as clients:
        yield clients


def apply(ravi: Person) -> dict[str, Any]:
    """The wizard: the résumé goes to Cloud Storage, its address into the application."""
    form = {"purpose": "resume", "contentType": "application/pdf", "size": len(CV), "fileName": "cv.pdf"}
    upload = ravi.post("/api/uploads", form)
    sent = requests.put(upload["url"], data=CV, headers=upload["headers"], timeout=TIMEOUT_S)
    assert sent.status_code == 200, sent.text
    profile = {"name": "Ravi", "title": "Designer", "pricePerMin": PRICE, "linkedinUrl": "https://linkedin.com/in/ravi"}
    with pytest.raises(CallError, match="400") as refused:
        ravi.post("/api/experts/register", {**profile, "resumeUrl": "https://example.com/cv.pdf"})
    assert refused.value.details[0]["field"] == "resumeUrl"
    applied: dict[str, Any] = ravi.post("/api/experts/register", {**profile, "resumeUrl": upload["fileUrl"]})
    return applied


def test_five_steps_to_the_role(stack_env: Env, sockets: SocketClients, firebase: FirebaseClients) -> None:
    admin, ravi = people.admin(stack_env), people.person(stack_env, "Ravi")
    firebase.sign_in("ravi", ravi.email, ravi.password)
    sockets.connect("ravi", stack_env["SIGNALING_2_URL"], namespace="/notifications", token=ravi.token)
    assert apply(ravi)["mentorStatus"] == "applied"
    # One's own profile is not for everybody yet, and the portal stays closed.
    with pytest.raises(CallError, match="404"):
        admin.get(f"/api/experts/{ravi.uid}")
    with pytest.raises(CallError, match="403"):
        ravi.get("/api/experts/me/dashboard")
    listed = admin.get("/api/admin/mentor-applications?status=applied&limit=100")["items"]
    assert ravi.uid in [one["id"] for one in listed]
    resume = admin.get(f"/api/admin/mentor-applications/{ravi.uid}/resume")["url"]
    assert requests.get(resume, timeout=TIMEOUT_S).content == CV

    path = f"/api/admin/mentor-applications/{ravi.uid}/status"
    with pytest.raises(CallError, match="INVALID_TRANSITION"):
        admin.call("PUT", path, {"status": "call_done"})
    for status, kind, subject in STEPS:
        if status != "applied":
            given: dict[str, Any] = {"status": status}
            if status == "call_scheduled":
                given["callScheduledAt"] = clock.iso(clock.now() + timedelta(days=1))
            assert admin.call("PUT", path, given)["mentorStatus"] == status
        told = sockets.wait_for("ravi", "new_notification", lambda data, kind=kind: kind_of(data) == kind)
        assert told.args[0]["notification"]["title"] == subject
        bank.wait_for_mail(ravi, subject)
        assert ravi.get("/api/experts/me")["mentorStatus"] == status
    told_of = [one["type"] for one in ravi.get("/api/notifications")["items"]]
    assert told_of == [kind for _, kind, _ in reversed(STEPS)]

    # The token that Ravi has is older than the role: the client is told, and fetches another.
    assert ravi.get("/api/users/me")["refreshToken"]
    with pytest.raises(CallError, match="403"):
        ravi.get("/api/experts/me/dashboard")
    ravi.token = firebase.id_token("ravi", force=True)
    assert ravi.get("/api/experts/me/dashboard")["earnings"]["total"] == 0
    assert (ravi.get("/api/users/me")["role"], ravi.get("/api/users/me")["refreshToken"]) == ("expert", False)
    assert admin.get(f"/api/experts/{ravi.uid}")["name"] == "Ravi"


def kind_of(data: dict[str, Any]) -> str:
    return str(data["notification"]["type"])


def test_online_on_a_break_and_earning(stack_env: Env, sockets: SocketClients, firebase: FirebaseClients) -> None:
    asha = people.expert(stack_env, pricePerMin=PRICE)
    meera, kabir = people.user(stack_env, "Meera", rupees=9000), people.user(stack_env, "Kabir", rupees=9000)
    firebase.sign_in("asha", asha.email, asha.password)
    firebase.listen("asha", f"experts/{asha.uid}", "profile")
    firebase.listen("asha", f"wallets/{asha.uid}", "wallet")
    user, other = connect(sockets, stack_env, meera, "user", 1), connect(sockets, stack_env, kabir, "user", 2)
    assert sockets.call(user, "request-chat", {"expertId": asha.uid})["error"]["code"] == "EXPERT_OFFLINE"
    expert = connect(sockets, stack_env, asha, "expert", 2)
    firebase.wait_for("asha", "profile", lambda shown: shown["data"]["available"])
    sockets.wait_for(user, "expert-online", lambda data: data["id"] == asha.uid)

    # By hand: a request waits for her word, and charges nothing until then.
    edit(asha, acceptsByHand=True)
    assert sockets.call(user, "request-chat", {"expertId": asha.uid, "type": "video"})["pending"]
    request = sockets.wait_for(expert, "chat-request").args[0]
    assert (request["userName"], request["type"], request["pricePerMin"]) == ("Meera", "video", PRICE)
    take_time(stack_env, request["chatId"])
    [pending] = dashboard(asha)["pendingRequests"]["items"]
    assert (pending["kind"], pending["chatId"]) == ("request", request["chatId"])
    assert meera.get("/api/wallet")["balance"] == 9000
    assert sockets.call(expert, "accept-chat", {"chatId": request["chatId"]})["status"] == "in_progress"
    sockets.wait_for(user, "chat-started", lambda data: data["chatId"] == request["chatId"])
    # The second request she declines; nobody has paid for it.
    sockets.wait_for(user, "billing-update", lambda data: data["duration"] >= 2)
    sockets.call(expert, "end-chat", {"chatId": request["chatId"]})
    first = earned(sockets, expert, request["chatId"])
    sockets.call(other, "request-chat", {"expertId": asha.uid})
    declined = sockets.wait_for(expert, "chat-request", lambda data: data["userId"] == kabir.uid).args[0]
    take_time(stack_env, declined["chatId"])
    sockets.call(expert, "decline-chat", {"chatId": declined["chatId"], "reason": "in ten minutes"})
    ended = sockets.wait_for(other, "chat-ended", lambda data: data["chatId"] == declined["chatId"]).args[0]
    assert (ended["reason"], ended["note"], ended["totalCharged"]) == ("declined", "in ten minutes", 0)

    # On a break she is online and takes nobody; its end takes who waits.
    edit(asha, acceptsByHand=False, onBreak=True)
    firebase.wait_for("asha", "profile", lambda shown: shown["data"].get("onBreak", False))
    waiting = sockets.call(other, "request-chat", {"expertId": asha.uid})
    assert (waiting["position"], waiting["estimatedWaitS"]) == (1, None)
    assert dashboard(asha)["pendingRequests"]["count"] == 1
    mark = sockets.mark()
    edit(asha, onBreak=False)
    chat = sockets.wait_for(other, "chat-started", since=mark).args[0]["chatId"]
    assert dashboard(asha)["pendingRequests"]["count"] == 0
    sockets.call(other, "end-chat", {"chatId": chat})
    total = first + earned(sockets, expert, chat)

    firebase.wait_for("asha", "wallet", lambda shown: shown["data"]["balance"] == total)
    wait_until("both to count", lambda: meera.get(f"/api/experts/{asha.uid}")["orders"] == 2)
    shown = dashboard(asha)
    assert (shown["earnings"]["today"], shown["earnings"]["total"]) == (total, total)
    assert [one["id"] for one in shown["recentSessions"]] == [chat, request["chatId"]]
    assert sum(one["earning"] for one in shown["recentSessions"]) == total
    stats = shown["quickStats"]
    assert (stats["sessions"], stats["acceptanceRate"], stats["withdrawable"]) == (2, 67, total)
    # The portal's switch: connected, and offline all the same.
    edit(asha, available=False)
    sockets.wait_for(user, "expert-offline", lambda data: data["expertId"] == asha.uid)
    assert sockets.call(user, "request-chat", {"expertId": asha.uid})["error"]["code"] == "EXPERT_OFFLINE"


def take_time(env: Env, chat: str) -> None:
    """The time to accept does not run out on a slow machine."""
    later = clock.now() + timedelta(hours=1)
    Database(env["GOOGLE_CLOUD_PROJECT"]).ref("sessions", chat).update({"acceptUntil": later})


def edit(expert: Person, **fields: Any) -> None:
    """The portal's settings."""
    shown = expert.call("PUT", f"/api/experts/{expert.uid}", fields)
    assert {name: shown[name] for name in fields} == fields


def dashboard(expert: Person) -> dict[str, Any]:
    shown: dict[str, Any] = expert.get("/api/experts/me/dashboard")
    return shown


def earned(sockets: SocketClients, expert: str, chat: str) -> float:
    """The expert's share of a session, as its end tells it."""
    ended = sockets.wait_for(expert, "chat-ended", lambda data: data["chatId"] == chat).args[0]
    assert ended["earning"] == SHARE * ended["totalCharged"] > 0
    return float(ended["earning"])


def test_earnings_are_withdrawn(stack_env: Env, sockets: SocketClients, firebase: FirebaseClients) -> None:
    """One payout succeeds, one fails and returns, one stays with the bank and is settled later."""
    asha, meera = people.expert(stack_env, pricePerMin=1000), people.user(stack_env, rupees=1000)
    user = connect(sockets, stack_env, meera, "user", 1)
    expert = connect(sockets, stack_env, asha, "expert", 2)
    chat = sockets.call(user, "request-chat", {"expertId": asha.uid})["chatId"]
    sockets.call(user, "end-chat", {"chatId": chat})
    assert earned(sockets, expert, chat) == 800
    firebase.sign_in("asha", asha.email, asha.password)
    firebase.listen("asha", f"wallets/{asha.uid}", "wallet")

    def sees(balance: float, since: int = 0) -> None:
        firebase.wait_for("asha", "wallet", lambda shown: shown["data"]["balance"] == balance, since=since)

    with pytest.raises(CallError, match="402"):
        bank.withdraw(asha, 801)
    shown = asha.call("PUT", "/api/mentors/payout-details", BANK)
    assert shown["bankAccount"]["accountNumber"] == "••••6789"
    paid = bank.withdraw(asha, 300)
    bank.wait_for_status(asha, paid, "completed")
    assert "300" in bank.wait_for_mail(asha, "Your withdrawal is paid")
    sees(500)

    mark = firebase.mark()
    bank.outcome(asha, "failed")
    failed = bank.withdraw(asha, 200)
    reason = bank.wait_for_status(asha, failed, "failed")["failureReason"]
    assert reason in bank.wait_for_mail(asha, "Your withdrawal failed")
    sees(500, since=mark)

    bank.outcome(asha, "processing")
    waits = asha.post("/api/wallet/withdraw", {"amount": 150}, **{"Idempotency-Key": secrets.token_hex(8)})
    assert (waits["status"], waits["balance"]) == ("pending", 350)
    stats = dashboard(asha)["quickStats"]
    assert (stats["withdrawable"], stats["pendingWithdrawals"]) == (350, 150)
    wait_until("the payout at RazorpayX", lambda: is_at_the_bank(asha, waits["transactionId"]))
    assert asha.get(f"/api/wallet/transactions/{waits['transactionId']}")["status"] == "pending"
    bank.move(asha, waits["transactionId"], "processed")
    bank.wait_for_status(asha, waits["transactionId"], "completed")
    stats = dashboard(asha)["quickStats"]
    assert (stats["withdrawable"], stats["pendingWithdrawals"]) == (350, 0)
    wanted = {"payout_details_changed", "payout_processed", "payout_failed"}
    wait_until("all to be told", lambda: wanted <= {one["type"] for one in asha.get("/api/notifications")["items"]})
    entries = asha.get("/api/wallet/transactions?type=withdraw")["items"]
    assert [(one["amount"], one["status"]) for one in entries] == [
        (150, "completed"),
        (200, "failed"),
        (300, "completed"),
    ]


def is_at_the_bank(person: Person, transaction_id: str) -> bool:
    query = {"account_number": ACCOUNT_NUMBER, "reference_id": transaction_id}
    keys = (person.env["RAZORPAY_KEY_ID"], person.env["RAZORPAY_KEY_SECRET"])
    found = requests.get(f"{person.env['RAZORPAY_URL']}/v1/payouts", params=query, auth=keys, timeout=TIMEOUT_S)
    return bool(found.json()["items"])
