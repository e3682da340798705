"""POST /api/auth/verify over HTTP."""

import pytest
import requests

from local.person import CallError, Person, wait_until
from tests import people


def test_the_first_call_makes_profile_and_wallet_and_the_next_returns_them(stack_env: dict[str, str]) -> None:
    meera = people.person(stack_env, "Meera")
    profile = meera.post("/api/auth/verify")
    assert set(profile) == {"id", "email", "name", "role", "disabled", "createdAt", "updatedAt"}
    assert (profile["id"], profile["email"], profile["name"], profile["role"]) == (
        meera.uid,
        meera.email,
        "Meera",
        "user",
    )
    assert meera.post("/api/auth/verify") == profile
    assert meera.get("/api/wallet")["balance"] == 0


def test_the_role_follows_the_claim(stack_env: dict[str, str]) -> None:
    assert people.admin(stack_env).post("/api/auth/verify")["role"] == "admin"


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nonsense", "Basic abc", "Bearer a.b.c"])
def test_no_valid_token(stack_env: dict[str, str], authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = requests.post(stack_env["API_URL"] + "/api/auth/verify", json={}, headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")


def test_a_disabled_account_is_refused_everywhere(stack_env: dict[str, str]) -> None:
    meera = people.person(stack_env, "Meera")
    from google.cloud import firestore

    database = firestore.Client(project=stack_env["GOOGLE_CLOUD_PROJECT"])
    database.document("users", meera.uid).update({"disabled": True})

    def refused(path: str, method: str = "GET") -> bool:
        try:
            meera.call(method, path, {} if method == "POST" else None)
        except CallError as error:
            return (error.status, error.code) == (403, "ACCOUNT_DISABLED")
        return False

    # Each instance remembers an account for ten seconds at most.
    wait_until("the account to be refused", lambda: refused("/api/auth/verify", "POST"))
    wait_until("the wallet to be refused", lambda: refused("/api/wallet"))
    wait_until("the sessions to be refused", lambda: refused("/api/sessions"))


def test_a_foreign_project_s_token(stack_env: dict[str, str]) -> None:
    import base64
    import json
    import time

    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    now = int(time.time())
    claims = {
        "iss": "https://securetoken.google.com/another",
        "aud": "another",
        "sub": "meera",
        "iat": now,
        "auth_time": now,
        "exp": now + 3600,
    }
    stranger = Person(stack_env, "", "", "meera", f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.")
    with pytest.raises(CallError) as refused:
        stranger.get("/api/wallet")
    assert refused.value.status == 401
