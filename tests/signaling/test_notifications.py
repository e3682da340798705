"""Namespace /notifications: the bell, on two instances, through the stock client."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from konnect import clock
from konnect.auth import Principal
from konnect.context import Context, context
from konnect.notifications import service, types
from konnect.store import Database
from local.clients import ClientError, SocketClients
from local.person import Person
from signaling.app import renew_visitors
from signaling.auth import Connection
from tests import people
from tests.signaling.conftest import QUICK, Seat, connections, wait_until
from tests.signaling.test_connect import acknowledged, raw_socket, receive


class Bell(Seat):
    """A seat in the namespace of notifications."""

    def connect(self, *, options: Any = None, **auth: Any) -> "Bell":
        self.since = self.clients.mark()
        given = {"token": self.person.token, **auth}
        options = {**QUICK, **(options or {})}
        self.clients.connect(self.name, self.url, auth=given, namespace="/notifications", options=options)
        return self

    @property
    def counts(self) -> list[int]:
        return [one["count"] for one in self.seen("unread_count")]

    def wait_count(self, count: int) -> None:
        self.wait("unread_count", lambda told: told["count"] == count)


@pytest.fixture
def meera(stack_env: dict[str, str]) -> Person:
    return people.person(stack_env, "Meera")


@pytest.fixture
def bell(clients: SocketClients, urls: tuple[str, str]) -> Iterator[Callable[..., Bell]]:
    made: list[Bell] = []

    def make(person: Person, url: str = urls[0]) -> Bell:
        made.append(Bell(clients, person, url, f"bell-{uuid.uuid4().hex[:8]}"))
        return made[-1]

    yield make
    for one in made:
        clients.drop(one.name)


@pytest.fixture(scope="module")
def stack() -> Context:
    """What a function of the stack works with: it emits over Pub/Sub."""
    return context()


def tell(ctx: Context, uid: str, n: int = 0, type: types.Type = "session_started") -> str:
    return ctx.run(lambda tx: service.notify(tx, uid, type, about=(n,), title="T", body="B", now=clock.now()))


def test_the_count_comes_on_connection(stack: Context, meera: Person, bell: Callable[..., Bell]) -> None:
    for n in range(2):
        tell(stack, meera.uid, n)
    bell(meera).connect().wait_count(2)


def test_what_is_told_comes_to_every_device_once(
    stack: Context, meera: Person, bell: Callable[..., Bell], urls: tuple[str, str], user: Person
) -> None:
    first, second, other = bell(meera).connect(), bell(meera, urls[1]).connect(), bell(user).connect()
    for one in (first, second):
        one.wait_count(0)
    told = tell(stack, meera.uid)
    # Told again, as by a task that runs twice.
    assert tell(stack, meera.uid) == told
    last = tell(stack, meera.uid, 1)
    for one in (first, second):
        one.wait("new_notification", lambda event: event["notification"]["id"] == last)
        events = one.seen("new_notification")
        assert [event["notification"]["id"] for event in events] == [told, last]
        assert [event["eventId"] for event in events] == [told, last]
        shown = meera.get("/api/notifications")["items"]
        assert [event["notification"] for event in events] == shown[::-1]
    assert other.seen("new_notification") == []


def test_a_mark_is_told_to_the_other_devices(
    stack: Context, meera: Person, bell: Callable[..., Bell], urls: tuple[str, str]
) -> None:
    ids = [tell(stack, meera.uid, n) for n in range(3)]
    here, there = bell(meera).connect(), bell(meera, urls[1]).connect()
    for one in (here, there):
        one.wait_count(3)
    ack = here.call("mark_read", {"notificationId": ids[0]})
    assert (ack["id"], ack["isRead"]) == (ids[0], True)
    there.wait_count(2)
    # By HTTP as well.
    meera.call("PUT", f"/api/notifications/{ids[1]}/read")
    for one in (here, there):
        one.wait_count(1)
    assert here.call("mark_read", {"notificationId": ids[0]}) == ack
    assert here.call("mark_all_read") == {"marked": 1}
    there.wait_count(0)
    assert here.call("mark_all_read") == {"marked": 0}


def test_what_is_switched_off_is_not_told(stack: Context, meera: Person, bell: Callable[..., Bell]) -> None:
    one = bell(meera).connect()
    wanted = {"items": [{"type": "session_started", "inApp": False}]}
    meera.call("PUT", "/api/notifications/preferences", wanted)
    tell(stack, meera.uid)
    shown = tell(stack, meera.uid, 1, "review_received")
    one.wait("new_notification", lambda event: event["notification"]["id"] == shown)
    assert len(one.seen("new_notification")) == 1


@pytest.mark.parametrize(
    ("event", "payload", "code"),
    [
        ("mark_read", {"notificationId": "none"}, "NOT_FOUND"),
        ("mark_read", {}, "INVALID_INPUT"),
        ("mark_read", {"notificationId": "a/b"}, "INVALID_INPUT"),
        ("mark_read", "x", "INVALID_INPUT"),
        ("end-chat", {"chatId": "x"}, "UNKNOWN_EVENT"),
    ],
)
def test_wrong_events(meera: Person, bell: Callable[..., Bell], event: str, payload: Any, code: str) -> None:
    assert bell(meera).connect().call(event, payload)["error"]["code"] == code


def test_another_s_notification_can_t_be_marked(
    stack: Context, meera: Person, user: Person, bell: Callable[..., Bell]
) -> None:
    told = tell(stack, meera.uid)
    assert bell(user).connect().call("mark_read", {"notificationId": told})["error"]["code"] == "NOT_FOUND"
    assert meera.get("/api/notifications/unread-count") == {"count": 1}


def test_no_token_no_bell(meera: Person, bell: Callable[..., Bell]) -> None:
    with pytest.raises(ClientError) as refused:
        bell(meera).connect(options={"reconnection": False}, token="x.y.z")
    assert refused.value.data["code"] == "UNAUTHENTICATED"


def test_a_bell_makes_nobody_present(
    stack_db: Database, meera: Person, bell: Callable[..., Bell], seat: Callable[..., Seat]
) -> None:
    one = bell(meera).connect()
    one.wait_count(0)
    assert connections(stack_db, meera.uid) == {}
    chat = seat(meera).connect()
    assert len(connections(stack_db, meera.uid)) == 1
    chat.clients.drop(chat.name)
    wait_until(lambda: connections(stack_db, meera.uid) == {})
    assert one.call("mark_all_read") == {"marked": 0}


def test_one_line_carries_both_namespaces(
    stack: Context, stack_db: Database, meera: Person, urls: tuple[str, str]
) -> None:
    """As the stock client does it, which shares a connection between the namespaces of a page."""
    with raw_socket(urls[0]) as line:
        receive(line, "0")
        token = json.dumps({"token": meera.token})
        line.send(f"40{token}")
        receive(line, "40{")
        line.send(f"40/notifications,{token}")
        # Let in first, then told.
        receive(line, "40/notifications,{")
        assert json.loads(receive(line, "42/notifications,").partition(",")[2])[1]["count"] == 0
        told = tell(stack, meera.uid)
        event = json.loads(receive(line, "42/notifications,").partition(",")[2])
        assert (event[0], event[1]["notification"]["id"]) == ("new_notification", told)
        assert len(connections(stack_db, meera.uid)) == 1
        # Leaving the one is not leaving the other.
        line.send("41/notifications,")
        line.send('421["register",{}]')
        assert acknowledged(line)["user"]["id"] == meera.uid
        assert len(connections(stack_db, meera.uid)) == 1


def test_a_fresh_token_on_the_line_holds_for_the_bell() -> None:
    """Which has no event to bring one by: the line would be closed under the chat, too."""

    def connection(sid: str, line: str, uid: str, hours: int) -> Connection:
        expires_at = clock.now() + timedelta(hours=hours)
        return Connection(sid, line, Principal(uid, None, False, None, "user", expires_at), f"token of {sid}")

    hosts = [connection("chat", "line-1", "meera", 1), connection("other", "line-2", "ravi", 1)]
    visitors = [connection("bell", "line-1", "meera", -1), connection("stranger", "line-2", "meera", -1)]
    hosts_by_sid, by_sid = ({one.sid: one for one in made} for made in (hosts, visitors))
    renew_visitors(hosts_by_sid, by_sid)
    assert [one.token for one in visitors] == ["token of chat", "token of stranger"]
    assert [one.is_over for one in visitors] == [False, True]


def test_a_disabled_account_hears_nothing_more(
    stack: Context, stack_env: dict[str, str], meera: Person, bell: Callable[..., Bell], urls: tuple[str, str]
) -> None:
    one, other = bell(meera).connect(), bell(meera, urls[1]).connect()
    for each in (one, other):
        each.wait_count(0)
    people.admin(stack_env).call("PATCH", f"/api/admin/users/{meera.uid}", {"disabled": True, "reason": "test"})
    for each in (one, other):
        each.wait("disconnect")
    tell(stack, meera.uid)
    assert one.seen("new_notification") == []
