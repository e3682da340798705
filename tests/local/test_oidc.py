"""The local issuer's tokens pass the verifiers that are used on Google's."""

import http.server
import json
import threading
from collections.abc import Iterator

import jwt
import pytest
from google.auth.transport import requests as google_requests
from google.oauth2 import id_token

from local.oidc import LocalIssuer

ISSUER = "http://127.0.0.1:1/oidc"
AUDIENCE = "http://127.0.0.1:2/tasks"
EMAIL = "tasks@demo-konnect.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def issuer() -> LocalIssuer:
    return LocalIssuer(ISSUER)


@pytest.fixture
def certs_url(issuer: LocalIssuer) -> Iterator[str]:
    class Certs(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(issuer.jwks()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Certs) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/oidc/certs"
        server.shutdown()


def decode(issuer: LocalIssuer, token: str, audience: str = AUDIENCE) -> dict[str, object]:
    keys = {key.key_id: key.key for key in jwt.PyJWKSet.from_dict(issuer.jwks()).keys}
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=issuer.issuer_url)


class TestToken:
    def test_has_the_claims_of_a_service_account(self, issuer: LocalIssuer) -> None:
        claims = decode(issuer, issuer.token(AUDIENCE, EMAIL))
        assert claims["iss"] == ISSUER
        assert claims["aud"] == AUDIENCE
        assert claims["email"] == EMAIL
        assert claims["email_verified"] is True
        assert claims["azp"] == claims["sub"]
        assert str(claims["sub"]).isdigit()
        assert len(str(claims["sub"])) == 21
        assert claims["exp"] - claims["iat"] == 3600

    def test_passes_google_auth(self, issuer: LocalIssuer, certs_url: str) -> None:
        request = google_requests.Request()
        claims = id_token.verify_token(issuer.token(AUDIENCE, EMAIL), request, audience=AUDIENCE, certs_url=certs_url)
        assert claims["email"] == EMAIL

    def test_is_reused_by_audience_and_email(self, issuer: LocalIssuer) -> None:
        token = issuer.token(AUDIENCE, EMAIL)
        assert issuer.token(AUDIENCE, EMAIL) == token
        assert issuer.token(AUDIENCE + "/other", EMAIL) != token
        assert issuer.token(AUDIENCE, "other@demo-konnect.iam.gserviceaccount.com") != token

    def test_another_audience_is_refused(self, issuer: LocalIssuer) -> None:
        with pytest.raises(jwt.InvalidAudienceError):
            decode(issuer, issuer.token(AUDIENCE, EMAIL), audience="http://elsewhere")

    def test_expired_on_request(self, issuer: LocalIssuer) -> None:
        with pytest.raises(jwt.ExpiredSignatureError):
            decode(issuer, issuer.token(AUDIENCE, EMAIL, lifetime_s=-60))

    def test_a_foreign_key_is_refused(self, issuer: LocalIssuer) -> None:
        foreign = LocalIssuer(ISSUER)
        assert foreign.key_id != issuer.key_id
        key = jwt.PyJWKSet.from_dict(issuer.jwks()).keys[0].key
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(foreign.token(AUDIENCE, EMAIL), key, algorithms=["RS256"], audience=AUDIENCE)


class TestJwks:
    def test_is_one_public_signing_key(self, issuer: LocalIssuer) -> None:
        (key,) = issuer.jwks()["keys"]
        assert set(key) == {"kty", "alg", "use", "kid", "n", "e"}
        assert (key["kty"], key["alg"], key["use"], key["kid"]) == ("RSA", "RS256", "sig", issuer.key_id)
