"""GET /api/calls/ice-servers: STUN, and TURN credentials that coturn accepts and that expire."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from konnect.calls import ice
from konnect.config import ConfigError, Settings, load
from konnect.http.app import serve
from local.person import Person
from tests import people
from tests.http.serving import emulator_token, served
from tests.support import new_context

PATH = "/api/calls/ice-servers"
NOW = datetime(2026, 1, 5, 11, 0, 0, 700_000, tzinfo=UTC)
TURN = {
    "STUN_URLS": "stun:stun.konnect.test:3478",
    "TURN_URLS": "turn:turn.konnect.test:3478?transport=udp, turns:turn.konnect.test:5349",
    "TURN_SECRET": "konnect-turn-secret",
}


class TestCredential:
    def test_is_what_openssl_computes(self) -> None:
        # printf %s 1767614400:asha | openssl dgst -sha1 -hmac konnect-turn-secret -binary | base64
        made = ice.credential("konnect-turn-secret", "asha", datetime(2026, 1, 5, 12, tzinfo=UTC))
        assert made == ice.Credential("1767614400:asha", "1MXcmT/40SLkWNx5n1nOxhw5Qv8=")

    def test_holds_for_the_configured_time(self) -> None:
        found = ice.servers(load({**TURN, "TURN_TTL_S": "600"}), "asha", now=NOW)
        assert (found.ttl_s, found.expires_at) == (600, datetime(2026, 1, 5, 11, 10, tzinfo=UTC))
        assert found.turn is not None
        assert found.turn.username == f"{int(found.expires_at.timestamp())}:asha"


class TestSettings:
    def test_by_default_googles_stun_alone(self) -> None:
        found = ice.servers(Settings(), "asha", now=NOW)
        assert (found.stun_urls, found.turn_urls, found.turn) == (["stun:stun.l.google.com:19302"], [], None)

    @pytest.mark.parametrize("missing", ["TURN_URLS", "TURN_SECRET"])
    def test_without_a_server_or_its_secret_there_is_no_turn(self, missing: str) -> None:
        environ = {name: value for name, value in TURN.items() if name != missing}
        assert ice.servers(load(environ), "asha", now=NOW).turn is None

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("STUN_URLS", "turn:turn.konnect.test"),
            ("TURN_URLS", "https://turn.konnect.test"),
            ("TURN_TTL_S", "86401"),
            ("TURN_TTL_S", "0"),
        ],
    )
    def test_wrong_ones_are_refused_by_name(self, name: str, value: str) -> None:
        with pytest.raises(ConfigError, match=f"(?i){name}"):
            load({**TURN, name: value})


@pytest.fixture(scope="module")
def url(stack_env: dict[str, str]) -> Iterator[str]:
    """A server with TURN."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack_env.items():
            patch.setenv(name, value)
        ctx = new_context(load({**stack_env, **TURN}))
        with served(lambda request: serve(request, {"/api/calls": "konnect.calls.endpoints"}, ctx)) as address:
            yield address


class TestEndpoint:
    def test_gives_stun_and_turn_of_the_caller(self, url: str, stack_env: dict[str, str]) -> None:
        before = datetime.now(UTC).replace(microsecond=0)
        token = emulator_token(stack_env["GOOGLE_CLOUD_PROJECT"], "meera")
        answer = requests.get(url + PATH, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        body = answer.json()
        stun, turn = body["iceServers"]
        assert stun == {"urls": ["stun:stun.konnect.test:3478"]}
        assert turn["urls"] == ["turn:turn.konnect.test:3478?transport=udp", "turns:turn.konnect.test:5349"]
        expiry, _, uid = turn["username"].partition(":")
        assert uid == "meera"
        mac = hmac.new(TURN["TURN_SECRET"].encode(), turn["username"].encode(), hashlib.sha1)
        assert base64.b64decode(turn["credential"]) == mac.digest()
        expires_at = datetime.fromisoformat(body["expiresAt"])
        assert int(expiry) == expires_at.timestamp()
        assert body["ttl"] == 3600
        assert timedelta(0) <= expires_at - before - timedelta(hours=1) < timedelta(seconds=30)

    def test_anonymous_is_refused(self, url: str) -> None:
        answer = requests.get(url + PATH, timeout=60)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")

    def test_the_local_stack_names_no_server(self, stack_env: dict[str, str]) -> None:
        meera: Person = people.person(stack_env, "Meera")
        answer = meera.get(PATH)
        assert (answer["iceServers"], answer["ttl"]) == ([], 3600)
