"""POST /auth/register and /auth/login over HTTP, and their tokens, which last a week."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from local.clients.sockets import SocketClients
from local.person import CallError, Person, wait_until
from tests import people

PASSWORD = "secret"
REGISTER, LOGIN = "/auth/register", "/auth/login"


def address(name: str = "meera") -> str:
    return f"{name}-{time.time_ns()}@konnect.test"


def ask(env: Mapping[str, str], path: str, **body: Any) -> requests.Response:
    return requests.post(env["API_URL"] + path, json=body, timeout=60)


def register(env: Mapping[str, str], **changed: Any) -> dict[str, Any]:
    body = {"name": "Meera", "email": address(), "password": PASSWORD, "role": "user", **changed}
    answer = ask(env, REGISTER, **body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def by_cookie(env: Mapping[str, str], signed_in: dict[str, Any]) -> Person:
    user = signed_in["user"]
    return Person(env, user["email"], PASSWORD, user["id"], signed_in["token"], user["name"])


def error(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


class TestRegister:
    def test_an_account_with_a_profile_and_an_empty_wallet(self, stack_env: dict[str, str]) -> None:
        made = register(stack_env)
        user = made["user"]
        assert (made["id"], user["name"], user["role"], user["consultantStatus"]) == (user["id"], "Meera", "user", None)
        assert (made["tokenExpiresIn"], made["expiresIn"]) == (7 * 24 * 3600, 3600)
        meera = by_cookie(stack_env, made)
        assert meera.get("/api/users/me")["refreshToken"] is False
        assert meera.post("/api/auth/verify")["name"] == "Meera"
        assert meera.get("/api/wallet")["balance"] == 0
        # Firebase's own token works beside it.
        meera.token = made["idToken"]
        assert meera.get("/api/wallet")["balance"] == 0

    def test_a_consultant_applies_and_works_once_approved_without_another_sign_in(
        self, stack_env: dict[str, str]
    ) -> None:
        made = register(stack_env, name="Asha", role="consultant")
        assert (made["user"]["role"], made["user"]["consultantStatus"]) == ("consultant", "applied")
        # An instance remembers an account, and so its role, for ten seconds: nothing is asked with this one before.
        asha, admin = by_cookie(stack_env, made), people.admin(stack_env)
        admin.call("PUT", f"/api/admin/mentor-applications/{asha.uid}/status", {"status": "approved"})
        assert asha.response("GET", "/api/experts/me/dashboard").ok
        assert asha.post("/api/auth/verify")["role"] == "expert"
        again = ask(stack_env, LOGIN, email=asha.email, password=PASSWORD).json()["user"]
        assert (again["role"], again["consultantStatus"]) == ("consultant", "approved")

    def test_an_applicant_is_no_expert_yet(self, stack_env: dict[str, str]) -> None:
        asha = by_cookie(stack_env, register(stack_env, role="consultant"))
        assert asha.get("/api/experts/me")["mentorStatus"] == "applied"
        with pytest.raises(CallError, match="FORBIDDEN"):
            asha.get("/api/experts/me/dashboard")

    def test_a_taken_address(self, stack_env: dict[str, str]) -> None:
        made = register(stack_env)
        body = {"name": "Ravi", "email": made["user"]["email"].upper(), "password": "another", "role": "user"}
        assert error(ask(stack_env, REGISTER, **body)) == (409, "EMAIL_TAKEN")

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"name": " "}, "name"),
            ({"email": "nobody"}, "email"),
            ({"password": "12345"}, "password"),
            ({"password": ""}, "password"),
            ({"role": "admin"}, "role"),
            ({"phone": "call me"}, "phone"),
            ({"dateOfBirth": "2999-01-01"}, "dateOfBirth"),
            ({"dateOfBirth": "1990-02-30"}, "dateOfBirth"),
            ({"timeOfBirth": "24:00"}, "timeOfBirth"),
            ({"placeOfBirth": "x" * 121}, "placeOfBirth"),
        ],
    )
    def test_bad_input_names_the_field(self, stack_env: dict[str, str], changed: dict[str, Any], field: str) -> None:
        body = {"name": "Meera", "email": address(), "password": PASSWORD, "role": "user", **changed}
        answer = ask(stack_env, REGISTER, **body)
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, field)
        assert ask(stack_env, LOGIN, email=body["email"], password=PASSWORD).status_code in {400, 401}

    def test_phone_and_birth_details(self, stack_env: dict[str, str]) -> None:
        phone = people.phone()
        born = {"dateOfBirth": "1990-02-03", "timeOfBirth": "06:15", "placeOfBirth": "पुणे"}
        made = register(stack_env, phone=phone.removeprefix("+91"), **born)
        account = by_cookie(stack_env, made).get("/api/users/me")
        assert {name: account[name] for name in ("phone", *born)} == {"phone": phone, **born}
        refused = {"name": "Ravi", "email": address("ravi"), "password": PASSWORD, "role": "user", "phone": phone}
        assert error(ask(stack_env, REGISTER, **refused)) == (409, "PHONE_TAKEN")
        # Nothing is left of it: the address is free.
        register(stack_env, **{**refused, "phone": people.phone()})


class TestLogIn:
    def test_signs_in(self, stack_env: dict[str, str]) -> None:
        made = register(stack_env)
        answer = ask(stack_env, LOGIN, email=f" {made['user']['email'].upper()} ", password=PASSWORD)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json()["user"] == made["user"]
        assert by_cookie(stack_env, answer.json()).get("/api/wallet")["balance"] == 0

    def test_an_account_of_firebase_s_sdk_gets_its_profile(self, stack_env: dict[str, str]) -> None:
        email = address()
        Person.sign_up(stack_env, email, PASSWORD, "Meera")
        signed_in = ask(stack_env, LOGIN, email=email, password=PASSWORD).json()
        assert by_cookie(stack_env, signed_in).get("/api/users/me")["name"] == "Meera"

    def test_wrong_and_unknown_are_answered_alike(self, stack_env: dict[str, str]) -> None:
        made = register(stack_env)
        answers = [
            ask(stack_env, LOGIN, email=email, password="wrong-one") for email in (made["user"]["email"], address())
        ]
        assert [error(answer) for answer in answers] == [(401, "INVALID_CREDENTIALS")] * 2
        assert answers[0].content == answers[1].content
        told = [{name for name in answer.headers if name != "X-Request-Id"} for answer in answers]
        assert told[0] == told[1]

    def test_five_failures_lock_out_and_a_success_clears_them(self, stack_env: dict[str, str]) -> None:
        made, other = register(stack_env), register(stack_env)
        email = made["user"]["email"]
        for _ in range(4):
            assert ask(stack_env, LOGIN, email=email, password="wrong-one").status_code == 401
        assert ask(stack_env, LOGIN, email=email, password=PASSWORD).status_code == 200
        tried: list[int] = []

        def locked() -> bool:
            answer = ask(stack_env, LOGIN, email=email, password="wrong-one")
            tried.append(answer.status_code)
            # Not by a window that is about to end: the next begins anew.
            return answer.status_code == 429 and int(answer.headers["Retry-After"]) > 30

        wait_until("the lock", locked)
        assert (tried[:5], tried.count(401) <= 10) == ([401] * 5, True)
        refused = ask(stack_env, LOGIN, email=email, password=PASSWORD)
        assert error(refused) == (429, "TOO_MANY_ATTEMPTS")
        assert 0 < int(refused.headers["Retry-After"]) <= 900
        # The sign-ins of before and other accounts go on.
        assert by_cookie(stack_env, made).get("/api/wallet")["balance"] == 0
        assert ask(stack_env, LOGIN, email=other["user"]["email"], password=PASSWORD).status_code == 200

    @pytest.mark.parametrize("body", [{}, {"email": "x@y.zz"}, {"email": "x", "password": "secret"}])
    def test_bad_input(self, stack_env: dict[str, str], body: dict[str, str]) -> None:
        assert ask(stack_env, LOGIN, **body).status_code == 400


class TestTheCookie:
    def test_a_change_of_password_ends_those_of_before(self, stack_env: dict[str, str]) -> None:
        made = register(stack_env)
        meera = by_cookie(stack_env, made)
        time.sleep(1.05)  # The times of tokens are whole seconds.
        meera.call("PATCH", "/api/users/me", {"password": "another-one"})
        wait_until("the end of the cookie", lambda: meera.response("GET", "/api/wallet").status_code == 401)
        assert ask(stack_env, LOGIN, email=meera.email, password=PASSWORD).status_code == 401
        again = ask(stack_env, LOGIN, email=meera.email, password="another-one").json()
        assert by_cookie(stack_env, again).get("/api/wallet")["balance"] == 0

    def test_a_disabled_account_is_refused(self, stack_env: dict[str, str]) -> None:
        made = register(stack_env)
        meera = by_cookie(stack_env, made)
        people.admin(stack_env).call("PATCH", f"/api/admin/users/{meera.uid}", {"disabled": True})
        wait_until("the refusal", lambda: meera.response("GET", "/api/wallet").status_code == 403)
        # Firebase refuses it before it looks at the password, so nobody is told that the address is known.
        assert error(ask(stack_env, LOGIN, email=meera.email, password=PASSWORD)) == (401, "INVALID_CREDENTIALS")

    def test_sockets_take_it(self, stack_env: dict[str, str]) -> None:
        made = register(stack_env)
        with SocketClients() as sockets:
            sockets.connect("meera", stack_env["SIGNALING_URL"], auth={"token": made["token"], "userType": "user"})
            ack = sockets.call("meera", "register", {"userId": "somebody-else", "userType": "user", "name": "Meera"})
            assert "error" not in ack, ack
