"""kundlinow by its own paths alone: sign up, be approved, recharge; and a consult, by the tokens of a week."""

import secrets
from collections.abc import Callable
from typing import Any

import requests

from local.person import Person
from tests import people
from tests.signaling.conftest import Seat, clients, seat, urls

__all__ = ["clients", "seat", "urls"]

Env = dict[str, str]


def signed_up(env: Env, name: str, **given: Any) -> Person:
    """By address and password; known by the token of a week from then on."""
    email = f"{name.lower()}-{secrets.token_hex(5)}@konnect.test"
    body = {"name": name, "email": email, "password": people.PASSWORD, **given}
    answer = requests.post(f"{env['API_URL']}/auth/register", json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return Person(env, email, people.PASSWORD, made["id"], made["token"], made["user"]["name"])


def test_sign_up_and_recharge(stack_env: Env) -> None:
    born = {"dateOfBirth": "1990-02-03", "timeOfBirth": "06:15", "placeOfBirth": "Pune"}
    meera = signed_up(stack_env, "Meera", role="user", phone=people.phone(), **born)
    asha = signed_up(stack_env, "Asha", role="consultant")
    application = f"/api/admin/mentor-applications/{asha.uid}/status"
    people.admin(stack_env).call("PUT", application, {"status": "approved"})
    assert asha.get("/api/experts/me")["mentorStatus"] == "approved"
    assert asha.response("GET", "/api/experts/me/dashboard").ok

    order = meera.order(500)
    recharge = {
        "userId": meera.uid,
        "amount": 500,
        "paymentMethod": "razorpay",
        "receiptId": order["receipt"],
    }
    assert meera.post("/wallet/recharge", recharge)["status"] == "pending"
    meera.pay(order["orderId"])
    credited = meera.post("/wallet/recharge", recharge)
    assert credited == {
        "transactionId": order["transactionId"],
        "status": "success",
        "balance": 500,
        "balancePaise": 50000,
    }
    assert meera.post("/wallet/recharge", recharge) == credited
    again = requests.post(
        f"{stack_env['API_URL']}/auth/login", json={"email": meera.email, "password": meera.password}, timeout=60
    ).json()
    assert (again["id"], again["user"]["hasBirthDetails"]) == (meera.uid, True)
    assert {name: meera.get("/api/users/me")[name] for name in born} == born


def test_a_consult(stack_env: Env, seat: Callable[..., Seat], urls: tuple[str, str]) -> None:
    born = {"dateOfBirth": "1990-02-03", "timeOfBirth": "06:15", "placeOfBirth": "Pune"}
    meera, asha = signed_up(stack_env, "Meera", **born), signed_up(stack_env, "Asha", role="consultant")
    application = f"/api/admin/mentor-applications/{asha.uid}/status"
    people.admin(stack_env).call("PUT", application, {"status": "approved"})
    meera.deposit(500)
    wanted = {"userId": meera.uid, "consultantId": asha.uid, "durationMinutes": 30}
    consult_id = meera.post("/consult/start", wanted)["consultId"]
    asha.post(f"/consult/{consult_id}/accept")
    assert asha.get(f"/consult/{consult_id}")["birth"] is None
    user, expert = seat(meera, urls[0]).connect(), seat(asha, urls[1]).connect()
    for one in (user, expert):
        one.call("join_consult", {"consultId": consult_id})
    active = asha.get(f"/consult/{consult_id}")
    assert (active["status"], active["birth"]) == ("active", born)
    assert meera.get(f"/consult/{consult_id}")["birth"] is None
    user.call("message", {"consultId": consult_id, "message": {"id": "1", "type": "text", "body": "Namaste"}})
    assert expert.wait("message")["message"]["body"] == "Namaste"
    receipt = asha.post(f"/consult/{consult_id}/end")
    assert receipt["endReason"] == "expert-ended"
    assert receipt["heldPaise"] == receipt["amountPaise"] + receipt["releasedPaise"]
    assert user.wait("session_end")["endedBy"] == asha.uid
    assert meera.get("/api/wallet")["balancePaise"] == 50000 - receipt["amountPaise"]
    assert asha.get("/api/wallet")["balancePaise"] == receipt["earningPaise"]
