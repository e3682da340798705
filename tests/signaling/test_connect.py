"""The handshake: who is let in, and what the others are told."""

import asyncio
import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from konnect import auth, clock
from konnect.auth import Principal
from konnect.context import Context
from konnect.store import Database
from local.clients import ClientError, SocketClients
from local.person import Person
from signaling.auth import EXPIRY_GRACE_S, Connection, is_welcome
from tests import people
from tests.http.serving import emulator_token
from tests.signaling.conftest import Seat


def forged(token: str, **claims: Any) -> str:
    """An emulator's token (it is not signed) with other claims."""
    head, payload, signature = token.split(".")
    known = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    changed = base64.urlsafe_b64encode(json.dumps({**known, **claims}).encode()).decode().rstrip("=")
    return f"{head}.{changed}.{signature}"


def raw_socket(url: str) -> ClientConnection:
    """A WebSocket that may send what the stock client would not."""
    return connect(url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket", open_timeout=60)


def receive(raw: ClientConnection, start: str) -> str:
    """The first packet that begins so. Others may come before: news of experts, of an earlier session, a ping."""
    while not (packet := str(raw.recv(timeout=60))).startswith(start):
        if packet == "2":
            raw.send("3")
    return packet


def acknowledged(raw: ClientConnection) -> Any:
    return json.loads(receive(raw, "43").lstrip("0123456789"))[0]


class TestRefusals:
    @pytest.mark.parametrize(
        ("case", "code"),
        [
            ("missing", "UNAUTHENTICATED"),
            ("rubbish", "UNAUTHENTICATED"),
            ("not a string", "UNAUTHENTICATED"),
            ("expired", "UNAUTHENTICATED"),
            ("foreign", "UNAUTHENTICATED"),
        ],
    )
    def test_a_bad_token_is_refused_with_a_code(
        self, case: str, code: str, clients: SocketClients, urls: tuple[str, str], user: Person
    ) -> None:
        now = int(time.time())
        auth: dict[str, Any] = {
            "missing": {},
            "rubbish": {"token": "x.y.z"},
            "not a string": {"token": 7},
            "expired": {"token": forged(user.token, iat=now - 7200, exp=now - 3600)},
            "foreign": {"token": forged(user.token, aud="other", iss="https://securetoken.google.com/other")},
        }[case]
        name = f"refused-{clients.mark()}"
        with pytest.raises(ClientError) as refused:
            clients.connect(name, urls[0], auth=auth, options={"reconnection": False})
        assert refused.value.code == "connect_error"
        assert refused.value.data["code"] == code
        assert refused.value.data["message"] == str(refused.value)
        clients.drop(name)

    def test_a_disabled_account_is_refused(
        self, stack_env: dict[str, str], stack_db: Database, seat: Callable[..., Seat]
    ) -> None:
        person = people.person(stack_env, "Gone")
        stack_db.ref("users", person.uid).update({"disabled": True})
        with pytest.raises(ClientError) as refused:
            seat(person).connect()
        assert refused.value.data["code"] == "ACCOUNT_DISABLED"

    def test_another_namespace_is_refused(self, clients: SocketClients, urls: tuple[str, str], user: Person) -> None:
        name = f"elsewhere-{clients.mark()}"
        with pytest.raises(ClientError):
            clients.connect(name, urls[0], namespace="/other", token=user.token, options={"reconnection": False})
        clients.drop(name)

    def test_another_origin_is_refused(self, urls: tuple[str, str]) -> None:
        request = urllib.request.Request(
            f"{urls[0]}/socket.io/?EIO=4&transport=polling", headers={"Origin": "https://elsewhere.example"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert refused.value.code == 400


class TestAdmission:
    def test_the_token_may_come_in_the_header_or_the_query(
        self, clients: SocketClients, urls: tuple[str, str], user: Person
    ) -> None:
        ways: list[dict[str, Any]] = [
            {"extraHeaders": {"Authorization": f"Bearer {user.token}"}},
            {"query": {"token": user.token}},
        ]
        for number, options in enumerate(ways):
            name = f"way-{number}-{clients.mark()}"
            assert clients.connect(name, urls[0], options={**options, "transports": ["polling"]})
            assert clients.call(name, "register", {})["user"]["id"] == user.uid
            clients.drop(name)

    def test_the_gateway_passes_polling_and_its_upgrade(
        self, clients: SocketClients, stack_env: dict[str, str], user: Person
    ) -> None:
        name = f"gateway-{clients.mark()}"
        clients.connect(name, stack_env["SIGNALING_URL"], token=user.token)
        assert clients.call(name, "register", {})["user"]["name"] == "Meera"
        clients.drop(name)

    def test_our_own_origin_and_the_configured_ones_are_let_in(self, urls: tuple[str, str]) -> None:
        for origin in (urls[0], "http://localhost:5173"):
            request = urllib.request.Request(
                f"{urls[0]}/socket.io/?EIO=4&transport=polling", headers={"Origin": origin}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.headers["Access-Control-Allow-Origin"] == origin

    def test_who_says_nothing_is_given_time_and_then_cut_off(self, urls: tuple[str, str], user: Person) -> None:
        """Longer than some of the shortened rounds in which an instance looks for them."""
        with raw_socket(urls[0]) as silent, raw_socket(urls[0]) as slow:
            receive(slow, "0")
            time.sleep(4)
            slow.send("40" + json.dumps({"token": user.token}))
            receive(slow, "40{")
            receive(silent, "1")
            slow.send("420" + json.dumps(["register", {}]))
            assert acknowledged(slow)["user"]["id"] == user.uid

    def test_health_tells_the_instance(self, urls: tuple[str, str]) -> None:
        ids = set()
        for url in urls:
            with urllib.request.urlopen(f"{url}/health", timeout=60) as answer:
                health = json.load(answer)
            assert health["status"] == "ok"
            ids.add(health["instance"])
        assert len(ids) == 2


class TestToken:
    def test_a_fresh_token_of_another_user_is_refused(
        self, seat: Callable[..., Seat], user: Person, stranger: Person
    ) -> None:
        one = seat(user).connect()
        assert one.call("register", {"token": stranger.token})["error"]["code"] == "FORBIDDEN"
        assert one.call("register", {"token": user.token})["user"]["id"] == user.uid

    def test_a_connection_outlives_its_token_by_the_grace(self) -> None:
        def connection(expired_s: float) -> Connection:
            expires_at = clock.after(clock.now(), -expired_s)
            return Connection("sid", "eio", Principal("uid", None, False, None, "user", expires_at), "token")

        assert not connection(-60).is_expired
        assert connection(60).is_expired
        assert not connection(60).is_over
        assert connection(EXPIRY_GRACE_S + 1).is_over

    @pytest.mark.parametrize("end", [{"disabled": True}, {"cookiesValidAfter": clock.after(clock.now(), 3600)}])
    def test_who_only_listens_by_a_cookie_is_looked_up(
        self, ctx: Context, end: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It lasts a week, and whoever has been sent out would hear everything until then."""

        def connection(by_cookie: bool) -> Connection:
            now = clock.now()
            week = {"exp": int(now.timestamp()) + 7 * 24 * 3600, "auth_time": int(now.timestamp())}
            issuer = {"iss": auth.COOKIE_ISSUER + ctx.db.project} if by_cookie else {}
            token = emulator_token(ctx.settings.google_cloud_project, "meera", **week, **issuer)
            return Connection("sid", "eio", auth.authenticate(ctx, token), token)

        async def call(function: Callable[..., Any], *args: Any) -> Any:
            return function(*args)

        ctx = replace(ctx, settings=ctx.settings.model_copy(update={"google_cloud_project": ctx.db.project}))
        socket, other = connection(by_cookie=True), connection(by_cookie=False)
        monkeypatch.setattr("signaling.auth.LISTENING_S", -1.0)
        assert socket.is_unseen
        assert not other.is_unseen
        assert asyncio.run(is_welcome(ctx, call, socket))
        ctx.db.set(("users", "meera"), end)
        auth.forget("meera")
        assert not asyncio.run(is_welcome(ctx, call, socket))


class TestEvents:
    @pytest.mark.parametrize("event", ["nonsense", "Register", "__init__", "trigger_event", "send"])
    def test_an_unknown_event_is_told(self, event: str, seat: Callable[..., Seat], user: Person) -> None:
        assert seat(user).connect().call(event, {})["error"]["code"] == "UNKNOWN_EVENT"

    @pytest.mark.parametrize(
        ("event", "payload", "field"),
        [
            ("register", {"userType": "boss"}, "userType"),
            ("request-chat", {}, "expertId"),
            ("request-chat", {"expertId": 7}, "expertId"),
            ("request-chat", {"expertId": "../x"}, "expertId"),
            ("request-chat", {"expertId": "x", "type": "dance"}, "type"),
            ("request-chat", "text", "payload"),
            ("request-chat", ["list"], "payload"),
            ("leave-queue", {"expertId": None}, "expertId"),
            ("chat-message", {"message": "x"}, "chatId"),
            ("chat-message", {"chatId": "x", "message": {"a": 1}}, "message"),
            ("chat-message", {"chatId": "a/b", "message": "x"}, "chatId"),
            ("end-chat", None, "chatId"),
            ("call-offer", {"chatId": "x", "offer": "s" * 70_000}, "offer"),
            ("call-offer", {"chatId": "x", "offer": 7}, "offer"),
            ("ice-candidate", {"chatId": "x", "candidate": {"candidate": "c" * 5_000}}, "candidate"),
            ("chat-typing", {"chatId": "x", "isTyping": "yes"}, "isTyping"),
        ],
    )
    def test_a_malformed_payload_is_told_by_its_field(
        self, event: str, payload: Any, field: str, seat: Callable[..., Seat], user: Person
    ) -> None:
        error = seat(user).connect().call(event, payload)["error"]
        assert error["code"] == "INVALID_INPUT"
        assert any(detail["field"].split(".")[0] == field for detail in error["details"]), error

    def test_events_named_like_the_librarys_own_do_nothing(
        self, user: Person, stranger: Person, urls: tuple[str, str]
    ) -> None:
        with raw_socket(urls[0]) as raw:
            receive(raw, "0")
            raw.send("40" + json.dumps({"token": user.token}))
            receive(raw, "40")
            for number, event in enumerate((["connect", {}, {"token": stranger.token}], ["disconnect"], [{}], [7])):
                raw.send(f"42{number}" + json.dumps(event))
                assert acknowledged(raw)["error"]["code"] == "UNKNOWN_EVENT"
            raw.send("429" + json.dumps(["register", {}]))
            assert acknowledged(raw)["user"]["id"] == user.uid

    def test_a_binary_payload_is_told(self, user: Person, urls: tuple[str, str]) -> None:
        with raw_socket(urls[0]) as raw:
            receive(raw, "0")
            raw.send("40" + json.dumps({"token": user.token}))
            receive(raw, "40")
            placeholder = {"_placeholder": True, "num": 0}
            raw.send("451-7" + json.dumps(["chat-message", {"chatId": "x", "message": placeholder}]))
            raw.send(b"text")
            assert acknowledged(raw)["error"]["code"] == "INVALID_INPUT"
