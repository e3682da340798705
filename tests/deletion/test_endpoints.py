"""DELETE /api/users/me over HTTP: the task, the account in Auth, the last mail."""

import time

import pytest
import requests

from bench.entry_point import id_token
from local.person import CallError, Person, wait_until
from tests import people


def delete(person: Person) -> requests.Response:
    return person.response("DELETE", "/api/users/me")


def test_an_account_goes(stack_env: dict[str, str]) -> None:
    meera = people.person(stack_env, "Meera")
    answer = delete(meera)
    assert (answer.status_code, answer.json()["status"]) == (202, "requested")
    with pytest.raises(CallError, match="ACCOUNT_DISABLED"):
        meera.get("/api/users/me")

    def gone() -> bool:
        try:
            meera.sign_in()
        except CallError:
            return True
        return False

    wait_until("the account to be gone from Auth", gone)

    def mails() -> list[str]:
        found = requests.get(f"{stack_env['MAIL_URL']}/api/messages", params={"to": meera.email}, timeout=60).json()
        return [message["subject"] for message in found["items"]]

    wait_until("the last mail", lambda: mails() == ["Your account has been deleted"])
    # The address is free again, and whoever takes it is somebody new.
    again = Person.sign_up(stack_env, meera.email, people.PASSWORD, "Meera")
    assert again.uid != meera.uid
    assert again.get("/api/users/me")["phone"] is None


def test_money_stands_in_the_way(stack_env: dict[str, str]) -> None:
    meera = people.user(stack_env, rupees=50)
    answer = delete(meera)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ACCOUNT_IN_USE")
    (detail,) = answer.json()["error"]["details"]
    assert (detail["code"], detail["amount"], detail["withdrawable"]) == ("WALLET_NOT_EMPTY", 50, 0)
    assert "refund" in detail["way"]
    assert meera.get("/api/wallet")["balance"] == 50


def test_an_expert_is_not_found_any_more(stack_env: dict[str, str]) -> None:
    asha = people.expert(stack_env)
    assert delete(asha).status_code == 202
    url = f"{stack_env['API_URL']}/api/experts/{asha.uid}"
    wait_until("the profile to be gone", lambda: requests.get(url, timeout=60).status_code == 404)


def test_an_old_sign_in_is_not_enough(stack_env: dict[str, str]) -> None:
    meera = people.person(stack_env, "Meera")
    signed_in = int(time.time()) - 3600
    token = id_token(stack_env["GOOGLE_CLOUD_PROJECT"], meera.uid, auth_time=signed_in, email=meera.email)
    answer = delete(Person(stack_env, meera.email, "", meera.uid, token))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "RECENT_LOGIN_REQUIRED")
    assert meera.get("/api/users/me")["id"] == meera.uid
