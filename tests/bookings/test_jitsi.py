"""Jitsi's tokens and signatures, as its documents have them."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from konnect.config import ConfigError, load
from konnect.integrations.jitsi import webhook
from konnect.integrations.jitsi.client import Guest, Jitsi

OPENS = datetime(2026, 6, 1, 9, 50, tzinfo=UTC)
CLOSES = OPENS + timedelta(minutes=75)
GUEST = Guest("u1", "Ravi", "https://img.example.com/r.jpg", is_moderator=True, may_record=True)
ROOM = "graphora-grp-20260601-7kx-0123456789abcdef"
APP_ID = "vpaas-magic-cookie-1fc542a3e4414a44b2611668195e2bfe"
NO_TIMES = {"verify_exp": False, "verify_nbf": False}

# The example of developer.8x8.com/jaas/docs/webhooks-signatures, whole.
SAMPLE = (
    b'{"eventType":"PARTICIPANT_JOINED","sessionId":"9a441d60-ceaf-4eba-b0a8-a7d940a76e1b","timestamp":1632490058278,'
    b'"fqn":"vpaas-magic-cookie-96f0941768964ab380ed0fbada7a502f/sampleappromanticshiftsstripas",'
    b'"idempotencyKey":"9e9e7420-562d-4659-8e22-44b9b22aaa49","customerId":"96f0941768964ab380ed0fbada7a502f",'
    b'"appId":"vpaas-magic-cookie-96f0941768964ab380ed0fbada7a502f","data":{"avatar":"","name":"Test User",'
    b'"id":"auth0|5f903d7a77f3b4006eb8e67d","participantJid":"fc1ea14a-9bca-4218-a563-8c627e803d56@8x8.vc",'
    b'"moderator":true,"email":"test.user@company.com"}}'
)
SAMPLE_SECRET = "whsec_9635df66714a4cf088ee9d0979dd3bf6"
SAMPLE_SIGNATURE = "t=1632490060,v1=xlzqEojlh4qb21sQpXYsWgyK8x9HVpz+RQldsv18rV0="
SAMPLE_TIME = datetime.fromtimestamp(1632490060, UTC)


class TestTokens:
    def test_of_jaas(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        settings = load(
            {
                "JITSI_URL": "https://8x8.vc",
                "JITSI_APP_ID": APP_ID,
                "JITSI_KEY_ID": f"{APP_ID}/4f4910",
                # As one line, which an environment file needs.
                "JITSI_PRIVATE_KEY": pem.replace("\n", "\\n"),
            }
        )
        entry = Jitsi(settings).entry(ROOM, GUEST, opens_at=OPENS, closes_at=CLOSES)
        assert (entry.domain, entry.room_name) == ("8x8.vc", f"{APP_ID}/{ROOM}")
        assert entry.url == f"https://8x8.vc/{APP_ID}/{ROOM}?jwt={entry.token}"
        assert entry.token is not None
        assert jwt.get_unverified_header(entry.token) == {"alg": "RS256", "kid": f"{APP_ID}/4f4910", "typ": "JWT"}
        claims = jwt.decode(entry.token, key.public_key(), algorithms=["RS256"], audience="jitsi", options=NO_TIMES)
        features = claims["context"].pop("features")
        assert features["recording"] == "true"
        assert {name for name, value in features.items() if value == "true"} == {"recording"}
        assert claims == {
            "aud": "jitsi",
            "iss": "chat",
            "sub": APP_ID,
            "room": ROOM,
            "nbf": int(OPENS.timestamp()),
            "exp": int(CLOSES.timestamp()),
            "context": {
                "user": {
                    "id": "u1",
                    "name": "Ravi",
                    "avatar": "https://img.example.com/r.jpg",
                    "moderator": "true",
                    "affiliation": "owner",
                }
            },
        }

    def test_of_one_s_own_server(self) -> None:
        settings = load(
            {"JITSI_URL": "https://Call.Example.com:8443/", "JITSI_APP_ID": "konnect", "JITSI_APP_SECRET": "s" * 32}
        )
        entry = Jitsi(settings).entry(ROOM, GUEST, opens_at=OPENS, closes_at=CLOSES)
        assert entry.url == f"https://Call.Example.com:8443/{ROOM}?jwt={entry.token}"
        assert entry.token is not None
        claims = jwt.decode(entry.token, "s" * 32, algorithms=["HS256"], audience="jitsi", options=NO_TIMES)
        assert (claims["iss"], claims["sub"], claims["room"]) == ("konnect", "call.example.com", ROOM)
        assert claims["context"]["user"]["moderator"] == "true"

    @pytest.mark.parametrize(
        "environ",
        [
            {"JITSI_APP_ID": "konnect"},
            {"JITSI_APP_SECRET": "secret"},
            {"JITSI_APP_ID": "konnect", "JITSI_PRIVATE_KEY": "key"},
            {"JITSI_APP_ID": "konnect", "JITSI_APP_SECRET": "s", "JITSI_PRIVATE_KEY": "k", "JITSI_KEY_ID": "konnect/1"},
            {"JITSI_URL": "https://8x8.vc/room"},
            {"JITSI_URL": "meet.jit.si"},
        ],
    )
    def test_half_a_configuration(self, environ: dict[str, str]) -> None:
        with pytest.raises(ConfigError, match=r"(?i)jitsi"):
            load(environ)


class TestSignatures:
    def test_the_documented_example(self) -> None:
        assert webhook.verified(SAMPLE, SAMPLE_SIGNATURE, SAMPLE_SECRET, now=SAMPLE_TIME)
        found = webhook.read(SAMPLE)
        assert (found.id, found.name, found.user_id, found.problem) == (
            "9e9e7420-562d-4659-8e22-44b9b22aaa49",
            "PARTICIPANT_JOINED",
            "auth0|5f903d7a77f3b4006eb8e67d",
            "",
        )
        assert (found.app_id, found.room) == (
            "vpaas-magic-cookie-96f0941768964ab380ed0fbada7a502f",
            "sampleappromanticshiftsstripas",
        )
        assert found.at == datetime(2021, 9, 24, 13, 27, 38, 278000, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("body", "header", "secret"),
        [
            (SAMPLE + b" ", SAMPLE_SIGNATURE, SAMPLE_SECRET),
            (SAMPLE, SAMPLE_SIGNATURE.replace("1632490060", "1632490061"), SAMPLE_SECRET),
            (SAMPLE, SAMPLE_SIGNATURE.replace("v1=", "v0="), SAMPLE_SECRET),
            (SAMPLE, SAMPLE_SIGNATURE, "another"),
            (SAMPLE, SAMPLE_SIGNATURE, ""),
            (SAMPLE, "", SAMPLE_SECRET),
            (SAMPLE, "t=,v1=", SAMPLE_SECRET),
            (SAMPLE, "t=²,v1=é", SAMPLE_SECRET),
        ],
    )
    def test_what_is_not_signed(self, body: bytes, header: str, secret: str) -> None:
        assert not webhook.verified(body, header, secret, now=SAMPLE_TIME)

    def test_an_old_one(self) -> None:
        for hours, holds in ((23, True), (25, False), (-25, False)):
            at = SAMPLE_TIME + timedelta(hours=hours)
            assert webhook.verified(SAMPLE, SAMPLE_SIGNATURE, SAMPLE_SECRET, now=at) is holds

    @pytest.mark.parametrize("body", [b"[]", b"{", b'{"eventType": "X", "fqn": "a/b", "timestamp": "soon"}', b"\xff"])
    def test_what_can_t_be_read_is_named(self, body: bytes) -> None:
        found = webhook.read(body)
        assert found.problem
        assert found.room == ""
