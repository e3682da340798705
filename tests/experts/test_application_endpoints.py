"""/api/admin/mentor-applications over HTTP, with the mails that applicants get."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from konnect import clock
from local.person import CallError, Person, wait_until
from tests import people

LIST = "/api/admin/mentor-applications"
PROFILE = {"name": "Asha Rao", "title": "Staff Engineer", "phone": "+91 98765 43210", "pricePerMin": 15}
CALL_AT = datetime.now(clock.INDIA) + timedelta(days=2)


def path(of: Person) -> str:
    return f"{LIST}/{of.uid}/status"


def applicant(env: Mapping[str, str], **form: Any) -> Person:
    asha = people.person(env, "Asha")
    asha.post("/api/experts/register", {**PROFILE, **form})
    return asha


def subjects(env: Mapping[str, str], to: str) -> list[str]:
    found = requests.get(f"{env['MAIL_URL']}/api/messages", params={"to": to}, timeout=60).json()
    return [message["subject"] for message in reversed(found["items"])]


def test_five_steps_with_a_mail_at_each(stack_env: dict[str, str]) -> None:
    asha, admin = applicant(stack_env), people.admin(stack_env)
    body = {"adminNotes": None, "rejectionReason": None, "callScheduledAt": None}
    verified = admin.call("PUT", path(asha), {**body, "status": "documents_verified", "adminNotes": "passport seen"})
    assert (verified["mentorStatus"], verified["refreshToken"]) == ("documents_verified", False)
    planned = admin.call(
        "PUT", path(asha), {**body, "status": "call_scheduled", "callScheduledAt": CALL_AT.isoformat()}
    )
    assert planned["onboardingData"]["callScheduledAt"] == clock.iso(CALL_AT)
    assert asha.get("/api/experts/me")["onboardingData"]["callScheduledAt"] == clock.iso(CALL_AT)
    admin.call("PUT", path(asha), {**body, "status": "call_done"})
    approved = admin.call("PUT", path(asha), {**body, "status": "approved"})
    assert (approved["mentorStatus"], approved["refreshToken"]) == ("approved", True)
    history = approved["onboardingData"]["history"]
    assert [(entry["to"], entry["kind"], entry["by"] == admin.uid) for entry in history] == [
        ("applied", "step", False),
        ("documents_verified", "step", True),
        ("call_scheduled", "step", True),
        ("call_done", "step", True),
        ("approved", "step", True),
    ]
    # The old token does not have the role yet, and the account says so.
    assert asha.get("/api/users/me")["refreshToken"] is True
    assert asha.post("/api/auth/verify")["role"] == "expert"
    with pytest.raises(CallError, match="403"):
        asha.get("/api/sessions/expert")
    asha.sign_in()
    assert asha.get("/api/sessions/expert")["items"] == []
    wait_until("five mails", lambda: len(subjects(stack_env, asha.email)) == 5)
    assert set(subjects(stack_env, asha.email)) == {
        "We have your application",
        "Your documents are verified",
        "Your call is scheduled",
        "Thank you for the call",
        "Your application is approved",
    }


def test_the_list_and_its_search(stack_env: dict[str, str]) -> None:
    asha, admin = applicant(stack_env), people.admin(stack_env)
    (newest,) = admin.get(f"{LIST}?limit=1&status=applied")["items"]
    assert {"email", "history", "phone"} <= {*newest, *newest["onboardingData"]}

    def found() -> Any:
        return admin.get(f"{LIST}?search={asha.email}")["items"]

    (item,) = wait_until("the application to be found by its address", found)
    assert (item["id"], item["email"], item["mentorStatus"]) == (asha.uid, asha.email, "applied")
    assert item["onboardingData"]["phone"] == PROFILE["phone"]
    admin.call("PUT", path(asha), {"status": "rejected", "rejectionReason": "documents missing"})
    wait_until("it to leave the list of those that wait", lambda: not found())
    (item,) = admin.get(f"{LIST}?search={asha.email}&status=rejected")["items"]
    assert item["onboardingData"]["rejectionReason"] == "documents missing"


def test_who_may(stack_env: dict[str, str]) -> None:
    asha = applicant(stack_env)
    assert requests.get(stack_env["API_URL"] + LIST, timeout=60).status_code == 401
    for call in (lambda: asha.get(LIST), lambda: asha.call("PUT", path(asha), {"status": "approved"})):
        with pytest.raises(CallError, match="403"):
            call()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status"),
        ({"status": "applied"}, "status"),
        ({"status": "maybe"}, "status"),
        ({"status": "rejected"}, "rejectionReason"),
        ({"status": "rejected", "rejectionReason": "  "}, "rejectionReason"),
        ({"status": "approved", "adminNotes": "x" * 2001}, "adminNotes"),
        ({"status": "call_scheduled", "callScheduledAt": "tomorrow"}, "callScheduledAt"),
        ({"status": "call_scheduled", "callScheduledAt": "2026-01-05T10:00:00"}, "callScheduledAt"),
    ],
)
def test_bad_input_names_the_field(stack_env: dict[str, str], body: dict[str, Any], field: str) -> None:
    asha, admin = applicant(stack_env), people.admin(stack_env)
    with pytest.raises(CallError) as refused:
        admin.call("PUT", path(asha), body)
    assert (refused.value.status, refused.value.details[0]["field"]) == (400, field)


@pytest.mark.parametrize(("query", "field"), [("status=maybe", "status"), ("limit=0", "limit"), ("cursor=x", "cursor")])
def test_a_bad_query_names_the_field(stack_env: dict[str, str], query: str, field: str) -> None:
    with pytest.raises(CallError) as refused:
        people.admin(stack_env).get(f"{LIST}?{query}")
    assert (refused.value.status, refused.value.details[0]["field"]) == (400, field)


def test_a_skip_says_what_is_allowed(stack_env: dict[str, str]) -> None:
    asha, admin = applicant(stack_env), people.admin(stack_env)
    with pytest.raises(CallError, match="INVALID_TRANSITION") as refused:
        admin.call("PUT", path(asha), {"status": "call_done"})
    assert refused.value.details[0]["allowed"] == ["documents_verified", "approved", "rejected"]


def test_the_console_moves_too_and_rehearses(stack_env: dict[str, str]) -> None:
    asha = applicant(stack_env)
    url = f"{stack_env['FUNCTIONS_URL']}/decide_expert"
    payload = {"expertId": asha.uid, "status": "documents_verified"}
    dry = requests.post(url, json={**payload, "dryRun": True}, timeout=60).json()
    assert (dry["dryRun"], dry["result"]) == (True, payload)
    assert asha.get("/api/experts/me")["mentorStatus"] == "applied"
    assert requests.post(url, json=payload, timeout=60).json() == payload
    call = {**payload, "status": "call_scheduled"}
    unplanned = requests.post(url, json=call, timeout=60)
    assert (unplanned.status_code, unplanned.json()["error"]["details"][0]["field"]) == (400, "callScheduledAt")
    planned = requests.post(url, json={**call, "callScheduledAt": CALL_AT.isoformat()}, timeout=60)
    assert planned.json()["status"] == "call_scheduled"
