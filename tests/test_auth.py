"""Who is calling: tokens signed like Google's, the emulator's, and the accounts behind them."""

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from konnect import auth, ids, tokens
from konnect.config import GOOGLE_ISSUER, Settings
from konnect.context import Context
from konnect.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from tests.http.serving import claims, emulator_token
from tests.support import new_context

PROJECT = "demo-konnect"
CLOUD = Settings(google_cloud_project=PROJECT)
LOCAL = Settings(google_cloud_project=PROJECT, firebase_auth_emulator_host="127.0.0.1:1")
HOUR_AGO_S = int(time.time()) - 3600


class Issuer:
    """An issuer with published keys, and a count of how often they were fetched."""

    def __init__(self) -> None:
        self.fetched = 0
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.add("k1")
        issuer = self

        class Keys(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetched += 1
                self.send_response(200)
                self.end_headers()
                published = [
                    {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": "RS256"}
                    for kid, key in issuer.keys.items()
                ]
                self.wfile.write(json.dumps({"keys": published}).encode())

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
        self.url = f"http://127.0.0.1:{self.server.server_port}/certs"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def add(self, kid: str) -> None:
        self.keys[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign(self, payload: dict[str, Any], kid: str = "k1", algorithm: str = "RS256", key: Any = None) -> str:
        return jwt.encode(payload, key or self.keys[kid], algorithm=algorithm, headers={"kid": kid})

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.stop()


class TestVerifyToken:
    def test_signed_by_google(self, issuer: Issuer) -> None:
        token = issuer.sign(claims(PROJECT, "ann", role="expert", auth_time=HOUR_AGO_S))
        found = auth.verify_token(token, using=CLOUD, certs_url=issuer.url)
        assert (found.uid, found.email, found.email_verified) == ("ann", "ann@konnect.test", True)
        assert (found.name, found.role) == ("Ann", "expert")
        assert found.auth_time == datetime.fromtimestamp(HOUR_AGO_S, UTC)
        assert found.expires_at > datetime.now(UTC)

    def test_of_the_emulator(self) -> None:
        token = emulator_token(PROJECT, "bob", email=None, name=None, email_verified=None)
        found = auth.verify_token(token, using=LOCAL)
        assert (found.uid, found.email, found.email_verified, found.name) == ("bob", None, False, None)
        assert found.role == "user"

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"exp": HOUR_AGO_S}, "has expired"),
            ({"exp": None}, "has no exp"),
            ({"aud": "another-project"}, "another project"),
            ({"aud": [PROJECT]}, "another project"),
            ({"aud": None}, "has no aud"),
            ({"iss": "https://securetoken.google.com/another-project"}, "another issuer"),
            ({"iss": "https://evil.test"}, "another issuer"),
            ({"iss": None}, "has no iss"),
            ({"iat": HOUR_AGO_S + 30 * 86_400}, "not valid yet"),
            ({"iat": "yesterday"}, "malformed"),
            ({"exp": 10**18}, "malformed"),
            ({"sub": None}, "has no sub"),
            ({"sub": ""}, "user id"),
            ({"sub": "a/b"}, "user id"),
            ({"sub": 5}, "malformed"),
        ],
    )
    @pytest.mark.parametrize("emulated", [True, False])
    def test_wrong_claims(self, issuer: Issuer, changes: dict[str, Any], message: str, emulated: bool) -> None:
        payload = claims(PROJECT, "ann", **changes)
        # PyJWT's encoder refuses to sign some of these; the raw signer does not.
        header = {"alg": "none"} if emulated else {"kid": "k1"}
        data = json.dumps(payload).encode()
        signer = jwt.PyJWS()
        token = (
            signer.encode(data, None, algorithm="none", headers=header)
            if emulated
            else signer.encode(data, issuer.keys["k1"], algorithm="RS256", headers=header)
        )
        with pytest.raises(Unauthenticated, match=message) as raised:
            auth.verify_token(token, using=LOCAL if emulated else CLOUD, certs_url=issuer.url)
        assert raised.value.code == "UNAUTHENTICATED"

    def test_forged(self, issuer: Issuer) -> None:
        payload = claims(PROJECT, "ann")
        stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        secret = "x" * 32
        for token in (
            issuer.sign(payload, key=stranger),
            issuer.sign(payload, algorithm="HS256", key=secret),
            issuer.sign(payload, algorithm="PS256"),
            jwt.encode(payload, issuer.keys["k1"], algorithm="RS256"),
            emulator_token(PROJECT, "ann"),
            issuer.sign(payload)[:-10],
            issuer.sign(payload).rpartition(".")[0] + ".",
        ):
            with pytest.raises(Unauthenticated):
                auth.verify_token(token, using=CLOUD, certs_url=issuer.url)

    @pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c", "..", "e30.e30.", "ü.ü.ü", "x" * 9000])
    @pytest.mark.parametrize("using", [LOCAL, CLOUD])
    def test_malformed(self, issuer: Issuer, token: str, using: Settings) -> None:
        with pytest.raises(Unauthenticated):
            auth.verify_token(token, using=using, certs_url=issuer.url)

    def test_the_emulator_signs_nothing(self, issuer: Issuer) -> None:
        with pytest.raises(Unauthenticated):
            auth.verify_token(issuer.sign(claims(PROJECT, "ann")), using=LOCAL)

    def test_keys_are_cached_also_for_unknown_ones(self) -> None:
        own = Issuer()
        try:
            own.add("k2")
            for kid in ("k1", "k2", "k1"):
                auth.verify_token(own.sign(claims(PROJECT, "ann"), kid), using=CLOUD, certs_url=own.url)
            assert own.fetched == 1
            own.add("k3")
            token = own.sign(claims(PROJECT, "ann"), "k3")
            for _ in range(3):
                with pytest.raises(Unauthenticated, match="unknown key"):
                    auth.verify_token(token, using=CLOUD, certs_url=own.url + "")
            # A key that is new is fetched once the last fetch is 30 s old.
            assert own.fetched == 1
            tokens._key_client(own.url)._last_successful_fetch = time.monotonic() - 31
            assert auth.verify_token(token, using=CLOUD, certs_url=own.url).uid == "ann"
            assert own.fetched == 2
        finally:
            own.stop()

    def test_keys_out_of_reach(self, issuer: Issuer) -> None:
        gone = Issuer()
        gone.stop()
        with pytest.raises(Unavailable):
            auth.verify_token(gone.sign(claims(PROJECT, "ann")), using=CLOUD, certs_url=gone.url)


def cookie(**changes: Any) -> dict[str, Any]:
    """The payload of a session cookie: an ID token's, with another issuer."""
    return {**claims(PROJECT, "ann"), "iss": auth.COOKIE_ISSUER + PROJECT, **changes}


class TestSessionCookie:
    """firebase_admin's verify_session_cookie: issuer, audience and keys of its own, all else as an ID token's."""

    def verify(self, issuer: Issuer, token: str, using: Settings = CLOUD) -> auth.Claims:
        return auth.verify_token(token, using=using, certs_url="http://127.0.0.1:9/none", cookie_certs_url=issuer.url)

    def test_signed_by_google(self, issuer: Issuer) -> None:
        week_s = int(auth.COOKIE_LIFE.total_seconds())
        token = issuer.sign(cookie(exp=int(time.time()) + week_s, auth_time=HOUR_AGO_S, role="expert"))
        found = self.verify(issuer, token)
        assert (found.uid, found.role, found.by_cookie) == ("ann", "expert", True)
        assert found.auth_time == datetime.fromtimestamp(HOUR_AGO_S, UTC)
        assert found.expires_at > datetime.now(UTC) + timedelta(days=6)

    def test_of_the_emulator(self, issuer: Issuer) -> None:
        token = jwt.encode(cookie(), "", algorithm="none")
        assert self.verify(issuer, token, LOCAL).by_cookie
        with pytest.raises(Unauthenticated):
            self.verify(issuer, token)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"exp": HOUR_AGO_S}, "has expired"),
            ({"aud": "another-project"}, "another project"),
            ({"iss": auth.COOKIE_ISSUER + "another-project"}, "another issuer"),
            ({"iss": auth.COOKIE_ISSUER}, "another issuer"),
            ({"sub": "a/b"}, "user id"),
        ],
    )
    def test_wrong_claims(self, issuer: Issuer, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(Unauthenticated, match=message):
            self.verify(issuer, issuer.sign(cookie(**changes)))

    def test_each_issuer_has_its_own_keys(self, issuer: Issuer) -> None:
        other = Issuer()
        try:
            both = {"using": CLOUD, "certs_url": other.url, "cookie_certs_url": issuer.url}
            for token in (other.sign(cookie()), issuer.sign(claims(PROJECT, "ann"))):
                with pytest.raises(Unauthenticated, match="signature"):
                    auth.verify_token(token, **both)
            assert not auth.verify_token(other.sign(claims(PROJECT, "ann")), **both).by_cookie
            assert auth.verify_token(issuer.sign(cookie()), **both).by_cookie
        finally:
            other.stop()


class TestVerifyTaskToken:
    AUDIENCE = "https://tasks.konnect.test"
    ACCOUNT = "tasks@konnect.test"

    def settings(self, issuer: Issuer) -> Settings:
        return Settings(tasks_url=self.AUDIENCE, tasks_service_account=self.ACCOUNT, oidc_certs_url=issuer.url)

    def payload(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        made = {
            "iss": GOOGLE_ISSUER,
            "aud": self.AUDIENCE,
            "sub": "1",
            "email": self.ACCOUNT,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
        }
        return {name: value for name, value in {**made, **changes}.items() if value is not None}

    @pytest.mark.parametrize("name", [GOOGLE_ISSUER, "accounts.google.com"])
    def test_valid(self, issuer: Issuer, name: str) -> None:
        auth.verify_task_token(self.settings(issuer), f"Bearer {issuer.sign(self.payload(iss=name))}")

    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": "https://other.test"},
            {"aud": None},
            {"iss": "https://evil.test"},
            {"exp": HOUR_AGO_S},
            {"exp": None},
            {"email": "else@konnect.test"},
            {"email": None},
            {"email_verified": False},
            {"email_verified": "true"},
        ],
    )
    def test_wrong(self, issuer: Issuer, changes: dict[str, Any]) -> None:
        with pytest.raises(Unauthenticated):
            auth.verify_task_token(self.settings(issuer), f"Bearer {issuer.sign(self.payload(**changes))}")

    @pytest.mark.parametrize("header", [None, "", "Bearer", "Basic abc", "Bearer abc"])
    def test_no_token(self, issuer: Issuer, header: str | None) -> None:
        with pytest.raises(Unauthenticated):
            auth.verify_task_token(self.settings(issuer), header)

    def test_without_an_audience_nothing_is_valid(self, issuer: Issuer) -> None:
        settings = self.settings(issuer).model_copy(update={"tasks_url": ""})
        with pytest.raises(Unauthenticated):
            auth.verify_task_token(settings, f"Bearer {issuer.sign(self.payload(aud=''))}")


@pytest.fixture(scope="module")
def account_context(stack_env: dict[str, str]) -> Iterator[Context]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack_env.items():
            patch.setenv(name, value)
        yield new_context()


class TestAuthenticate:
    def token(self, ctx: Context, uid: str, **changes: Any) -> str:
        return emulator_token(ctx.settings.google_cloud_project, uid, **changes)

    def test_before_the_first_document(self, account_context: Context) -> None:
        uid = ids.new()
        caller = auth.authenticate(account_context, self.token(account_context, uid, role="admin"))
        assert (caller.uid, caller.role, caller.disabled) == (uid, "admin", False)
        assert caller.email == f"{uid}@konnect.test"

    def test_the_documents_name_wins_and_the_claims_role(self, account_context: Context) -> None:
        uid = ids.new()
        account_context.db.set(("users", uid), {"name": "Ann B.", "role": "admin", "disabled": False})
        caller = auth.authenticate(account_context, self.token(account_context, uid))
        assert (caller.name, caller.role) == ("Ann B.", "user")

    def test_disabled(self, account_context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(auth, "ACCOUNT_CACHE_S", 3600.0)
        uid = ids.new()
        token = self.token(account_context, uid)
        auth.authenticate(account_context, token)
        account_context.db.set(("users", uid), {"disabled": True})
        auth.authenticate(account_context, token)  # read just now
        auth.forget(uid)
        with pytest.raises(Forbidden) as raised:
            auth.authenticate(account_context, token)
        assert raised.value.code == "ACCOUNT_DISABLED"

    def test_read_again_after_ten_seconds(self, account_context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        uid = ids.new()
        token = self.token(account_context, uid)
        auth.authenticate(account_context, token)
        account_context.db.set(("users", uid), {"disabled": True})
        monkeypatch.setattr(auth, "ACCOUNT_CACHE_S", 0.0)
        with pytest.raises(Forbidden):
            auth.authenticate(account_context, token)

    def test_revoked(self, account_context: Context) -> None:
        uid = ids.new()
        moment = datetime.now(UTC) - timedelta(minutes=10)
        account_context.db.set(("users", uid), {"tokensValidAfter": moment})
        before, after = (int(moment.timestamp()) + seconds for seconds in (-1, 1))
        with pytest.raises(Unauthenticated) as raised:
            auth.authenticate(account_context, self.token(account_context, uid, auth_time=before))
        assert raised.value.code == "TOKEN_REVOKED"
        assert auth.authenticate(account_context, self.token(account_context, uid, auth_time=after)).uid == uid
        with pytest.raises(Unauthenticated):
            auth.authenticate(account_context, self.token(account_context, uid, auth_time=None, iat=before))

    def test_the_cache_is_bounded(self, account_context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(auth, "ACCOUNT_CACHE_SIZE", 3)
        cache: auth._Remembered[str] = auth._Remembered()
        for index in range(5):
            cache.get("project", f"u{index}", str, for_s=10)
        assert [uid for _, uid in cache._known] == ["u2", "u3", "u4"]


class TestAuthenticateByCookie:
    def token(self, ctx: Context, uid: str, **changes: Any) -> str:
        project = ctx.settings.google_cloud_project
        payload = {**claims(project, uid), "iss": auth.COOKIE_ISSUER + project, **changes}
        return jwt.encode(payload, "", algorithm="none")

    @pytest.mark.parametrize(
        ("claim", "profile", "changed", "role"),
        [
            ("user", "expert", True, "expert"),
            ("user", "expert", False, "user"),
            ("expert", "user", True, "user"),
            # Only a claim makes an admin.
            ("user", "admin", True, "user"),
            ("admin", "admin", True, "admin"),
            ("admin", "user", True, "user"),
        ],
    )
    def test_the_role_is_the_profile_s_once_it_has_changed(
        self, account_context: Context, claim: str, profile: str, changed: bool, role: str
    ) -> None:
        uid, now = ids.new(), datetime.now(UTC)
        at = now + timedelta(seconds=2 if changed else -60)
        account_context.db.set(("users", uid), {"role": profile, "claimsChangedAt": at})
        token = self.token(account_context, uid, role=claim, auth_time=int(now.timestamp()))
        assert auth.authenticate(account_context, token).role == role

    def test_a_change_of_password_ends_it(self, account_context: Context) -> None:
        uid, now_s = ids.new(), int(time.time())
        account_context.db.set(("users", uid), {"cookiesValidAfter": datetime.fromtimestamp(now_s, UTC)})
        with pytest.raises(Unauthenticated) as raised:
            auth.authenticate(account_context, self.token(account_context, uid, auth_time=now_s - 1))
        assert raised.value.code == "TOKEN_REVOKED"
        assert auth.authenticate(account_context, self.token(account_context, uid, auth_time=now_s)).by_cookie
        # An ID token lives on for its hour.
        auth.authenticate(
            account_context, emulator_token(account_context.settings.google_cloud_project, uid, auth_time=now_s - 1)
        )


class TestAccounts:
    """Against the Auth emulator, with a person who has signed up."""

    @pytest.fixture
    def person(self, account_context: Context) -> dict[str, str]:
        return self.sign(f"{uuid4().hex}@konnect.test", "signUp")

    def sign(self, email: str, how: str) -> dict[str, str]:
        host = os.environ["FIREBASE_AUTH_EMULATOR_HOST"]
        answer = requests.post(
            f"http://{host}/identitytoolkit.googleapis.com/v1/accounts:{how}?key=any",
            json={"email": email, "password": "konnect-local", "returnSecureToken": True},
            timeout=60,
        )
        assert answer.ok, answer.text
        return answer.json()

    def refresh(self, token: str) -> requests.Response:
        host = os.environ["FIREBASE_AUTH_EMULATOR_HOST"]
        return requests.post(
            f"http://{host}/securetoken.googleapis.com/v1/token?key=any",
            data={"grant_type": "refresh_token", "refresh_token": token},
            timeout=60,
        )

    def test_role(self, account_context: Context, person: dict[str, str]) -> None:
        from firebase_admin import auth as admin

        uid = person["localId"]
        assert auth.authenticate(account_context, person["idToken"]).role == "user"
        app = auth._admin_app(account_context.settings.google_cloud_project)
        admin.set_custom_user_claims(uid, {"plan": "gold"}, app=app)
        auth.set_role(uid, "expert")
        token = self.refresh(person["refreshToken"]).json()["id_token"]
        assert auth.authenticate(account_context, token).role == "expert"
        assert jwt.decode(token, options={"verify_signature": False})["plan"] == "gold"

    def test_revoke(self, account_context: Context, person: dict[str, str]) -> None:
        uid = person["localId"]
        auth.authenticate(account_context, person["idToken"])
        account_context.db.set(("users", uid), {"tokensValidAfter": auth.revoke(uid)})
        with pytest.raises(Unauthenticated):
            auth.authenticate(account_context, person["idToken"])

    def test_a_cookie_lasts_a_week_and_is_checked_after_an_hour(
        self, account_context: Context, person: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from firebase_admin import auth as admin

        uid, token = person["localId"], auth.session_cookie(person["idToken"])
        found = auth.verify_token(token)
        assert (found.uid, found.by_cookie) == (uid, True)
        assert timedelta(days=6, hours=23) < found.expires_at - datetime.now(UTC) <= auth.COOKIE_LIFE
        app = auth._admin_app(account_context.settings.google_cloud_project)
        # As a reset of the password by mail does, of which only Firebase knows.
        later = datetime.now(UTC) + timedelta(seconds=2)
        admin._get_client(app)._user_manager.update_user(uid, valid_since=int(later.timestamp()))
        assert auth.authenticate(account_context, token).uid == uid
        monkeypatch.setattr(auth, "COOKIE_CHECK_S", -1.0)
        with pytest.raises(Unauthenticated) as raised:
            auth.authenticate(account_context, token)
        assert raised.value.code == "TOKEN_REVOKED"
        auth.delete_account(uid)
        with pytest.raises(Unauthenticated):
            auth.authenticate(account_context, token)

    def test_a_cookie_s_admin_is_one_no_longer_once_firebase_says_so(
        self, account_context: Context, person: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uid = person["localId"]
        auth.set_role(uid, "admin")
        token = auth.session_cookie(self.refresh(person["refreshToken"]).json()["id_token"])
        assert auth.authenticate(account_context, token).role == "admin"
        # In Firebase's console, as admins are made.
        auth.set_role(uid, "user")
        monkeypatch.setattr(auth, "COOKIE_CHECK_S", -1.0)
        assert auth.authenticate(account_context, token).role == "user"
        auth.set_role(uid, "admin")
        assert auth.authenticate(account_context, token).role == "admin"

    def test_a_cookie_needs_a_valid_id_token(self, account_context: Context) -> None:
        with pytest.raises(Unavailable):
            auth.session_cookie("nonsense")

    def test_unknown(self, account_context: Context) -> None:
        with pytest.raises(NotFound):
            auth.set_role("nobody-here", "expert")
        with pytest.raises(NotFound):
            auth.revoke("nobody-here")
