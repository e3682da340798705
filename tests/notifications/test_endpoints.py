"""/api/notifications over HTTP: for everybody, the owner alone, and what is wrong."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
import requests

from konnect import clock
from konnect.context import Context, context
from konnect.notifications import service, types
from local.person import CallError, Person, wait_until
from tests import people

PATHS = [
    ("GET", "/api/notifications"),
    ("GET", "/api/notifications/unread-count"),
    ("PUT", "/api/notifications/read-all"),
    ("PUT", "/api/notifications/none/read"),
    ("GET", "/api/notifications/preferences"),
    ("PUT", "/api/notifications/preferences"),
    ("POST", "/api/notifications/devices"),
    ("DELETE", "/api/notifications/devices/none"),
]


@pytest.fixture(scope="module")
def stack() -> Context:
    """What a function of the stack works with."""
    return context()


@pytest.fixture(scope="module")
def stranger(stack_env: dict[str, str]) -> Person:
    return people.person(stack_env, "Ravi")


@pytest.fixture
def meera(stack_env: dict[str, str]) -> Person:
    return people.person(stack_env, "Meera")


@pytest.fixture
def token() -> str:
    return f"fcm-{uuid.uuid4().hex}"


def tell(ctx: Context, uid: str, n: int = 0, type: types.Type = "session_started", **data: Any) -> str:
    now = clock.now() + timedelta(milliseconds=n)
    return ctx.run(
        lambda tx: service.notify(tx, uid, type, about=(n,), title=f"N{n}", body="Body.", data=data, now=now)
    )


def switch(person: Person, type: str, **channels: bool) -> Any:
    return person.call("PUT", "/api/notifications/preferences", {"items": [{"type": type, **channels}]})


def refused(person: Person, method: str, path: str, body: Any = None) -> tuple[int, str, list[Any]]:
    with pytest.raises(CallError) as error:
        person.call(method, path, body)
    return error.value.status, error.value.code, [detail.get("field") for detail in error.value.details]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nobody_anonymous(stack_env: dict[str, str], method: str, path: str) -> None:
    answer = requests.request(method, stack_env["API_URL"] + path, json={}, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")


class TestList:
    def test_one_in_the_product_s_names(self, stack: Context, meera: Person) -> None:
        told = tell(stack, meera.uid, bookingId="GRP-1")
        (item,) = meera.get("/api/notifications")["items"]
        assert {**item, "createdAt": None} == {
            "id": told,
            "type": "session_started",
            "title": "N0",
            "message": "Body.",
            "data": {"bookingId": "GRP-1"},
            "isRead": False,
            "readAt": None,
            "actionUrl": "/call/GRP-1",
            "createdAt": None,
        }
        assert item["createdAt"].endswith("Z")

    def test_pages_by_cursor_and_by_number(self, stack: Context, meera: Person, stranger: Person) -> None:
        ids = [tell(stack, meera.uid, n) for n in range(5)][::-1]
        tell(stack, stranger.uid, 99)
        seen: list[str] = []
        cursor = ""
        while True:
            page = meera.get(f"/api/notifications?limit=2{cursor}")
            seen += [item["id"] for item in page["items"]]
            if page["nextCursor"] is None:
                break
            cursor = f"&cursor={page['nextCursor']}"
        assert seen == ids
        numbered = [meera.get(f"/api/notifications?limit=2&page={n}") for n in (1, 2, 3, 4)]
        assert [[item["id"] for item in page["items"]] for page in numbered] == [ids[:2], ids[2:4], ids[4:], []]
        # A numbered page can be gone on from by cursor.
        after = meera.get(f"/api/notifications?limit=2&cursor={numbered[1]['nextCursor']}")
        assert [item["id"] for item in after["items"]] == ids[4:]

    def test_read_and_unread_apart(self, stack: Context, meera: Person) -> None:
        first, second = tell(stack, meera.uid, 1), tell(stack, meera.uid, 2)
        meera.call("PUT", f"/api/notifications/{first}/read")
        for query, expected in (("unread=true", [second]), ("unread=false", [first]), ("", [second, first])):
            assert [item["id"] for item in meera.get(f"/api/notifications?{query}")["items"]] == expected

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("page=0", "page"),
            ("page=x", "page"),
            ("unread=maybe", "unread"),
            ("cursor=x", "cursor"),
        ],
    )
    def test_a_wrong_query(self, meera: Person, query: str, field: str) -> None:
        assert refused(meera, "GET", f"/api/notifications?{query}") == (400, "INVALID_INPUT", [field])


class TestRead:
    def test_once(self, stack: Context, meera: Person) -> None:
        told = tell(stack, meera.uid)
        assert meera.get("/api/notifications/unread-count") == {"count": 1}
        marked = meera.call("PUT", f"/api/notifications/{told}/read")
        assert (marked["id"], marked["isRead"]) == (told, True)
        assert meera.call("PUT", f"/api/notifications/{told}/read") == marked
        assert meera.get("/api/notifications/unread-count") == {"count": 0}

    def test_another_s_is_not_there(self, stack: Context, meera: Person, stranger: Person) -> None:
        told = tell(stack, meera.uid)
        for notification_id in (told, "none"):
            assert refused(stranger, "PUT", f"/api/notifications/{notification_id}/read")[:2] == (404, "NOT_FOUND")
        assert meera.get("/api/notifications/unread-count") == {"count": 1}

    def test_all(self, stack: Context, meera: Person, stranger: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        tell(stack, stranger.uid, 7)
        for n in range(3):
            tell(stack, meera.uid, n)
        others = stranger.get("/api/notifications/unread-count")
        assert meera.call("PUT", "/api/notifications/read-all") == {"marked": 3}
        assert meera.call("PUT", "/api/notifications/read-all") == {"marked": 0}
        assert meera.get("/api/notifications/unread-count") == {"count": 0}
        assert stranger.get("/api/notifications/unread-count") == others
        # More than one transaction takes.
        monkeypatch.setattr(service, "MARKED_AT_ONCE", 2)
        for n in range(10, 15):
            tell(stack, meera.uid, n)
        assert service.mark_all_read(stack, meera.uid, now=clock.now()) == 5


class TestPreferences:
    def test_every_type_with_its_defaults(self, meera: Person) -> None:
        items = meera.get("/api/notifications/preferences")["items"]
        assert [item["type"] for item in items] == list(types.KINDS)
        by_type = {item["type"]: item for item in items}
        assert by_type["booking_confirmed"] == {
            "type": "booking_confirmed",
            "label": "Booking confirmed",
            "inApp": True,
            "email": True,
            "push": False,
            "locked": [],
            "unavailable": [],
        }
        assert by_type["password_changed"]["locked"] == ["inApp", "email"]
        assert (by_type["new_message"]["email"], by_type["new_message"]["unavailable"]) == (False, ["email"])

    def test_a_change_keeps_the_rest(self, meera: Person, stranger: Person) -> None:
        switch(meera, "booking_confirmed", email=False)
        changed = switch(meera, "booking_confirmed", push=True)
        assert meera.get("/api/notifications/preferences") == changed
        found = {item["type"]: item for item in changed["items"]}["booking_confirmed"]
        assert (found["inApp"], found["email"], found["push"]) == (True, False, True)
        theirs = {item["type"]: item for item in stranger.get("/api/notifications/preferences")["items"]}
        assert theirs["booking_confirmed"]["email"] is True

    @pytest.mark.parametrize(
        ("items", "field"),
        [
            ([{"type": "nonsense", "push": True}], "items.0.type"),
            ([{"type": "new_message", "push": True}, {"type": "password_changed", "email": False}], "items.1.email"),
            ([{"type": "new_message", "email": True}], "items.0.email"),
            ([{"type": "new_message", "sms": True}], "items.0.sms"),
            ([{"type": "new_message", "push": "often"}], "items.0.push"),
            ([], "items"),
        ],
    )
    def test_a_wrong_change_changes_nothing(self, meera: Person, items: Any, field: str) -> None:
        before = meera.get("/api/notifications/preferences")
        assert refused(meera, "PUT", "/api/notifications/preferences", {"items": items}) == (
            400,
            "INVALID_INPUT",
            [field],
        )
        assert meera.get("/api/notifications/preferences") == before

    def test_what_is_switched_off_in_the_app_is_in_no_list_and_no_count(self, stack: Context, meera: Person) -> None:
        switch(meera, "session_started", inApp=False)
        tell(stack, meera.uid)
        shown = tell(stack, meera.uid, 1, "review_received")
        assert [item["id"] for item in meera.get("/api/notifications")["items"]] == [shown]
        assert meera.get("/api/notifications/unread-count") == {"count": 1}


class TestDevices:
    def test_registered_pushed_to_and_removed(
        self, stack_env: dict[str, str], stack: Context, meera: Person, stranger: Person, token: str
    ) -> None:
        device = meera.post("/api/notifications/devices", {"token": token, "platform": "android"})
        assert (set(device), device["platform"]) == ({"id", "platform", "createdAt", "expiresAt"}, "android")
        assert meera.post("/api/notifications/devices", {"token": token})["id"] == device["id"]
        switch(meera, "session_started", push=True)
        told = tell(stack, meera.uid)

        def pushed() -> list[Any]:
            answer = requests.get(f"{stack_env['FCM_URL']}/sandbox/messages", params={"token": token}, timeout=60)
            return list(answer.json()["items"])

        (sent,) = wait_until("the push", pushed)
        assert (sent["project"], sent["message"]["data"]["notificationId"]) == (
            stack.settings.google_cloud_project,
            told,
        )
        # Another user signs in on the phone: it is theirs.
        assert stranger.post("/api/notifications/devices", {"token": token})["id"] == device["id"]
        assert refused(meera, "DELETE", f"/api/notifications/devices/{device['id']}")[:2] == (404, "NOT_FOUND")
        stranger.call("DELETE", f"/api/notifications/devices/{device['id']}")
        assert refused(stranger, "DELETE", f"/api/notifications/devices/{device['id']}")[0] == 404

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "token"),
            ({"token": ""}, "token"),
            ({"token": "two words"}, "token"),
            ({"token": "x" * 4097}, "token"),
            ({"token": "x", "platform": "fridge"}, "platform"),
        ],
    )
    def test_wrong_input(self, meera: Person, body: Any, field: str) -> None:
        assert refused(meera, "POST", "/api/notifications/devices", body) == (400, "INVALID_INPUT", [field])


def test_a_mail_leads_to_the_frontend(stack_env: dict[str, str], stack: Context, meera: Person) -> None:
    tell(stack, meera.uid, 0, "booking_reminder", bookingId="GRP-9")

    def mails() -> list[Any]:
        found = requests.get(f"{stack_env['MAIL_URL']}/api/messages", params={"to": meera.email}, timeout=60)
        return list(found.json()["items"])

    (mail,) = wait_until("the mail", mails)
    text = requests.get(f"{stack_env['MAIL_URL']}/api/messages/{mail['id']}", timeout=60).json()["text"]
    assert "http://localhost:3000/call/GRP-9" in text
