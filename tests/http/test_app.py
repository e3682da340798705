"""The HTTP layer through a real server, with real requests."""

import http.client
import json
import logging
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from konnect import auth, ids, trace
from konnect.context import Context
from konnect.http.app import serve
from tests.http.conftest import ORIGIN
from tests.http.serving import emulator_token, served

ROUTES = {
    "/health": "konnect.http.system",
    "/api": "konnect.http.system",
    "/api/things": "tests.http.sample",
    "/api/things/*/reviews": "tests.http.no_such_module",
}
VALID = {"amount": 12.5, "displayName": "Chair"}


@pytest.fixture(scope="module")
def url(web_context: Context) -> Iterator[str]:
    with served(lambda request: serve(request, ROUTES, web_context)) as address:
        yield address


@pytest.fixture
def token(web_context: Context) -> str:
    return emulator_token(web_context.settings.google_cloud_project, "ann")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def problem(response: requests.Response, status: int, code: str) -> dict:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code
    assert set(error) == {"code", "message", "details"}
    return error


class TestAnswers:
    def test_model(self, url: str) -> None:
        answer = requests.get(f"{url}/api/things/chair")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json() == {"thingId": "chair", "priceInr": None, "createdAt": "2026-01-05T10:00:00.123Z"}

    def test_list_with_query(self, url: str) -> None:
        query = "kind=large&tag=a&tag=b&limit=2&cursor=next&unknown=1"
        answer = requests.get(f"{url}/api/things?{query}").json()
        assert [item["thingId"] for item in answer["items"]] == ["large", "a"]
        assert answer["nextCursor"] == "next"

    def test_an_empty_parameter_is_absent(self, url: str) -> None:
        assert requests.get(f"{url}/api/things?kind=&limit=").json()["items"][0]["thingId"] == "any"

    def test_dict_is_held_to_the_declared_model(self, url: str, token: str) -> None:
        answer = requests.get(f"{url}/api/things/mine", headers=bearer(token)).json()
        assert answer == {"thingId": "ann", "priceInr": None, "createdAt": "2026-01-05T10:00:00.123Z"}

    def test_created_with_headers_of_its_own(self, url: str, token: str) -> None:
        headers = {**bearer(token), "Idempotency-Key": "k1"}
        answer = requests.post(f"{url}/api/things", json={**VALID, "more": 1}, headers=headers)
        assert (answer.status_code, answer.json()["thingId"], answer.json()["priceInr"]) == (201, "k1", 12.5)
        assert answer.headers["RateLimit-Remaining"] == "7"

    def test_snake_case_input(self, url: str, token: str) -> None:
        body = {"amount": 1, "display_name": "Chair"}
        assert requests.post(f"{url}/api/things", json=body, headers=bearer(token)).status_code == 201

    def test_plain_dict_without_body(self, url: str) -> None:
        answer = requests.put(f"{url}/api/things/chair/note")
        assert answer.json()["note"] is None
        assert answer.json()["at"] == answer.json()["thing"]["createdAt"] == "2026-01-05T10:00:00.123Z"

    def test_none_is_204_and_a_pair_sets_the_status(self, url: str, web_context: Context) -> None:
        project = web_context.settings.google_cloud_project
        admin = emulator_token(project, "root", role="admin")
        answer = requests.delete(f"{url}/api/things/chair", headers=bearer(admin))
        assert (answer.status_code, answer.content) == (204, b"")
        expert = emulator_token(project, "eve", role="expert")
        assert requests.get(f"{url}/api/things/t1/queue", headers=bearer(expert)).status_code == 202

    def test_raw_response_keeps_its_headers(self, url: str) -> None:
        answer = requests.get(f"{url}/api/things/raw/file")
        assert (answer.text, answer.headers["Content-Type"]) == ("a,b", "text/csv")
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"

    def test_head(self, url: str) -> None:
        answer = requests.head(f"{url}/api/things/chair")
        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer.headers["Content-Length"]) > 0

    def test_trailing_slash(self, url: str) -> None:
        assert requests.get(f"{url}/api/things/chair/", allow_redirects=False).status_code == 200


class TestBadInput:
    @pytest.mark.parametrize(
        ("changes", "field", "message"),
        [
            ({"amount": None}, "amount", "must be a number"),
            ({"amount": "5"}, "amount", "must be a number"),
            ({"amount": True}, "amount", "must be a number"),
            ({"amount": 0}, "amount", "must be greater than 0"),
            ({"amount": 1.005}, "amount", "must have at most two decimals"),
            ({"displayName": "a"}, "displayName", "must have at least 2 characters"),
            ({"displayName": 5}, "displayName", "must be a string"),
            ({"kind": "huge"}, "kind", "must be 'small' or 'large'"),
            ({"parts": {}}, "parts", "must be a list"),
            ({"parts": [{"partName": "leg"}, {}]}, "parts.1.partName", "is required"),
        ],
    )
    def test_names_the_field(self, url: str, token: str, changes: dict, field: str, message: str) -> None:
        answer = requests.post(f"{url}/api/things", json={**VALID, **changes}, headers=bearer(token))
        error = problem(answer, 400, "INVALID_INPUT")
        assert error["details"] == [{"field": field, "message": message}]
        assert error["message"] == f"{field}: {message}"

    def test_names_every_field(self, url: str, token: str) -> None:
        error = problem(requests.post(f"{url}/api/things", json={}, headers=bearer(token)), 400, "INVALID_INPUT")
        assert [detail["field"] for detail in error["details"]] == ["amount", "displayName"]

    def test_forbidden_field(self, url: str) -> None:
        error = problem(requests.put(f"{url}/api/things/a/note", json={"nota": "x"}), 400, "INVALID_INPUT")
        assert error["details"] == [{"field": "nota", "message": "is not a known field"}]

    @pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"null", b"\xff", b'{"amount": 1,}'])
    def test_no_json_object(self, url: str, token: str, body: bytes) -> None:
        problem(requests.post(f"{url}/api/things", data=body, headers=bearer(token)), 400, "INVALID_JSON")

    @pytest.mark.parametrize(
        ("query", "field"), [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("kind=big", "kind")]
    )
    def test_query(self, url: str, query: str, field: str) -> None:
        error = problem(requests.get(f"{url}/api/things?{query}"), 400, "INVALID_INPUT")
        assert error["details"][0]["field"] == field

    @pytest.mark.parametrize("thing", ["__all__", "a%20b", "x" * 129, "%2E%2E%2Fa", "a%00"])
    def test_what_can_be_no_id_is_not_found(self, url: str, thing: str) -> None:
        problem(requests.get(f"{url}/api/things/{thing}"), 404, "NOT_FOUND")

    def test_too_large_by_its_length(self, url: str) -> None:
        answer = requests.put(f"{url}/api/things/a/note", json={"note": "x" * 200})
        problem(answer, 413, "PAYLOAD_TOO_LARGE")

    def test_too_large_by_default(self, url: str, token: str) -> None:
        answer = requests.post(f"{url}/api/things", data=b" " * 1_000_001, headers=bearer(token))
        problem(answer, 413, "PAYLOAD_TOO_LARGE")

    def test_too_large_in_chunks(self, url: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        connection.request("PUT", "/api/things/a/note", body=iter([b"x" * 80, b"y" * 80]), encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
        connection.close()


class TestErrors:
    def test_unknown_paths(self, url: str) -> None:
        for path in ("/", "/nowhere", "/api/nowhere", "/api/things/a/b/c", "/apis", "/healthy"):
            problem(requests.get(url + path), 404, "NOT_FOUND")

    def test_wrong_method(self, url: str) -> None:
        answer = requests.patch(f"{url}/api/things/chair")
        problem(answer, 405, "METHOD_NOT_ALLOWED")
        assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS"

    def test_domain_error_with_details(self, url: str, token: str) -> None:
        answer = requests.post(f"{url}/api/things", json={**VALID, "amount": 2000}, headers=bearer(token))
        assert problem(answer, 402, "INSUFFICIENT_BALANCE")["details"] == [{"needed": 2000}]
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        ("how", "status", "code", "retry_after"),
        [
            ("busy", 503, "UNAVAILABLE", "1"),
            ("firestore", 503, "UNAVAILABLE", "1"),
            ("limited", 429, "RATE_LIMITED", "30"),
        ],
    )
    def test_retry_after(self, url: str, how: str, status: int, code: str, retry_after: str) -> None:
        answer = requests.get(f"{url}/api/things/fails/{how}")
        problem(answer, status, code)
        assert answer.headers["Retry-After"] == retry_after

    def test_a_bug_tells_nothing(self, url: str, caplog: pytest.LogCaptureFixture) -> None:
        answer = requests.get(f"{url}/api/things/fails/bug")
        problem(answer, 500, "INTERNAL")
        assert "hunter2" not in answer.text
        assert any(record.exc_info and "hunter2" in str(record.exc_info[1]) for record in caplog.records)

    def test_a_module_that_cannot_be_imported(self, url: str) -> None:
        problem(requests.get(f"{url}/api/things/chair/reviews"), 500, "INTERNAL")


class TestAuthorisation:
    def test_missing_token(self, url: str) -> None:
        answer = requests.get(f"{url}/api/things/mine")
        problem(answer, 401, "UNAUTHENTICATED")
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    @pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "Bearer nonsense", "Bearer a.b.c"])
    def test_bad_header(self, url: str, header: str) -> None:
        problem(requests.get(f"{url}/api/things/mine", headers={"Authorization": header}), 401, "UNAUTHENTICATED")

    def test_authorised_before_the_body_is_read(self, url: str) -> None:
        problem(requests.post(f"{url}/api/things", data=b"{"), 401, "UNAUTHENTICATED")

    @pytest.mark.parametrize(
        ("role", "method", "path", "status"),
        [
            (None, "DELETE", "/api/things/a", 403),
            ("expert", "DELETE", "/api/things/a", 403),
            ("admin", "DELETE", "/api/things/a", 204),
            (None, "GET", "/api/things/a/queue", 403),
            ("expert", "GET", "/api/things/a/queue", 202),
            ("admin", "GET", "/api/things/a/queue", 202),
        ],
    )
    def test_roles(self, url: str, web_context: Context, role: str | None, method: str, path: str, status: int) -> None:
        token = emulator_token(web_context.settings.google_cloud_project, "rob", role=role)
        answer = requests.request(method, url + path, headers=bearer(token))
        assert answer.status_code == status
        if status == 403:
            problem(answer, 403, "FORBIDDEN")

    def test_disabled_account(self, url: str, web_context: Context) -> None:
        uid = ids.new()
        web_context.db.set(("users", uid), {"disabled": True})
        token = emulator_token(web_context.settings.google_cloud_project, uid)
        problem(requests.get(f"{url}/api/things/mine", headers=bearer(token)), 403, "ACCOUNT_DISABLED")
        auth.forget(uid)

    def test_public_routes_ignore_tokens(self, url: str) -> None:
        assert requests.get(f"{url}/api/things", headers=bearer("nonsense")).status_code == 200


class TestHeaders:
    def test_security_and_request_id(self, url: str, token: str) -> None:
        for path in ("/health", "/api/things/mine", "/nowhere"):
            answer = requests.get(url + path, headers={**bearer(token), "X-Request-Id": "abc-1.2_3"})
            assert answer.headers["X-Request-Id"] == "abc-1.2_3"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert answer.headers["Cache-Control"] == "no-store"

    def test_request_id_is_made(self, url: str) -> None:
        for given in ("", "a b", "<script>", "x" * 65):
            made = requests.get(f"{url}/health", headers={"X-Request-Id": given}).headers["X-Request-Id"]
            assert made != given
            assert ids.valid(made)

    def test_cors(self, url: str) -> None:
        allowed = requests.get(f"{url}/nowhere", headers={"Origin": ORIGIN})
        assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Retry-After" in allowed.headers["Access-Control-Expose-Headers"]
        for origin in ("https://evil.test", f"{ORIGIN}.evil.test", "null"):
            refused = requests.get(f"{url}/health", headers={"Origin": origin})
            assert "Access-Control-Allow-Origin" not in refused.headers
            assert refused.headers["Vary"] == "Origin"

    def test_preflight_needs_no_token(self, url: str) -> None:
        asked = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
        }
        answer = requests.options(f"{url}/api/things", headers=asked)
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]
        assert int(answer.headers["Access-Control-Max-Age"]) > 0

    def test_any_origin(self, web_context: Context) -> None:
        settings = web_context.settings.model_copy(update={"cors_origins": "*"})
        ctx = Context(settings, web_context.db, web_context.tasks, web_context.realtime)
        with served(lambda request: serve(request, ROUTES, ctx)) as address:
            answer = requests.get(f"{address}/health", headers={"Origin": "https://any.test"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


class TestLogs:
    def test_one_line_a_request(self, url: str, web_context: Context, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="konnect")
        uid = ids.new()
        token = emulator_token(web_context.settings.google_cloud_project, uid, role="expert")
        requests.get(f"{url}/api/things/q1/queue", headers=bearer(token))
        (line,) = [record for record in caplog.records if record.message == "request"]
        assert (line.method, line.path, line.status) == ("GET", "/api/things/q1/queue", 202)
        assert (line.reads, line.writes) == (2, 1)
        assert line.ms > 0

    def test_a_request_belongs_to_its_caller_s_trace(self, url: str, caplog: pytest.LogCaptureFixture) -> None:
        given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        seen: list[str | None] = []

        class Keep(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                current = trace.current()
                seen.append(current.header if current else None)

        logger, keep = logging.getLogger("konnect.http.app"), Keep()
        caplog.set_level(logging.INFO, logger="konnect")
        logger.addHandler(keep)
        try:
            for header in (given, "00-1-2-3", "x" * 5000):
                assert requests.get(f"{url}/health", headers={"traceparent": header}).status_code == 200
            requests.get(f"{url}/health")
        finally:
            logger.removeHandler(keep)
        assert seen[0] == given
        assert None not in seen
        assert len(set(seen)) == 4


class TestOddRequests:
    """What no frontend sends gets the same kind of answer."""

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/api/things/../../etc/passwd", 404, "NOT_FOUND"),
            ("GET", "/api/things/%2e%2e%2fsecret", 404, "NOT_FOUND"),
            ("GET", "/api/things/a%00b", 404, "NOT_FOUND"),
            ("GET", "/api/things/%ff%fe", 404, "NOT_FOUND"),
            ("GET", "/" + "a/" * 500, 404, "NOT_FOUND"),
            ("PATCH", "/api/things", 405, "METHOD_NOT_ALLOWED"),
            ("BREW", "/api/things", 405, "METHOD_NOT_ALLOWED"),
            ("DELETE", "/health", 405, "METHOD_NOT_ALLOWED"),
            ("GET", "/api/things?limit=1&limit=%00", 200, ""),
        ],
    )
    def test_is_answered_in_json(self, url: str, method: str, path: str, status: int, code: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        connection.request(method, path)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Request-Id"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        if code:
            assert body["error"]["code"] == code

    def test_head_of_what_is_not_there(self, url: str) -> None:
        answer = requests.head(f"{url}/nowhere")
        assert (answer.status_code, answer.content) == (404, b"")

    @pytest.mark.parametrize("path", ["/nowhere", "/api/things/a/b/c", "*"])
    def test_options_of_anything(self, url: str, path: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        connection.request("OPTIONS", path, headers={"Origin": "https://evil.test"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] is None
        assert int(answer.headers["Access-Control-Max-Age"]) == 7200
        connection.close()

    def test_large_and_strange_headers(self, url: str, token: str) -> None:
        headers = {"X-Request-Id": "y" * 9000, "X-Forwarded-For": "," * 5000, "traceparent": "z" * 9000}
        answer = requests.get(f"{url}/api/things/mine", headers={**bearer(token), **headers})
        assert answer.status_code == 200
        assert len(answer.headers["X-Request-Id"]) == 20
        problem(requests.get(f"{url}/api/things/mine", headers=bearer("t" * 20_000)), 401, "UNAUTHENTICATED")

    def test_a_body_of_another_type_is_read_as_json_all_the_same(self, url: str, token: str) -> None:
        # fetch() sends a string as text/plain unless told otherwise, and frontends forget.
        headers = {**bearer(token), "Content-Type": "text/plain;charset=UTF-8"}
        assert requests.post(f"{url}/api/things", data=json.dumps(VALID), headers=headers).status_code == 201
