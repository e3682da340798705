"""/api/admin/users: in one process for rules and lists, on the whole stack for what takes effect at once."""

import time
from datetime import timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.admin import user_index, users
from konnect.auth import Principal
from konnect.http.triggers import Change
from konnect.identity import service as identity
from konnect.store import Doc, Query
from local.clients.sockets import SocketClients
from local.person import CallError, wait_until
from tests import people
from tests.admin.conftest import ADMIN, EXPERT, USER, Panel
from tests.payments.api import error_code
from tests.support import START, kept_events, kept_tasks

PATHS = ["/api/admin/users", f"/api/admin/users/{USER}", f"/api/admin/users/{USER}/sessions"]
PATHS += [f"/api/admin/users/{USER}/transactions"]


def add(panel: Panel, uid: str, name: str, *, role: str = "user", minute: int = 0) -> None:
    """A profile, and what its trigger does."""
    user: Doc = {
        "email": f"{uid}@konnect.test",
        "name": name,
        "role": role,
        "disabled": False,
        "createdAt": START.replace(minute=minute),
        "updatedAt": START,
    }
    panel.ctx.db.set(("users", uid), user)
    user_index.on_user_written(panel.ctx, Change("e", f"users/{uid}", {"uid": uid}, None, user, START), START)


@pytest.fixture
def no_accounts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The accounts' service as a list of what it was asked: a project of one's own has no accounts."""
    calls: list[tuple[Any, ...]] = []
    for name in ("set_role", "set_disabled", "revoke"):
        monkeypatch.setattr(users.auth, name, lambda uid, *args, using, name=name: calls.append((name, uid, *args)))
    return calls


@pytest.mark.parametrize("path", PATHS)
def test_admins_only(panel: Panel, path: str) -> None:
    assert panel.api.user(None).get(path).status_code == 401
    assert panel.api.user(USER).get(path).status_code == 403
    assert panel.api.user(EXPERT, role="expert").get(path).status_code == 403
    assert panel.api.user(USER).call("PATCH", f"/api/admin/users/{USER}", {"role": "admin"}).status_code == 403


class TestList:
    @pytest.fixture(autouse=True)
    def _people(self, panel: Panel) -> None:
        add(panel, "meera", "Meera Shah", minute=1)
        add(panel, "ravi", "Ravi Sharma", role="expert", minute=2)
        add(panel, "root", "Admin", role="admin", minute=3)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({}, ["root", "ravi", "meera"]),
            ({"search": "mee"}, ["meera"]),
            ({"search": "SHA"}, ["ravi", "meera"]),
            ({"search": "ravi sh"}, ["ravi"]),
            ({"search": "ravi@konnect"}, ["ravi"]),
            ({"search": "hah"}, []),
            ({"search": "sha", "role": "expert"}, ["ravi"]),
            ({"role": "admin"}, ["root"]),
            ({"search": "ravi@konnect.test and far too long"}, []),
        ],
    )
    def test_search(self, panel: Panel, query: dict[str, str], found: list[str]) -> None:
        assert [user["id"] for user in panel.admin.get("/api/admin/users", **query).json()["items"]] == found

    def test_pages(self, panel: Panel) -> None:
        first = panel.admin.get("/api/admin/users", limit=2).json()
        rest = panel.admin.get("/api/admin/users", limit=2, cursor=first["nextCursor"]).json()
        assert [user["id"] for user in first["items"] + rest["items"]] == ["root", "ravi", "meera"]
        assert rest["nextCursor"] is None
        assert set(rest["items"][0]) == {"id", "email", "name", "role", "disabled", "createdAt", "updatedAt"}

    def test_a_deleted_profile_is_not_found(self, panel: Panel) -> None:
        panel.ctx.db.delete("users", "ravi")
        change = Change("e", "users/ravi", {"uid": "ravi"}, {}, None, None)
        for _ in range(2):
            user_index.on_user_written(panel.ctx, change, START)
        assert panel.admin.get("/api/admin/users", search="ravi").json()["items"] == []

    def test_bad_queries(self, panel: Panel) -> None:
        for name, value in (("role", "king"), ("limit", "0"), ("cursor", "x")):
            response = panel.admin.get("/api/admin/users", **{name: value})
            assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (400, name)


class TestOne:
    def test_with_wallet_and_sessions(self, panel: Panel) -> None:
        add(panel, USER, "Meera Shah")
        session_id = panel.paid_session(2)
        found = panel.admin.get(f"/api/admin/users/{USER}").json()
        assert (found["id"], found["wallet"]["balance"]) == (USER, 180)
        assert [session["id"] for session in found["sessions"]] == [session_id]
        sessions = panel.admin.get(f"/api/admin/users/{USER}/sessions").json()
        assert [one["id"] for one in sessions["items"]] == [session_id]
        transactions = panel.admin.get(f"/api/admin/users/{USER}/transactions", type="payment").json()
        assert [one["amount"] for one in transactions["items"]] == [20]
        add(panel, EXPERT, "Asha")
        given = panel.admin.get(f"/api/admin/users/{EXPERT}/sessions", side="expert").json()
        assert [one["id"] for one in given["items"]] == [session_id]

    def test_a_stranger(self, panel: Panel) -> None:
        for suffix in ("", "/sessions", "/transactions"):
            response = panel.admin.get(f"/api/admin/users/nobody{suffix}")
            assert (response.status_code, error_code(response)) == (404, "USER_NOT_FOUND")
        assert panel.admin.call("PATCH", "/api/admin/users/nobody", {"name": "X"}).status_code == 404


class TestChange:
    def change(self, panel: Panel, uid: str = USER, **body: Any) -> Any:
        return panel.admin.call("PATCH", f"/api/admin/users/{uid}", body)

    def test_a_name(self, panel: Panel, no_accounts: list[Any]) -> None:
        add(panel, USER, "Meera")
        for _ in range(2):
            assert self.change(panel, name=" Meera Shah ").json()["name"] == "Meera Shah"
        [entry] = Query(("audit",)).run(panel.ctx.db)
        assert (entry["actor"], entry["action"], entry["target"]) == (ADMIN, "user.change", f"users/{USER}")
        assert (entry["before"], entry["after"]) == ({"name": "Meera"}, {"name": "Meera Shah"})
        assert no_accounts == []

    def test_a_role_that_gives_and_one_that_takes(self, panel: Panel, no_accounts: list[Any]) -> None:
        add(panel, USER, "Meera")
        assert self.change(panel, role="admin").json()["role"] == "admin"
        assert no_accounts == [("set_role", USER, "admin")]
        assert "tokensValidAfter" not in panel.doc("users", USER)
        self.change(panel, role="user")
        assert no_accounts[1:] == [("set_role", USER, "user"), ("revoke", USER)]
        assert panel.doc("users", USER)["tokensValidAfter"]
        assert kept_events(panel.ctx).named("disconnect", f"user:{USER}") == [None]

    def test_a_sign_in_before_the_claim_is_lowered_saves_nothing(
        self, panel: Panel, no_accounts: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the commit and the claim, Firebase still gives tokens with the old role."""
        signed_in: list[Principal] = []

        def sign_in(uid: str, role: str, **_: Any) -> None:
            now = clock.now()
            signed_in.append(
                Principal(uid, None, True, "Meera", "admin", now + timedelta(days=7), auth_time=now, issued_at=now)
            )
            panel.ctx.run(lambda tx: identity.verify(tx, signed_in[0], now=now))
            assert panel.doc("users", uid)["role"] == "admin"

        add(panel, USER, "Meera", role="admin")
        monkeypatch.setattr(users.auth, "set_role", sign_in)
        self.change(panel, role="user")
        user = panel.doc("users", USER)
        assert user["role"] == "user"
        assert signed_in[0].auth_time < user["tokensValidAfter"]

    def test_disabling_ends_the_session_and_settles_it(self, panel: Panel, no_accounts: list[Any]) -> None:
        add(panel, USER, "Meera")
        session_id = panel.stage().started(USER, 100)
        for _ in range(2):
            assert self.change(panel, disabled=True, reason="abuse").json()["disabled"] is True
        session = panel.doc("sessions", session_id)
        assert (session["status"], session["endReason"], session["heldPaise"]) == ("completed", "admin-ended", 0)
        assert [call[0] for call in no_accounts] == ["set_disabled", "revoke"] * 2
        assert len(Query(("audit",)).filter("action", "==", "user.change").run(panel.ctx.db)) == 1
        assert kept_tasks(panel.ctx).keyed("cancel-subscription", USER)
        refused = panel.api.user(USER).get("/api/wallet")
        assert (refused.status_code, error_code(refused)) == (403, "ACCOUNT_DISABLED")
        panel.check_books()
        self.change(panel, disabled=False)
        assert no_accounts[-1] == ("set_disabled", USER, False)

    def test_disabling_an_expert_takes_them_offline(self, panel: Panel, no_accounts: list[Any]) -> None:
        add(panel, EXPERT, "Asha", role="expert")
        session_id = panel.stage().started(USER, 100)
        self.change(panel, EXPERT, disabled=True)
        assert panel.doc("experts", EXPERT)["available"] is False
        assert panel.doc("sessions", session_id)["endReason"] == "admin-ended"
        panel.check_books()

    def test_nobody_locks_themselves_out(self, panel: Panel, no_accounts: list[Any]) -> None:
        add(panel, ADMIN, "Admin", role="admin")
        for body in ({"disabled": True}, {"role": "user"}):
            response = self.change(panel, ADMIN, **body)
            assert (response.status_code, error_code(response)) == (409, "OWN_ACCOUNT")
        assert no_accounts == []

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"role": "king"}, "role"),
            ({"role": None}, "role"),
            ({"disabled": "yes please"}, "disabled"),
            ({"name": " "}, "name"),
            ({"name": "x" * 121}, "name"),
            ({"email": "x@y.z"}, "email"),
        ],
    )
    def test_bad_input_names_the_field(self, panel: Panel, body: dict[str, Any], field: str) -> None:
        response = self.change(panel, **body)
        assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (400, field)


@pytest.mark.parametrize(
    ("email", "name", "has", "has_not"),
    [
        ("A@b.c", "Meera  Shah", {"a@b.c", "meera shah", "sha", "m"}, {"", "a shah", "b.c"}),
        (None, None, set(), {""}),
        ("x" * 60, "y", {"x" * 24}, {"x" * 25}),
    ],
)
def test_prefixes(email: str | None, name: str | None, has: set[str], has_not: set[str]) -> None:
    found = set(user_index.prefixes(email, name))
    assert has <= found
    assert not has_not & found


def test_disabling_takes_effect_at_once(stack_env: dict[str, str]) -> None:
    """Through real clients: the token refused, the socket told to go, no way to sign in, found by search."""
    admin = people.admin(stack_env)
    meera = people.user(stack_env, f"Meera{time.time_ns()}")
    path = f"/api/admin/users/{meera.uid}"
    search = f"/api/admin/users?search={meera.name}"
    wait_until("the search to know the user", lambda: admin.get(search)["items"])
    with SocketClients() as sockets:
        sockets.connect("meera", stack_env["SIGNALING_2_URL"], token=meera.token)
        assert admin.call("PATCH", path, {"disabled": True, "reason": "abuse"})["disabled"] is True
        assert sockets.wait_for("meera", "disconnect").args[0]["reason"] == "io server disconnect"
    wait_until("the token to be refused", lambda: meera.response("GET", "/api/wallet").status_code == 403)
    with pytest.raises(CallError):
        meera.sign_in()
    wait_until("the search to follow", lambda: admin.get(search)["items"][0]["disabled"])
    admin.call("PATCH", path, {"disabled": False})
    # Signing in within the second of the revocation would not count.
    wait_until("to be welcome again", lambda: meera.sign_in() or meera.response("GET", "/api/wallet").ok)
