"""A user on one instance, an expert on the other, through the stock client; and instances of a test's own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from konnect import clock
from konnect.store import Database, Doc
from local.clients import SocketClients
from local.environment import child_environ
from local.manifest import ROOT
from local.person import Person
from local.ports import AUTO, Reservation, reserve
from tests import people

QUICK = {"reconnectionDelay": 20, "reconnectionDelayMax": 100, "transports": ["websocket"]}
READY_S = 120.0
_past: set[str] = set()
"""The chats of the tests before: what is still on its way of them is nobody's news."""


def wait_until(what: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    """The first true result of `what`. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not (result := what()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come true")
        time.sleep(0.05)
    return result


@dataclass
class Seat:
    """A person at a socket: the client's name, and what it can do."""

    clients: SocketClients
    person: Person
    url: str
    name: str
    since: int = 0

    @property
    def uid(self) -> str:
        return self.person.uid

    def connect(self, *, options: Mapping[str, Any] | None = None, **auth: Any) -> "Seat":
        self.since = self.clients.mark()
        given = {"token": self.person.token, **auth}
        self.clients.connect(self.name, self.url, auth=given, options={**QUICK, **(options or {})})
        return self

    def call(self, event: str, *payload: Any) -> Any:
        return self.clients.call(self.name, event, *payload)

    def emit(self, event: str, *payload: Any) -> None:
        self.clients.emit(self.name, event, *payload)

    def wait(self, event: str, predicate: Callable[..., bool] | None = None, timeout_s: float = 60.0) -> Any:
        """The payload of the first such event since the seat was taken."""

        def wanted(*args: Any) -> bool:
            return _is_news(args) and (predicate is None or predicate(*args))

        found = self.clients.wait_for(self.name, event, wanted, timeout_s, since=self.since)
        return found.args[0] if found.args else None

    def seen(self, event: str) -> list[Any]:
        return [one.args[0] for one in self.clients.events(self.name, event, since=self.since) if _is_news(one.args)]

    def messages(self, chat_id: str) -> list[str]:
        """What was said in a chat."""
        return [message["message"] for message in self.seen("new-message") if message["chatId"] == chat_id]


@dataclass
class Pair:
    """A user on the first instance and an expert on the second, both connected, the expert online."""

    user: Seat
    expert: Seat
    chats: list[str] = field(default_factory=list)

    def start(self) -> str:
        """A session that is under way on both sides; its id."""
        chat_id = str(self.user.call("request-chat", {"expertId": self.expert.uid})["chatId"])
        self.chats.append(chat_id)
        for seat in (self.user, self.expert):
            seat.wait("chat-started", lambda started: started["chatId"] == chat_id)
        return chat_id


@dataclass
class Instance:
    """A signaling process of the test's own, beside the stack's."""

    process: subprocess.Popen[bytes]
    url: str
    id: str


@pytest.fixture(scope="session")
def urls(stack_env: dict[str, str]) -> tuple[str, str]:
    return stack_env["SIGNALING_1_URL"], stack_env["SIGNALING_2_URL"]


@pytest.fixture(scope="session")
def stack_db(stack_env: dict[str, str]) -> Database:
    """The documents of the stack itself."""
    return Database(stack_env["GOOGLE_CLOUD_PROJECT"])


@pytest.fixture(scope="session")
def clients() -> Iterator[SocketClients]:
    with SocketClients() as clients:
        yield clients


@pytest.fixture(scope="session")
def user(stack_env: dict[str, str]) -> Person:
    return people.user(stack_env, "Meera", rupees=9000)


@pytest.fixture(scope="session")
def expert(stack_env: dict[str, str]) -> Person:
    return people.expert(stack_env, "Asha")


@pytest.fixture(scope="session")
def stranger(stack_env: dict[str, str]) -> Person:
    return people.user(stack_env, "Ravi", rupees=100)


@pytest.fixture
def seat(clients: SocketClients, urls: tuple[str, str]) -> Iterator[Callable[..., Seat]]:
    """Makes seats; whoever is connected still is disconnected at the end."""
    made: list[Seat] = []

    def make(person: Person, url: str = urls[0]) -> Seat:
        one = Seat(clients, person, url, f"{person.uid}-{clients.mark()}-{len(made)}")
        made.append(one)
        return one

    yield make
    for one in made:
        with contextlib.suppress(Exception):
            clients.drop(one.name)


@pytest.fixture
def pair(seat: Callable[..., Seat], user: Person, expert: Person, urls: tuple[str, str]) -> Iterator[Pair]:
    pair = Pair(seat(user, urls[0]).connect(), seat(expert, urls[1]).connect())
    assert "error" not in pair.expert.call("register", {"userType": "expert"})
    yield pair
    for chat_id in pair.chats:
        with contextlib.suppress(Exception):
            pair.expert.call("end-chat", {"chatId": chat_id})
    _past.update(pair.chats)


@pytest.fixture
def instance(stack_env: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    """Starts further instances on the stack's emulators, with settings of their own."""
    started: list[Instance] = []
    reserved: list[Reservation] = []

    def start(**settings: str) -> Instance:
        reserved.append(reserve(AUTO))
        port = reserved[-1].ports.signaling
        env = {**child_environ(stack_env), "PORT": str(port), **settings}
        log = (tmp_path / f"signaling-{len(started)}.log").open("wb")
        process = subprocess.Popen([sys.executable, "-m", "signaling"], cwd=ROOT, env=env, stdout=log, stderr=log)
        log.close()
        one = Instance(process, f"http://127.0.0.1:{port}", "")
        started.append(one)
        one.id = wait_until(lambda: _instance_id(one), READY_S)
        return one

    yield start
    for one in started:
        if one.process.poll() is None:
            os.kill(one.process.pid, signal.SIGCONT)
            one.process.terminate()
            one.process.wait(60)
    for ports in reserved:
        ports.release()


def _is_news(args: Sequence[Any]) -> bool:
    """Whether an event is of no chat at all, or of one of this test's."""
    data = args[0] if args and isinstance(args[0], dict) else {}
    about = data.get("message") if isinstance(data.get("message"), dict) else data
    return not {about.get("chatId"), about.get("conversationId"), data.get("chatId")} & _past


def connections(db: Database, uid: str) -> Doc:
    return dict((db.get("presence", uid) or {}).get("connections", {}))


def expire(db: Database, instance: Instance) -> None:
    """The lease of an instance that has not renewed it for half a minute."""
    db.ref("presenceLeases", instance.id).update({"expiresAt": clock.now() - timedelta(seconds=1)})


def _instance_id(instance: Instance) -> str | None:
    assert instance.process.poll() is None, "the instance did not start"
    try:
        with urllib.request.urlopen(f"{instance.url}/health", timeout=5) as answer:
            return str(json.load(answer)["instance"])
    except OSError:
        return None
