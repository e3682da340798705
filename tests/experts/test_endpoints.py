"""/api/experts over HTTP: register, decide, find."""

import uuid
from typing import Any

import pytest
import requests

from bench import sessions
from konnect import clock
from konnect.platform import PlatformConfig
from konnect.sessions import removal, service
from konnect.sessions.metering import Pace
from local.person import CallError, wait_until
from tests import people

PROFILE = {"name": "Asha Rao", "title": "Staff Engineer", "pricePerMin": 15, "specialties": ["System Design"]}


def test_from_application_to_the_list(stack_env: dict[str, str]) -> None:
    asha, admin = people.person(stack_env, "Asha"), people.admin(stack_env)
    applied = asha.post("/api/experts/register", {**PROFILE, "phone": "+91 98765 43210"})
    assert (applied["mentorStatus"], applied["onboardingData"]["phone"]) == ("applied", "+91 98765 43210")
    with pytest.raises(CallError, match="EXPERT_NOT_FOUND"):
        asha.get(f"/api/experts/{asha.uid}")

    path = f"/api/admin/mentor-applications/{asha.uid}/status"
    for _ in range(2):
        assert admin.call("PUT", path, {"status": "approved"})["mentorStatus"] == "approved"
    with pytest.raises(CallError, match="ALREADY_DECIDED"):
        admin.call("PUT", path, {"status": "rejected", "rejectionReason": "no"})
    asha.sign_in()
    assert asha.post("/api/auth/verify")["role"] == "expert"

    public = requests.get(f"{stack_env['API_URL']}/api/experts/{asha.uid}", timeout=60).json()
    assert (public["pricePerMin"], public["available"]) == (15, False)
    assert not {"onboardingData", "email", "phone", "firebaseUid"} & set(public)
    # The list follows the profile by a trigger.
    wait_until("the list", lambda: asha.uid in _listed(stack_env))


def test_the_triggers_of_a_running_stack(stack_env: dict[str, str]) -> None:
    """A paid session, its review, and what both come to."""
    specialty = f"Skill {uuid.uuid4().hex[:8]}"
    asha = people.expert(stack_env, "Asha", specialties=[specialty])
    wait_until("the specialty", lambda: _count(stack_env, specialty) == 1)
    meera = people.user(stack_env, "Meera", rupees=50)
    ctx, now = sessions.context(stack_env), clock.now()
    session_id = sessions.start(ctx, {"user": meera.uid, "expert": asha.uid}, now, 120)["id"]
    ctx.run(lambda tx: service.end(tx, session_id, by=meera.uid, pace=Pace.of(ctx.settings), now=clock.now()))
    for rating, code in ((5, ""), (4, "ALREADY_REVIEWED")):
        if code:
            with pytest.raises(CallError, match=code):
                meera.post(f"/api/sessions/{session_id}/review", {"rating": rating})
        else:
            meera.post(f"/api/sessions/{session_id}/review", {"rating": rating, "comment": "Thanks"})

    def standing() -> tuple[float, int, int]:
        public = requests.get(f"{stack_env['API_URL']}/api/experts/{asha.uid}", timeout=60).json()
        return public["rating"], public["reviewCount"], public["orders"]

    wait_until("rating and orders", lambda: standing() == (5, 1, 1))
    [review] = asha.get(f"/api/experts/{asha.uid}/reviews")["items"]
    assert asha.post(f"/api/reviews/{review['id']}/reply", {"reply": "Welcome"})["reply"] == "Welcome"
    url = f"{stack_env['API_URL']}/api/experts?minRating=5&search={specialty.split()[1]}"
    wait_until("the rating in the list", lambda: len(requests.get(url, timeout=60).json()["items"]) == 1)


def test_an_admin_makes_an_expert_of_an_account_and_takes_it_back(stack_env: dict[str, str]) -> None:
    asha, admin = people.person(stack_env, "Asha"), people.admin(stack_env)
    made = admin.post("/api/experts", {"name": "Asha", "title": "Coach", "firebaseUid": asha.uid})
    assert (made["id"], made["mentorStatus"]) == (asha.uid, "approved")
    asha.sign_in()
    assert asha.post("/api/auth/verify")["role"] == "expert"
    assert asha.get("/api/experts/me")["acceptsSessions"] is True
    admin.call("DELETE", f"/api/experts/{asha.uid}")
    asha.sign_in()
    assert asha.post("/api/auth/verify")["role"] == "user"
    with pytest.raises(CallError, match="404"):
        asha.get("/api/experts/me")


def test_the_role_goes_though_nobody_comes_to_take_it(stack_env: dict[str, str]) -> None:
    """The process dies between the commit and the claim: the task does it."""
    asha = people.expert(stack_env, "Asha")
    ctx, now = sessions.context(stack_env), clock.now()
    ctx.run(lambda tx: removal.remove(tx, asha.uid, by="test", config=PlatformConfig(), now=now))

    def role() -> str:
        asha.sign_in()
        return str(asha.post("/api/auth/verify")["role"])

    wait_until("the role", lambda: role() == "user")


def test_the_list_takes_what_frontends_send(stack_env: dict[str, str]) -> None:
    url = f"{stack_env['API_URL']}/api/experts"
    for query in (
        "sort=price-low&page=2",
        "sortBy=popular&specialty=All&search=",
        "online=true&maxPrice=20&sort=online",
    ):
        assert requests.get(f"{url}?{query}", timeout=60).status_code == 200
    for query, field in (
        ("sort=best", "sort"),
        ("minRating=6", "minRating"),
        ("maxPrice=-1", "maxPrice"),
        ("available=maybe", "available"),
        ("limit=101", "limit"),
        ("cursor=x", "cursor"),
        (f"search={'x' * 101}", "search"),
    ):
        refused = requests.get(f"{url}?{query}", timeout=60)
        assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, field)


def _listed(env: dict[str, str]) -> set[str]:
    found: set[str] = set()
    cursor = ""
    while True:
        url = f"{env['API_URL']}/api/experts?limit=100&available=false&cursor={cursor}"
        page = requests.get(url, timeout=60).json()
        found |= {item["id"] for item in page["items"]}
        cursor = page["nextCursor"]
        if cursor is None:
            return found


def _count(env: dict[str, str], name: str) -> int:
    cursor = ""
    while True:
        page = requests.get(f"{env['API_URL']}/api/experts/specialties?cursor={cursor}", timeout=60).json()
        for item in page["items"]:
            if item["name"] == name:
                return int(item["count"])
        cursor = page["nextCursor"]
        if cursor is None:
            return 0


def test_a_rejected_one_may_apply_again(stack_env: dict[str, str]) -> None:
    asha, admin = people.person(stack_env, "Asha"), people.admin(stack_env)
    asha.post("/api/experts/register", PROFILE)
    with pytest.raises(CallError, match="ALREADY_REGISTERED"):
        asha.post("/api/experts/register", PROFILE)
    path = f"/api/admin/mentor-applications/{asha.uid}/status"
    with pytest.raises(CallError) as unreasoned:
        admin.call("PUT", path, {"status": "rejected"})
    assert unreasoned.value.details[0]["field"] == "rejectionReason"
    admin.call("PUT", path, {"status": "rejected", "rejectionReason": "documents missing"})
    assert asha.get("/api/experts/me")["onboardingData"]["rejectionReason"] == "documents missing"
    assert asha.post("/api/experts/register", PROFILE)["mentorStatus"] == "applied"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"pricePerMin": 0}, "pricePerMin"),
        ({"pricePerMin": "15"}, "pricePerMin"),
        ({"pricePerMin": 1.005}, "pricePerMin"),
        ({"pricePerMin": 1001}, "pricePerMin"),
        ({"experience": -1}, "experience"),
        ({"bio": "x" * 2001}, "bio"),
        ({"resumeUrl": "javascript:alert(1)"}, "resumeUrl"),
        ({"specialties": [1]}, "specialties.0"),
    ],
)
def test_bad_input_names_the_field(stack_env: dict[str, str], change: dict[str, Any], field: str) -> None:
    asha = people.person(stack_env, "Asha")
    with pytest.raises(CallError) as refused:
        asha.post("/api/experts/register", {**PROFILE, **change})
    assert (refused.value.status, refused.value.details[0]["field"]) == (400, field)
    with pytest.raises(CallError, match="404"):
        asha.get("/api/experts/me")


def test_only_an_admin_decides(stack_env: dict[str, str]) -> None:
    asha = people.person(stack_env, "Asha")
    asha.post("/api/experts/register", PROFILE)
    with pytest.raises(CallError, match="403"):
        asha.call("PUT", f"/api/admin/mentor-applications/{asha.uid}/status", {"status": "approved"})
    anonymous = requests.put(
        f"{stack_env['API_URL']}/api/admin/mentor-applications/{asha.uid}/status",
        json={"status": "approved"},
        timeout=60,
    )
    assert anonymous.status_code == 401
    with pytest.raises(CallError, match="404"):
        people.admin(stack_env).call("PUT", "/api/admin/mentor-applications/nobody/status", {"status": "approved"})


def test_the_console_decides_too(stack_env: dict[str, str]) -> None:
    asha = people.person(stack_env, "Asha")
    asha.post("/api/experts/register", PROFILE)
    url = f"{stack_env['FUNCTIONS_URL']}/decide_expert"
    bad = requests.post(url, json={"expertId": asha.uid, "status": "maybe"}, timeout=60)
    assert (bad.status_code, bad.json()["error"]["details"][0]["field"]) == (400, "status")
    good = requests.post(url, json={"expertId": asha.uid, "status": "approved"}, timeout=60)
    assert good.json() == {"expertId": asha.uid, "status": "approved"}
    asha.sign_in()
    assert asha.get("/api/sessions/expert")["items"] == []
