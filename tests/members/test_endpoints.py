"""/api/v1/users over HTTP, with the mails that go out."""

import re
import time
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from local.clients.sockets import SocketClients
from local.person import CallError, Person, wait_until
from tests import people
from tests.uploads.conftest import SAMPLES

PASSWORD, BASE = "secret", "/api/v1/users"


def address(name: str = "meera") -> str:
    return f"{name}-{time.time_ns()}@konnect.test"


def ask(env: Mapping[str, str], path: str, **body: Any) -> requests.Response:
    return requests.post(f"{env['API_URL']}{BASE}/{path}", json=body, timeout=60)


def register(env: Mapping[str, str], **changed: Any) -> dict[str, Any]:
    answer = ask(env, "register", **{"name": "Meera", "email": address(), "password": PASSWORD, **changed})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return dict(answer.json())


def by_token(env: Mapping[str, str], signed_in: dict[str, Any]) -> Person:
    user = signed_in["user"]
    return Person(env, user["email"], PASSWORD, user["id"], signed_in["token"], user["name"])


def error(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def mailed(env: Mapping[str, str], email: str, subject: str) -> str:
    """The token of the link in the mail with this subject, once it has come."""

    def found() -> list[dict[str, Any]]:
        mails = requests.get(f"{env['MAIL_URL']}/api/messages", params={"to": email}, timeout=60).json()["items"]
        return [mail for mail in mails if mail["subject"] == subject]

    wait_until(f"the mail “{subject}”", found)
    text = requests.get(f"{env['MAIL_URL']}/api/messages/{found()[0]['id']}", timeout=60).json()["text"]
    [token] = re.findall(r"\?token=(\S+)", text)
    return str(token)


class TestTheAccount:
    def test_from_registration_to_a_new_password(self, stack_env: dict[str, str]) -> None:
        friend = register(stack_env, name="Asha")["user"]
        made = register(stack_env, referralCode=friend["referralCode"])
        user, meera = made["user"], by_token(stack_env, made)
        assert (user["role"], user["status"], user["educatorStatus"]) == ("learner", "active", None)
        assert (user["emailVerified"], made["expiresIn"]) == (False, 3600)
        assert (user["gamification"]["points"], user["gamification"]["currentStreak"]) == (5, 1)
        assert meera.get("/api/wallet")["balance"] == 0

        assert ask(stack_env, "verify-email", token="nonsense").json()["error"]["code"] == "TOKEN_INVALID"
        token = mailed(stack_env, user["email"], "Verify your e-mail address")
        assert ask(stack_env, "verify-email", token=token).json() == {"id": user["id"], "verified": True}
        assert meera.get(f"{BASE}/me")["emailVerified"] is True
        again = ask(stack_env, "login", email=friend["email"], password=PASSWORD).json()
        asha = by_token(stack_env, again)
        wait_until("the points for a friend", lambda: asha.get(f"{BASE}/me")["gamification"]["points"] == 30)
        assert meera.post(f"{BASE}/resend-verification")["message"] == "Your address is verified already."

        following = ask(stack_env, "refresh-token", refreshToken=made["refreshToken"])
        assert following.status_code == 200, following.text
        meera.token = following.json()["token"]
        changed = meera.call("PUT", f"{BASE}/change-password", {"currentPassword": PASSWORD, "newPassword": "another"})
        assert error(ask(stack_env, "login", email=meera.email, password=PASSWORD)) == (401, "INVALID_CREDENTIALS")
        meera.token = changed["token"]
        assert meera.get(f"{BASE}/me")["id"] == user["id"]

        known, unknown = (ask(stack_env, "forgot-password", email=email) for email in (meera.email, address()))
        assert (known.status_code, known.content) == (202, unknown.content)
        token = mailed(stack_env, meera.email, "Reset your password")
        assert error(ask(stack_env, "reset-password", token=token, password="12345")) == (400, "WEAK_PASSWORD")
        assert ask(stack_env, "reset-password", token=token, password="a third one").status_code == 200
        assert error(ask(stack_env, "reset-password", token=token, password="a fourth")) == (400, "TOKEN_INVALID")
        last = ask(stack_env, "login", email=meera.email, password="a third one")
        assert last.status_code == 200, last.text

    def test_signing_out_ends_tokens_and_sockets(self, stack_env: dict[str, str]) -> None:
        made = register(stack_env)
        meera = by_token(stack_env, made)
        with SocketClients() as sockets:
            sockets.connect("meera", stack_env["SIGNALING_URL"], auth={"token": made["token"], "userType": "user"})
            assert meera.post(f"{BASE}/logout")["message"]
            assert sockets.wait_for("meera", "disconnect").args[0]["reason"] == "io server disconnect"
        wait_until("the end of the token", lambda: meera.response("GET", f"{BASE}/me").status_code == 401)
        assert error(ask(stack_env, "refresh-token", refreshToken=made["refreshToken"]))[0] == 401
        again = ask(stack_env, "login", email=meera.email, password=PASSWORD)
        assert again.status_code == 200, again.text
        meera.token = again.json()["token"]
        wait_until("the new sign-in", lambda: meera.response("GET", f"{BASE}/me").ok)

    def test_refusals(self, stack_env: dict[str, str]) -> None:
        made = register(stack_env)
        body = {"name": "Ravi", "email": made["user"]["email"].upper(), "password": "another"}
        assert error(ask(stack_env, "register", **body)) == (409, "EMAIL_TAKEN")
        assert error(ask(stack_env, "register", **{**body, "email": address(), "password": "12345"})) == (
            400,
            "WEAK_PASSWORD",
        )
        assert error(ask(stack_env, "register", **{**body, "email": address(), "role": "admin"}))[0] == 400
        assert error(ask(stack_env, "refresh-token", refreshToken="nonsense")) == (401, "REFRESH_TOKEN_INVALID")
        meera = by_token(stack_env, made)
        wrong = {"currentPassword": "wrong-one", "newPassword": "another"}
        assert error(meera.response("PUT", f"{BASE}/change-password", wrong)) == (400, "INVALID_CREDENTIALS")


class TestTheProfile:
    def test_an_educator_writes_theirs(self, stack_env: dict[str, str]) -> None:
        made = register(stack_env, name="Asha", role="educator")
        asha = by_token(stack_env, made)
        assert (made["user"]["role"], made["user"]["educatorStatus"]) == ("educator", "applied")
        content_type, name, data = SAMPLES["photo"]
        upload = asha.post(
            "/api/uploads", {"purpose": "photo", "contentType": content_type, "size": len(data), "fileName": name}
        )
        requests.put(upload["url"], data=data, headers=upload["headers"], timeout=60).raise_for_status()
        profile = {
            "name": "Asha Rao",
            "bio": "I teach. Write to asha@konnect.test",
            "profileImage": upload["fileUrl"],
            "interests": ["Programming", "Design"],
            "availability": [{"day": "saturday", "from": "10:00", "to": "12:30"}],
            "hideFromLeaderboard": True,
        }
        changed = asha.call("PUT", f"{BASE}/profile", profile)
        assert changed["bio"] == "I teach. Write to [mail address hidden]"
        assert (changed["name"], changed["profileImage"]) == ("Asha Rao", upload["fileUrl"])
        assert changed["skillExchangeProfile"]["availability"] == profile["availability"]
        assert asha.get("/api/users/me")["name"] == "Asha Rao"
        # Shown as it is kept, also where nothing of it may be seen.
        named = asha.call("PUT", f"{BASE}/profile", {"name": "98765 43210"})["name"]
        assert named == asha.get("/api/users/me")["name"] == "User"
        given = {
            "skills": [{"name": "Go", "level": "expert"}, {"name": "Tabla"}],
            "offeredSkills": ["Go"],
            "desiredSkills": ["Chess"],
        }
        taught = asha.call("PUT", f"{BASE}/skills", given)
        assert [(one["name"], one["level"], one["endorsements"]) for one in taught["skills"]] == [
            ("Go", "expert", 0),
            ("Tabla", "beginner", 0),
        ]
        assert taught["skillExchangeProfile"]["offeredSkills"] == ["Go"]
        assert asha.call("PUT", f"{BASE}/skills", {"desiredSkills": []})["skills"] == taught["skills"]
        assert asha.call("PUT", f"{BASE}/profile", {"profileImage": None})["profileImage"] is None
        assert asha.get(f"{BASE}/me")["interests"] == ["Programming", "Design"]

    def test_a_user_of_another_product_becomes_an_educator(self, stack_env: dict[str, str]) -> None:
        meera = people.person(stack_env, "Meera")
        assert meera.get(f"{BASE}/me")["role"] == "learner"
        assert meera.call("PUT", f"{BASE}/profile", {"role": "educator"})["educatorStatus"] == "applied"
        assert meera.get("/api/experts/me")["mentorStatus"] == "applied"

    @pytest.mark.parametrize(
        ("path", "body", "field"),
        [
            ("profile", {"name": " "}, "name"),
            ("profile", {"role": "admin"}, "role"),
            ("profile", {"profileImage": "javascript:alert(1)"}, "profileImage"),
            ("profile", {"availability": [{"day": "monday", "from": "12:00", "to": "10:00"}]}, "availability.0"),
            ("profile", {"availability": [{"day": "someday", "from": "10:00", "to": "12:00"}]}, "availability.0.day"),
            ("skills", {"skills": [{"name": "Go", "level": "guru"}]}, "skills.0.level"),
            ("skills", {"offeredSkills": ["x" * 61]}, "offeredSkills.0"),
            ("skills", {"desiredSkills": ["x"] * 31}, "desiredSkills"),
        ],
    )
    def test_bad_input_names_the_field(
        self, stack_env: dict[str, str], signed_in: Person, path: str, body: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(CallError) as refused:
            signed_in.call("PUT", f"{BASE}/{path}", body)
        assert (refused.value.status, refused.value.details[0]["field"]) == (400, field)


@pytest.fixture(scope="module")
def signed_in(stack_env: dict[str, str]) -> Person:
    return people.person(stack_env, "Meera")
