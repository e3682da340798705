"""GET /api/sessions, /expert and /{id}: who sees which, filters, pages, and what is refused."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from konnect.sessions import repository
from local.clients import SocketClients
from local.person import CallError
from tests import people
from tests.sessions.conftest import EXPERT, Stage


@pytest.fixture
def lived(stage: Stage) -> Iterator[Stage]:
    """Meera has had two sessions with the expert, and Kabir is in one."""
    for minute in (0, 10):
        stage.user("meera", 100)
        session = stage.request("meera", now=stage.at(minute)).session
        assert session is not None
        stage.end(session["id"], "meera", stage.at(minute, 30))
    stage.user("kabir", 100)
    stage.request("kabir", now=stage.at(20))
    return stage


@pytest.mark.parametrize(
    ("field", "uid", "status", "type", "count"),
    [
        ("userId", "meera", None, None, 2),
        ("userId", "meera", "completed", None, 2),
        ("userId", "meera", "in_progress", None, 0),
        ("userId", "meera", None, "chat", 2),
        ("userId", "meera", "completed", "video", 0),
        ("expertUid", EXPERT, None, None, 3),
        ("expertUid", EXPERT, "in_progress", None, 1),
        ("expertUid", EXPERT, None, "chat", 3),
        ("expertUid", EXPERT, "completed", "chat", 2),
        ("userId", "nobody", None, None, 0),
    ],
)
def test_filters(lived: Stage, field: str, uid: str, status: str | None, type: str | None, count: int) -> None:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = repository.listed(lived.ctx.db, field, uid, status=status, type=type, limit=1, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len({session["id"] for session in found}) == len(found) == count
    assert [session["createdAt"] for session in found] == sorted((s["createdAt"] for s in found), reverse=True)


def test_over_http(stack_env: dict[str, str]) -> None:
    meera, asha = people.user(stack_env, rupees=500), people.expert(stack_env)
    with SocketClients(stack_env) as sockets:
        for who, kind in ((meera, "user"), (asha, "expert")):
            sockets.connect(who.uid, stack_env["SIGNALING_URL"], token=who.token)
            assert "error" not in sockets.call(who.uid, "register", {"userType": kind})
        chat = sockets.call(meera.uid, "request-chat", {"expertId": asha.uid, "type": "video"})["chatId"]
        sockets.call(meera.uid, "end-chat", {"chatId": chat})
    for person, path in ((meera, "/api/sessions"), (asha, "/api/sessions/expert")):
        assert [one["id"] for one in person.get(f"{path}?status=completed&type=video")["items"]] == [chat]
        assert person.get(f"{path}?type=chat")["items"] == []
        assert person.get(f"{path}?status=in_progress")["items"] == []
    assert asha.get("/api/sessions")["items"] == []
    seen = meera.get(f"/api/sessions/{chat}")
    assert (seen["type"], seen["status"], seen["endReason"]) == ("video", "completed", "user-ended")
    # A minute, or more where the two seconds of one were over before its end was heard.
    assert seen["totalAmount"] in range(10, 510, 10)
    assert meera.get("/api/wallet")["balance"] == 500 - seen["totalAmount"]
    # What only one side, or nobody but us, may know.
    assert not {"platformFeePercent", "shard", "heldPaise", "nextTickAt"} & set(seen)


@pytest.mark.parametrize(
    ("query", "field"), [("status=ended", "status"), ("type=fax", "type"), ("limit=0", "limit"), ("cursor=x", "cursor")]
)
def test_bad_queries_name_the_field(stack_env: dict[str, str], query: str, field: str) -> None:
    with pytest.raises(CallError) as refused:
        people.person(stack_env, "Meera").get(f"/api/sessions?{query}")
    assert (refused.value.status, refused.value.details[0]["field"]) == (400, field)


def test_refused(stack_env: dict[str, str]) -> None:
    meera = people.person(stack_env, "Meera")
    for path in ("/api/sessions", "/api/sessions/expert", "/api/sessions/s1"):
        assert requests.get(stack_env["API_URL"] + path, timeout=60).status_code == 401
    with pytest.raises(CallError, match="403 FORBIDDEN"):
        meera.get("/api/sessions/expert")
    with pytest.raises(CallError, match="404 SESSION_NOT_FOUND"):
        meera.get("/api/sessions/nothing")
