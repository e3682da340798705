"""/api/v1/admin/users: accounts by SkillVerse's roles and statuses, and what a status does to an account."""

import secrets
from typing import Any

import pytest
import requests

from konnect.admin import user_index
from konnect.http.triggers import Change
from konnect.identity import standing
from konnect.members import service as members
from konnect.store import Doc, Query
from local.person import wait_until
from tests import people
from tests.admin.conftest import ADMIN, EXPERT, USER, Panel
from tests.admin.test_users import add, no_accounts
from tests.payments.api import error_code
from tests.support import START, kept_events

__all__ = ["no_accounts"]
LIST = "/api/v1/admin/users"


def come(panel: Panel, uid: str, role: members.Role | None = None) -> None:
    """To SkillVerse; and what the trigger does."""
    panel.ctx.run(lambda tx: members.ensure(tx, uid, START, role=role))
    reindex(panel, uid)


def reindex(panel: Panel, uid: str) -> None:
    change = Change("e", f"members/{uid}", {"uid": uid}, None, {}, START)
    user_index.on_user_written(panel.ctx, change, START)


def put(panel: Panel, uid: str = USER, **body: Any) -> Any:
    return panel.admin.call("PUT", f"{LIST}/{uid}/status", body)


def test_admins_only(panel: Panel) -> None:
    for path in (LIST, "/api/v1/admin/dashboard", "/api/v1/admin/analytics"):
        assert panel.api.user(None).get(path).status_code == 401
        assert panel.api.user(USER).get(path).status_code == 403
        assert panel.api.user(EXPERT, role="expert").get(path).status_code == 403
    for caller, status in ((panel.api.user(None), 401), (panel.api.user(USER), 403)):
        answer = caller.call("PUT", f"{LIST}/{USER}/status", {"status": "active"})
        assert answer.status_code == status


class TestList:
    @pytest.fixture(autouse=True)
    def _people(self, panel: Panel) -> None:
        add(panel, "meera", "Meera Shah", minute=1)
        add(panel, "ravi", "Ravi Sharma", role="expert", minute=2)
        add(panel, "kabir", "Kabir", minute=3)
        come(panel, "kabir", "skillExchanger")
        add(panel, "root", "Admin", role="admin", minute=4)
        panel.ctx.db.set(("users", "meera"), {"disabled": True, "status": "banned"}, merge=True)
        reindex(panel, "meera")

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({}, ["root", "kabir", "ravi", "meera"]),
            ({"role": "educator"}, ["ravi"]),
            ({"role": "learner"}, ["meera"]),
            ({"role": "skillExchanger"}, ["kabir"]),
            ({"role": "admin"}, ["root"]),
            ({"status": "banned"}, ["meera"]),
            ({"status": "active", "role": "educator"}, ["ravi"]),
            ({"status": "active", "role": "educator", "search": "sha"}, ["ravi"]),
            ({"search": "sha"}, ["ravi", "meera"]),
            ({"page": "2", "limit": "3"}, ["meera"]),
        ],
    )
    def test_filters(self, panel: Panel, query: dict[str, str], found: list[str]) -> None:
        assert [user["id"] for user in panel.admin.get(LIST, **query).json()["items"]] == found

    def test_pages(self, panel: Panel) -> None:
        first = panel.admin.get(LIST, limit=3).json()
        rest = panel.admin.get(LIST, limit=3, cursor=first["nextCursor"]).json()
        assert [user["id"] for user in first["items"] + rest["items"]] == ["root", "kabir", "ravi", "meera"]
        [meera] = rest["items"]
        assert (meera["role"], meera["status"], rest["nextCursor"]) == ("learner", "banned", None)

    def test_bad_queries(self, panel: Panel) -> None:
        for name, value in (("role", "expert"), ("status", "gone"), ("page", "0"), ("cursor", "x")):
            answer = panel.admin.get(LIST, **{name: value})
            assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, name)


class TestStatus:
    @pytest.mark.parametrize("status", ["suspended", "banned"])
    def test_closed_and_open_again(self, panel: Panel, no_accounts: list[Any], status: str) -> None:
        add(panel, USER, "Meera")
        come(panel, USER)
        session_id = panel.stage().started(USER, 100)
        for _ in range(2):
            made = put(panel, status=status, reason="abuse").json()
            assert (made["id"], made["role"], made["status"]) == (USER, "learner", status)
        assert panel.doc("members", USER)["status"] == status
        assert panel.doc("sessions", session_id)["endReason"] == "admin-ended"
        assert [call[0] for call in no_accounts] == ["set_disabled", "revoke"] * 2
        assert len(kept_events(panel.ctx).named("disconnect", f"user:{USER}")) == 2
        refused = panel.api.user(USER).get("/api/wallet")
        assert (refused.status_code, error_code(refused)) == (403, "ACCOUNT_DISABLED")
        [entry] = Query(("audit",)).filter("action", "==", "user.change").run(panel.ctx.db)
        assert entry["before"] == {"disabled": False, "status": "active"}
        assert (entry["after"], entry["reason"]) == ({"disabled": True, "status": status}, "abuse")
        assert put(panel, status="active").json()["status"] == "active"
        assert panel.doc("members", USER)["status"] == "active"
        assert no_accounts[-1] == ("set_disabled", USER, False)
        panel.check_books()

    def test_from_one_kind_of_closed_to_the_other(self, panel: Panel, no_accounts: list[Any]) -> None:
        add(panel, USER, "Meera")
        put(panel, status="suspended")
        valid_after = panel.doc("users", USER)["tokensValidAfter"]
        assert put(panel, status="banned").json()["status"] == "banned"
        assert panel.doc("users", USER)["tokensValidAfter"] == valid_after
        # By the other panel, too.
        panel.admin.call("PATCH", f"/api/admin/users/{USER}", {"disabled": True})
        assert standing.of(panel.doc("users", USER)) == "banned"
        panel.admin.call("PATCH", f"/api/admin/users/{USER}", {"disabled": False})
        assert standing.of(panel.doc("users", USER)) == "active"
        panel.admin.call("PATCH", f"/api/admin/users/{USER}", {"disabled": True})
        assert standing.of(panel.doc("users", USER)) == "suspended"

    def test_inactive_is_not_offered_and_signs_in(self, panel: Panel, no_accounts: list[Any]) -> None:
        add(panel, EXPERT, "Asha", role="expert")
        panel.stage()
        come(panel, EXPERT)
        assert panel.doc("experts", EXPERT)["available"] is True
        assert put(panel, EXPERT, status="inactive").json()["status"] == "inactive"
        assert panel.doc("experts", EXPERT)["available"] is False
        assert (panel.doc("members", EXPERT)["status"], panel.doc("users", EXPERT)["disabled"]) == ("inactive", False)
        assert panel.api.user(EXPERT).get("/api/wallet").status_code == 200
        assert [call[0] for call in no_accounts] == ["set_disabled"]

    def test_who_comes_later_has_the_accounts_status(self, panel: Panel, no_accounts: list[Any]) -> None:
        add(panel, USER, "Meera")
        put(panel, status="inactive")
        assert panel.ctx.db.get("members", USER) is None
        come(panel, USER)
        assert panel.doc("members", USER)["status"] == "inactive"

    def test_refusals(self, panel: Panel, no_accounts: list[Any]) -> None:
        add(panel, ADMIN, "Admin", role="admin")
        own = put(panel, ADMIN, status="banned")
        assert (own.status_code, error_code(own)) == (409, "OWN_ACCOUNT")
        add(panel, "gone", "Gone")
        panel.ctx.db.set(("users", "gone"), {"disabled": True, "deletedAt": START}, merge=True)
        for uid in ("nobody", "gone"):
            answer = put(panel, uid, status="active")
            assert (answer.status_code, error_code(answer)) == (404, "USER_NOT_FOUND")
        for body, field in (
            ({"status": "away"}, "status"),
            ({}, "status"),
            ({"status": "active", "reason": "x"}, "reason"),
        ):
            answer = put(panel, **body)
            assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, field)
        assert no_accounts == []


@pytest.mark.parametrize(
    ("user", "status"),
    [
        ({}, "active"),
        ({"disabled": False, "status": "banned"}, "active"),
        ({"status": "inactive"}, "inactive"),
        ({"disabled": True}, "suspended"),
        ({"disabled": True, "status": "active"}, "suspended"),
        ({"disabled": True, "status": "banned"}, "banned"),
    ],
)
def test_status_of(user: Doc, status: str) -> None:
    assert standing.of(user) == status


def test_banned_signs_in_nowhere(stack_env: dict[str, str]) -> None:
    """Through the running stack: found by what they chose at SkillVerse, refused by every sign-in, and back."""
    admin, url = people.admin(stack_env), stack_env["API_URL"]
    name = f"Nila{secrets.token_hex(5)}"
    account = {"name": name, "email": f"{name}@konnect.test".lower(), "password": people.PASSWORD}
    made = requests.post(f"{url}/api/v1/users/register", json={**account, "role": "skillExchanger"}, timeout=60).json()
    token, uid = {"Authorization": f"Bearer {made['token']}"}, made["user"]["id"]

    def answer(path: str) -> int:
        return requests.post(url + path, json=account, timeout=60).status_code

    def found(status: str) -> bool:
        query = f"{LIST}?role=skillExchanger&status={status}&search={name}"
        return [one["id"] for one in admin.get(query)["items"]] == [uid]

    wait_until("the list to know the user", lambda: found("active"))
    assert requests.get(f"{url}/api/v1/users/{uid}", timeout=60).json()["name"] == name
    banned = admin.call("PUT", f"{LIST}/{uid}/status", {"status": "banned", "reason": "abuse"})
    assert (banned["role"], banned["status"]) == ("skillExchanger", "banned")
    assert [answer(path) for path in ("/api/v1/users/login", "/auth/login")] == [401, 401]
    assert requests.get(f"{url}/api/v1/users/{uid}", timeout=60).status_code == 404
    me = f"{url}/api/v1/users/me"
    wait_until("the token to be refused", lambda: requests.get(me, headers=token, timeout=60).status_code == 403)
    wait_until("the list to follow", lambda: found("banned"))
    admin.call("PUT", f"{LIST}/{uid}/status", {"status": "active"})
    assert answer("/api/v1/users/login") == 200
