"""/api/users/me and /api/onboarding/options over HTTP."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import requests

from bench.entry_point import id_token
from konnect.auth import Principal
from konnect.context import Context
from konnect.identity import service
from local.person import CallError, Person, wait_until
from tests import people
from tests.support import START


def mails(env: Mapping[str, str], to: str) -> list[str]:
    found = requests.get(f"{env['MAIL_URL']}/api/messages", params={"to": to}, timeout=60).json()
    return [message["subject"] for message in found["items"]]


def stale(person: Person, **claims: Any) -> Person:
    """The same person by a token whose sign-in was an hour ago."""
    project = person.env["GOOGLE_CLOUD_PROJECT"]
    token = id_token(project, person.uid, **{"auth_time": int(time.time()) - 3600, "email": person.email, **claims})
    return Person(person.env, person.email, person.password, person.uid, token, person.name)


def change(person: Person, **body: Any) -> Any:
    return person.call("PATCH", "/api/users/me", body)


class TestOptions:
    def test_twelve_interests_and_eight_goals_for_everybody(self, stack_env: dict[str, str]) -> None:
        options = requests.get(stack_env["API_URL"] + "/api/onboarding/options", timeout=60).json()
        assert (len(options["interests"]), len(options["goals"])) == (12, 8)
        assert all(set(option) == {"id", "label"} for option in [*options["interests"], *options["goals"]])


class TestOwn:
    def test_anonymous(self, stack_env: dict[str, str]) -> None:
        for method in ("GET", "PATCH", "DELETE"):
            answer = requests.request(method, stack_env["API_URL"] + "/api/users/me", json={}, timeout=60)
            assert answer.status_code == 401

    def test_a_new_account_has_one_at_the_first_look(self, stack_env: dict[str, str]) -> None:
        email = f"meera-{time.time_ns()}@konnect.test"
        meera = Person.sign_up(stack_env, email, people.PASSWORD, "Meera")
        account = meera.get("/api/users/me")
        assert {name: account[name] for name in account if name not in {"createdAt", "updatedAt"}} == {
            "id": meera.uid,
            "email": email,
            "verified": False,
            "name": "Meera",
            "phone": None,
            "dateOfBirth": None,
            "timeOfBirth": None,
            "placeOfBirth": None,
            "bio": None,
            "interests": [],
            "goals": [],
            "role": "user",
            "refreshToken": False,
        }
        assert meera.post("/api/auth/verify")["createdAt"] == account["createdAt"]


class TestChange:
    def test_onboarding(self, stack_env: dict[str, str]) -> None:
        meera = people.person(stack_env, "Meera")
        profile = {
            "name": "Meera Iyer",
            "phone": people.phone(),
            "dateOfBirth": "1990-02-03",
            "timeOfBirth": "06:15",
            "placeOfBirth": "Pune",
            "bio": "Two years in sales.",
            "interests": ["sales", "marketing", "sales"],
            "goals": ["get-promoted"],
        }
        changed = change(meera, **profile)
        assert {name: changed[name] for name in profile} == {**profile, "interests": ["sales", "marketing"]}
        assert meera.get("/api/users/me") == changed
        assert change(meera, bio=None)["bio"] is None
        kept = change(meera)
        assert (kept["name"], kept["phone"], kept["goals"]) == ("Meera Iyer", profile["phone"], ["get-promoted"])
        cleared = change(meera, phone=None, timeOfBirth=None)
        assert (cleared["phone"], cleared["timeOfBirth"], cleared["placeOfBirth"]) == (None, None, "Pune")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": None}, "name"),
            ({"name": "x" * 121}, "name"),
            ({"phone": "call me"}, "phone"),
            ({"phone": "+0123456789"}, "phone"),
            ({"dateOfBirth": "2999-01-01"}, "dateOfBirth"),
            ({"dateOfBirth": "1990-02-30"}, "dateOfBirth"),
            ({"timeOfBirth": "6:15"}, "timeOfBirth"),
            ({"placeOfBirth": ""}, "placeOfBirth"),
            ({"bio": "x" * 2001}, "bio"),
            ({"interests": ["juggling"]}, "interests"),
            ({"interests": "sales"}, "interests"),
            ({"goals": ["sales"]}, "goals"),
            ({"email": "nobody"}, "email"),
            ({"password": "short"}, "password"),
        ],
    )
    def test_bad_input_names_the_field(self, stack_env: dict[str, str], body: dict[str, Any], field: str) -> None:
        with pytest.raises(CallError) as refused:
            change(people.person(stack_env, "Meera"), **body)
        assert (refused.value.status, refused.value.details[0]["field"]) == (400, field)

    def test_what_is_private_does_not_show_on_the_expert_s_profile(self, stack_env: dict[str, str]) -> None:
        asha = people.expert(stack_env)
        phone = people.phone()
        change(asha, phone=phone, bio="Nobody's business", placeOfBirth="Pune")
        shown = requests.get(f"{stack_env['API_URL']}/api/experts/{asha.uid}", timeout=60).text
        assert phone[-5:] not in shown
        assert "Pune" not in shown
        assert "business" not in shown

    def test_a_role_and_other_foreign_fields_stay(self, stack_env: dict[str, str]) -> None:
        meera = people.person(stack_env, "Meera")
        changed = change(meera, role="admin", disabled=True, verified=True)
        assert (changed["role"], changed["verified"]) == ("user", False)


class TestSignIn:
    def test_another_address(self, stack_env: dict[str, str]) -> None:
        meera = people.person(stack_env, "Meera")
        old, new = meera.email, f"new-{meera.email}"
        # A verified address does not make the next one so.
        changed = change(meera, email=new.upper())
        assert (changed["email"], changed["verified"], changed["refreshToken"]) == (new, False, True)
        # The old token must not bring the old address back.
        assert meera.post("/api/auth/verify")["email"] == new
        wait_until(
            "the warning to the old address", lambda: mails(stack_env, old) == ["Your e-mail address was changed"]
        )
        assert mails(stack_env, new) == []
        meera.email = new
        meera.sign_in()
        assert meera.post("/api/auth/verify")["email"] == new

    def test_another_password(self, stack_env: dict[str, str]) -> None:
        meera = people.person(stack_env, "Meera")
        change(meera, password="another-password")
        with pytest.raises(CallError, match="INVALID"):
            meera.sign_in()
        meera.password = "another-password"
        meera.sign_in()
        wait_until("the warning", lambda: mails(stack_env, meera.email) == ["Your password was changed"])

    def test_a_taken_address(self, stack_env: dict[str, str]) -> None:
        meera, ravi = people.person(stack_env, "Meera"), people.person(stack_env, "Ravi")
        with pytest.raises(CallError, match="EMAIL_TAKEN") as refused:
            change(meera, email=ravi.email, name="Not Ravi")
        assert refused.value.status == 409
        assert meera.get("/api/users/me")["name"] == "Meera"

    @pytest.mark.parametrize("body", [{"email": "else@konnect.test"}, {"password": "another-password"}])
    def test_an_old_sign_in_is_not_enough(self, stack_env: dict[str, str], body: dict[str, str]) -> None:
        meera = stale(people.person(stack_env, "Meera"))
        with pytest.raises(CallError) as refused:
            change(meera, **body)
        assert (refused.value.status, refused.value.code) == (403, "RECENT_LOGIN_REQUIRED")
        assert change(meera, name="Meera I", email=meera.email)["name"] == "Meera I"


@pytest.mark.parametrize(("role", "outdated"), [("expert", False), ("user", True)])
def test_a_token_of_the_second_of_a_change_is_judged_by_what_it_says(ctx: Context, role: str, outdated: bool) -> None:
    made, changed = START, START + timedelta(milliseconds=300)
    profile = {"name": "Asha", "email": "a@konnect.test", "emailVerified": True, "role": "expert", "disabled": False}
    ctx.db.set(("users", "asha"), {**profile, "claimsChangedAt": changed, "createdAt": made, "updatedAt": made})
    principal = Principal("asha", "a@konnect.test", True, "Asha", role, made + timedelta(hours=1), issued_at=made)
    assert service.own(ctx, principal, now=changed)["refreshToken"] is outdated


@pytest.mark.parametrize(
    ("given", "email", "shown"),
    [
        ("Meera 98765 43210", "m@konnect.test", "Meera"),
        ("Meera R. <meera@example.com> (98765 43210)", "m@konnect.test", "Meera R"),
        ("राहुल के | 9876543210", "m@konnect.test", "राहुल के"),
        ("- 98765 43210 -", "m@konnect.test", "User"),
        ("R2-D2 (Jr.)", "m@konnect.test", "R2-D2 (Jr.)"),
        ("राहुल २", "m@konnect.test", "राहुल २"),
        ("meera@example.com", "m@konnect.test", "User"),
        (None, "9876543210@konnect.test", "User"),
        (None, "meera@konnect.test", "meera"),
    ],
)
def test_a_name_tells_nobody_how_to_reach_its_owner(ctx: Context, given: str | None, email: str, shown: str) -> None:
    who = Principal("meera", email, email_verified=True, name=given, role="user", expires_at=START)
    assert ctx.run(lambda tx: service.verify(tx, who, now=START))["name"] == shown
    if given is not None:
        ctx.run(lambda tx: service.rename(tx, "meera", "Somebody", now=START))
        ctx.run(lambda tx: service.rename(tx, "meera", given, now=START))
        assert service.change(ctx, who, {"name": given}, now=START)["name"] == shown
        assert (ctx.db.get("users", "meera") or {})["name"] == shown
