"""The HTTP API on a real port over one context, and users who call it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask
import jwt
import requests
from werkzeug.serving import make_server

from konnect.context import Context
from konnect.http import app, routes

TIMEOUT_S = 60


def token(ctx: Context, uid: str, **claims: Any) -> str:
    """An ID token as the Auth emulator makes them: unsigned."""
    now, project = int(time.time()), ctx.settings.google_cloud_project
    payload = {
        "sub": uid,
        "aud": project,
        "iss": f"https://securetoken.google.com/{project}",
        "iat": now,
        "auth_time": now,
        "exp": now + 3600,
        "email": f"{uid}@konnect.test",
        **claims,
    }
    return jwt.encode(payload, "", algorithm="none")


class User:
    """One signed-in user; `uid` None is nobody."""

    def __init__(self, url: str, ctx: Context, uid: str | None, **claims: Any) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token(ctx, uid, **claims)}"} if uid else {}

    def post(self, path: str, body: Any = None, *, key: str | None = None, raw: str | None = None) -> requests.Response:
        headers = {**self._headers, **({"Idempotency-Key": key} if key else {})}
        if raw is not None:
            return requests.post(self._url + path, data=raw, headers=headers, timeout=TIMEOUT_S)
        return requests.post(self._url + path, json=body, headers=headers, timeout=TIMEOUT_S)

    def get(self, path: str, **params: Any) -> requests.Response:
        return requests.get(self._url + path, params=params, headers=self._headers, timeout=TIMEOUT_S)

    def call(
        self, method: str, path: str, body: Any = None, *, raw: str | None = None, **headers: str
    ) -> requests.Response:
        sent = {**self._headers, **headers}
        return requests.request(method, self._url + path, json=body, data=raw, headers=sent, timeout=TIMEOUT_S)


class Api:
    def __init__(self, url: str, ctx: Context) -> None:
        self.url = url
        self._ctx = ctx

    def user(self, uid: str | None, **claims: Any) -> User:
        return User(self.url, self._ctx, uid, **claims)


@contextmanager
def serve(ctx: Context) -> Iterator[Api]:
    """Serve the functions `api`, `admin` and `webhooks` of `ctx` on a free port."""
    shell = flask.Flask("konnect-tests")

    def answer(path: str) -> flask.Response:
        if f"/{path}" in routes.WEBHOOK_ROUTES:
            return app.serve(flask.request, routes.WEBHOOK_ROUTES, ctx)
        return app.serve(
            flask.request,
            routes.ADMIN_ROUTES if path.startswith(("api/admin/", "api/v1/admin/")) else routes.ROUTES,
            ctx,
        )

    shell.add_url_rule("/<path:path>", view_func=answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    server = make_server("127.0.0.1", 0, shell, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Api(f"http://127.0.0.1:{server.server_port}", ctx)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def error_code(response: requests.Response) -> str:
    return str(response.json()["error"]["code"])
