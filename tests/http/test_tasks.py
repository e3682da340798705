"""The function that Cloud Tasks calls, through a real server, with tokens of the local issuer."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from konnect import ids
from konnect.context import Context
from konnect.http.tasks import serve_task
from local.oidc import LocalIssuer
from tests.http.serving import served

HANDLERS = {"/things/work": "tests.http.sample:work"}
AUDIENCE = "https://tasks.konnect.test"
ISSUER = "http://issuer.test"
ACCOUNT = "tasks@konnect.test"


@pytest.fixture(scope="module")
def issuer() -> LocalIssuer:
    return LocalIssuer(ISSUER)


@pytest.fixture(scope="module")
def certs_url(issuer: LocalIssuer) -> Iterator[str]:
    keys = json.dumps(issuer.jwks()).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(keys)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/certs"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def tasks_context(web_context: Context, certs_url: str) -> Context:
    changes = {
        "tasks_url": AUDIENCE,
        "oidc_issuer": ISSUER,
        "oidc_certs_url": certs_url,
        "tasks_service_account": ACCOUNT,
    }
    settings = web_context.settings.model_copy(update=changes)
    return Context(settings, web_context.db, web_context.tasks, web_context.realtime)


@pytest.fixture(scope="module")
def url(tasks_context: Context) -> Iterator[str]:
    with served(lambda request: serve_task(request, HANDLERS, tasks_context)) as address:
        yield address


def headers(issuer: LocalIssuer, **changes: str) -> dict[str, str]:
    token = issuer.token(changes.get("audience", AUDIENCE), changes.get("email", ACCOUNT))
    return {"Authorization": f"Bearer {token}", "X-CloudTasks-TaskName": "t1", "X-CloudTasks-TaskRetryCount": "2"}


def test_runs_the_handler_and_logs_a_line(
    url: str, issuer: LocalIssuer, tasks_context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="konnect")
    task_id = ids.new()
    answer = requests.post(f"{url}/things/work", json={"id": task_id}, headers=headers(issuer))
    assert answer.status_code == 204
    assert tasks_context.db.get("done", task_id) is not None
    (line,) = [record for record in caplog.records if record.message == "task"]
    assert (line.path, line.status, line.reads, line.writes, line.retry) == ("/things/work", 204, 0, 1, 2)


def test_without_a_valid_token_nothing_runs(url: str, issuer: LocalIssuer, tasks_context: Context) -> None:
    task_id = ids.new()
    for wrong in (
        {},
        {"Authorization": "Bearer a.b.c"},
        headers(issuer, audience="https://other.test"),
        headers(issuer, email="someone@konnect.test"),
        headers(LocalIssuer(ISSUER)),
        {"Authorization": f"Bearer {issuer.token(AUDIENCE, ACCOUNT, lifetime_s=-60)}"},
    ):
        answer = requests.post(f"{url}/things/work", json={"id": task_id}, headers=wrong)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
    assert tasks_context.db.get("done", task_id) is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/things/unknown", b"{}", 404),
        ("GET", "/things/work", b"", 405),
        ("POST", "/things/work", b"{", 400),
        ("POST", "/things/work", b"[1]", 400),
        ("POST", "/things/work", b'{"fail": "busy"}', 503),
        ("POST", "/things/work", b'{"fail": "bug"}', 500),
    ],
)
def test_what_fails_is_not_2xx(url: str, issuer: LocalIssuer, method: str, path: str, body: bytes, status: int) -> None:
    assert requests.request(method, url + path, data=body, headers=headers(issuer)).status_code == status
