from collections.abc import Callable, Iterable
from typing import Any

import pytest
from werkzeug.test import Client

from local.functions_server import Dispatcher


def echo(name: str) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{name} {environ['SCRIPT_NAME']}{environ['PATH_INFO']} {environ['QUERY_STRING']}".encode()]

    return app


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(Dispatcher({"api": echo("api"), "tasks": echo("tasks")}))


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/functions/api/api/wallet?a=1", "api /api/wallet a=1"),
        ("/functions/api", "api / "),
        ("/functions/api/", "api / "),
        ("/functions/tasks/sessions/tick", "tasks /sessions/tick "),
        ("/functions/api/functions/tasks", "api /functions/tasks "),
        # Behind the prefix of a public entry point everything is that entry point's.
        ("/functions/api/../tasks", "api /../tasks "),
    ],
)
def test_entry_point_gets_the_path_behind_its_name(client: Client, path: str, seen: str):
    assert client.get(path).text == seen


@pytest.mark.parametrize("path", ["/", "/api", "/functions", "/functions/", "/functions/other/x", "/functions//api"])
def test_anything_else_is_not_found(client: Client, path: str):
    assert client.get(path).status_code == 404
