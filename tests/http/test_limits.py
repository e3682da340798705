"""Rate limits over HTTP with the product's numbers: who is counted, what the headers say, and two instances."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import requests
from flask import Request
from multidict import CIMultiDict
from werkzeug.test import EnvironBuilder

from bench import entry_point
from bench.entry_point import EntryPoint
from konnect import clock, ids, limits
from konnect.config import Settings
from konnect.context import Context
from konnect.http import openapi, routes
from konnect.http.app import serve
from konnect.http.limiting import address
from local.gateway import forwarded_headers
from tests.http.conftest import ORIGIN
from tests.http.serving import emulator_token, served
from tests.support import new_context

ROUTES = {**routes.ROUTES, "/api/things": "tests.http.sample"}
STRANGER = "203.0.113.9"
LIMIT_HEADERS = ("RateLimit", "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


@pytest.fixture(scope="module")
def ctx(web_context: Context) -> Context:
    """With the product's numbers, which the local stack multiplies."""
    return new_context(web_context.settings.model_copy(update={"rate_limit_factor": 1}))


@pytest.fixture(scope="module")
def url(ctx: Context) -> Iterator[str]:
    with served(lambda request: serve(request, ROUTES, ctx)) as found:
        yield found


@pytest.fixture
def new_user(ctx: Context) -> dict[str, str]:
    return signed_in(ctx.settings.google_cloud_project)


@pytest.fixture
def new_address() -> dict[str, str]:
    """An address that no other test has come from, as Google's load balancer tells it."""

    def new() -> str:
        number = uuid.uuid4().int
        return f"10.{number % 256}.{number // 256 % 256}.{number // 65536 % 256}"

    return {"X-Forwarded-For": f"{with_time(new, 'address')}, 10.0.0.1"}


def signed_in(project: str, **claims: Any) -> dict[str, str]:
    uid = with_time(ids.new, "user")
    return {"Authorization": f"Bearer {emulator_token(project, uid, **claims)}"}


def with_time(new: Callable[[], str], kind: str) -> str:
    """A new caller whose quarter of an hour has ten minutes to go: a test is in one window, not in two."""
    limit = limits.configured(Settings())["general"]
    while True:
        caller = new()
        if limits._window(limit, f"{kind}:{caller}", clock.now())[1] > 600:
            return caller


def statuses(times: int, method: str, url: str, headers: Mapping[str, str]) -> list[int]:
    with requests.Session() as session:
        return [session.request(method, url, headers=headers, json={}).status_code for _ in range(times)]


class TestHeaders:
    def test_where_the_caller_stands(self, url: str, new_user: dict[str, str]) -> None:
        first = requests.get(f"{url}/api/things/mine", headers=new_user)
        assert first.headers["RateLimit-Policy"] == '"general";q=100;w=900'
        assert (first.headers["RateLimit-Limit"], first.headers["RateLimit-Remaining"]) == ("100", "99")
        reset = first.headers["RateLimit-Reset"]
        assert 0 < int(reset) <= 900
        assert first.headers["RateLimit"] == f'"general";r=99;t={reset}'
        assert requests.get(f"{url}/api/things/mine", headers=new_user).headers["RateLimit-Remaining"] == "98"

    def test_refused(self, url: str, new_user: dict[str, str]) -> None:
        assert statuses(20, "POST", f"{url}/api/payments/verify", new_user) == [400] * 20
        refused = requests.post(f"{url}/api/payments/verify", json={}, headers={**new_user, "Origin": ORIGIN})
        error = refused.json()["error"]
        assert (refused.status_code, error["code"], error["details"]) == (429, "RATE_LIMITED", [])
        assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
        assert refused.headers["RateLimit-Remaining"] == "0"
        assert refused.headers["RateLimit-Policy"] == '"payments";q=20;w=900'
        assert refused.headers["Cache-Control"] == "no-store"
        # A frontend of another origin can read them.
        exposed = refused.headers["Access-Control-Expose-Headers"].split(", ")
        assert {*LIMIT_HEADERS, "Retry-After", "X-Request-Id"} <= set(exposed)
        # The other limits are untouched.
        assert requests.get(f"{url}/api/wallet", headers=new_user).status_code != 429

    def test_an_error_has_them_too(self, url: str, new_user: dict[str, str]) -> None:
        forbidden = requests.delete(f"{url}/api/things/a", headers=new_user)
        assert (forbidden.status_code, forbidden.headers["RateLimit-Policy"]) == (403, '"admin";q=500;w=900')
        assert forbidden.headers["RateLimit-Remaining"] == "499"

    @pytest.mark.parametrize("path", ["/health", "/api", "/api/openapi.json", "/api/docs/page.css", "/nowhere"])
    def test_exempt(self, url: str, path: str) -> None:
        assert not set(LIMIT_HEADERS) & set(requests.get(url + path).headers)
        assert not set(LIMIT_HEADERS) & set(requests.options(url + path).headers)

    def test_messages_are_counted_where_they_are_stored(self, url: str, new_user: dict[str, str]) -> None:
        answer = requests.post(f"{url}/api/conversations/{ids.new()}/messages", json={}, headers=new_user)
        assert answer.headers["RateLimit-Policy"] == '"messages";q=30;w=60'
        assert "RateLimit" not in answer.headers


class TestWhoIsCounted:
    def test_a_user_from_anywhere(self, url: str, new_user: dict[str, str]) -> None:
        for last in range(20):
            headers = {**new_user, "X-Forwarded-For": f"198.51.100.{last}, 10.0.0.1"}
            assert requests.post(f"{url}/api/payments/verify", json={}, headers=headers).status_code == 400
        assert requests.post(f"{url}/api/payments/verify", json={}, headers=new_user).status_code == 429

    def test_an_address_without_a_user(self, url: str, new_address: dict[str, str]) -> None:
        assert statuses(25, "POST", f"{url}/api/auth/verify", new_address) == [401] * 20 + [429] * 5

    @pytest.mark.parametrize("token", ["nonsense", "a.b.c", ""])
    def test_a_token_that_is_none_counts_for_the_address(
        self, url: str, new_address: dict[str, str], token: str
    ) -> None:
        headers = {**new_address, "Authorization": f"Bearer {token}"}
        assert statuses(22, "POST", f"{url}/api/auth/verify", headers) == [401] * 20 + [429] * 2

    def test_what_a_client_claims_of_itself_is_not_believed(self, url: str, new_address: dict[str, str]) -> None:
        found = []
        for number in range(22):
            spoofed = {"X-Forwarded-For": f"192.0.2.{number}, {new_address['X-Forwarded-For']}"}
            found.append(requests.post(f"{url}/api/auth/verify", json={}, headers=spoofed).status_code)
        assert found == [401] * 20 + [429] * 2

    def test_users_of_one_address_are_apart_also_where_no_token_is_needed(
        self, url: str, ctx: Context, new_address: dict[str, str]
    ) -> None:
        public = f"{url}/api/things"
        assert statuses(101, "GET", public, new_address)[-2:] == [200, 429]
        user = {**new_address, **signed_in(ctx.settings.google_cloud_project)}
        answer = requests.get(public, headers=user)
        assert (answer.status_code, answer.headers["RateLimit-Remaining"]) == (200, "99")
        for wrong in ("Basic YTpi", "Bearer nonsense"):
            assert requests.get(public, headers={**new_address, "Authorization": wrong}).status_code == 429


class TestAddress:
    @pytest.mark.parametrize(
        ("forwarded", "proxies", "expected"),
        [
            ("203.0.113.9, 10.0.0.1", 1, "203.0.113.9"),
            ("1.2.3.4, 203.0.113.9, 10.0.0.1", 1, "203.0.113.9"),
            ("1.2.3.4,203.0.113.9,10.0.0.1,10.0.0.2", 2, "203.0.113.9"),
            ("1.2.3.4, 203.0.113.9", 0, "203.0.113.9"),
            ("203.0.113.9", 1, "203.0.113.9"),
            ("", 1, "127.0.0.1"),
            (" , ,", 1, "127.0.0.1"),
            ("<script>, 10.0.0.1", 1, "unknown"),
            ("2001:db8:1:2:3:4:5:6, 10.0.0.1", 1, "2001:db8:1:2::/64"),
            ("[2001:db8:1:2::9], 10.0.0.1", 1, "2001:db8:1:2::/64"),
            ("::ffff:203.0.113.9, 10.0.0.1", 1, "203.0.113.9"),
        ],
    )
    def test_of(self, forwarded: str, proxies: int, expected: str) -> None:
        builder = EnvironBuilder(headers={"X-Forwarded-For": forwarded} if forwarded else {})
        request = Request({**builder.get_environ(), "REMOTE_ADDR": "127.0.0.1"})
        assert address(request, proxies) == expected

    def test_of_two_headers(self) -> None:
        builder = EnvironBuilder(headers=[("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", f"{STRANGER}, 10.0.0.1")])
        assert address(Request(builder.get_environ()), 1) == STRANGER

    def test_the_local_gateway_appends_as_google_s_load_balancer_does(self) -> None:
        for given in ({}, {"X-Forwarded-For": "1.2.3.4"}):
            passed = forwarded_headers(CIMultiDict(given), STRANGER, "h")
            request = Request(EnvironBuilder(headers=dict(passed)).get_environ())
            assert address(request, Settings().trusted_proxies) == STRANGER


class TestInstances:
    """Two processes of the entry point on the same documents, as production starts them."""

    def test_a_limit_holds_across_them(self, stack_env: dict[str, str]) -> None:
        project = f"demo-{uuid.uuid4().hex[:12]}"
        environ = {**entry_point.environ(stack_env, project), "RATE_LIMIT_FACTOR": "1"}
        with EntryPoint("api", environ) as first, EntryPoint("api", environ) as second, requests.Session() as session:
            urls = [f"http://127.0.0.1:{instance.port}" for instance in (first, second)]
            for instance in (first, second):
                assert instance.ask(entry_point.Probe("api", "GET", "/health", 200)).status == 200
            payer, reader = signed_in(project), signed_in(project)
            passed = sum(
                session.post(f"{urls[number % 2]}/api/payments/verify", json={}, headers=payer).status_code == 400
                for number in range(30)
            )
            assert passed == 20
            answers = [session.get(f"{urls[number % 2]}/api/wallet", headers=reader) for number in range(120)]
        passed = sum(answer.status_code != 429 for answer in answers)
        # An instance counts five at a time: each may let four pass that the other does not know of.
        assert 100 <= passed <= 108
        assert answers[-1].status_code == answers[-2].status_code == 429


class TestDeclared:
    """The rule is said at the endpoint, and so in the documentation."""

    @pytest.fixture(scope="class")
    def operations(self) -> dict[str, dict[str, Any]]:
        document = openapi.build(routes.ROUTES, routes.ADMIN_ROUTES, routes.WEBHOOK_ROUTES)
        return {
            f"{method.upper()} {path}": operation
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }

    @pytest.mark.parametrize(
        ("operation", "name", "requests_allowed", "seconds"),
        [
            ("POST /api/auth/verify", "auth", 20, 900),
            ("PATCH /api/users/me", "auth", 20, 900),
            ("POST /api/wallet/deposit", "payments", 20, 900),
            ("POST /api/wallet/withdraw", "payments", 20, 900),
            ("POST /api/payments/verify", "payments", 20, 900),
            ("POST /api/sessions", "bookings", 5, 60),
            ("GET /api/wallet", "general", 100, 900),
            ("GET /api/experts", "general", 100, 900),
            ("GET /api/admin/users", "admin", 500, 900),
            ("POST /api/conversations/{conversationId}/messages", "messages", 30, 60),
        ],
    )
    def test_limits(
        self, operations: dict[str, Any], operation: str, name: str, requests_allowed: int, seconds: int
    ) -> None:
        found = operations[operation]
        assert found["x-rate-limit"] == {"name": name, "requests": requests_allowed, "seconds": seconds}
        assert found["responses"]["429"]["$ref"].endswith("/TooManyRequests")

    def test_only_these_have_none(self, operations: dict[str, Any]) -> None:
        assert {name for name, operation in operations.items() if "x-rate-limit" not in operation} == {
            "GET /health",
            "GET /api",
            "GET /api/openapi.json",
            "GET /api/asyncapi.json",
            "GET /api/mentors/health",
            "GET /api/onboarding/options",
            "POST /api/payments/webhook",
            "POST /api/v1/payments/webhook",
            "POST /api/webhooks/jitsi",
        }
