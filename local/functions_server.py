"""All functions of the manifest in one process: `/functions/{entryPoint}{path}` calls the entry point with `path`.

Each entry point is its own functions-framework application, as it is when deployed; only the process is shared.
`command` starts it: gunicorn with one worker of many threads, which is what functions-framework itself uses.
"""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from functions_framework import create_app

from local import manifest
from local.manifest import ROOT
from local.ports import HOST

PREFIX = "/functions/"
THREADS = 32
# Longer than the gateway, the task queue and the relay keep an idle connection.
KEEPALIVE_S = 75
GRACE_S = 5

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Dispatcher:
    """A WSGI application that hands a request to the application of the entry point in its path."""

    def __init__(self, apps: dict[str, WsgiApp]) -> None:
        self._apps = apps

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path: str = environ["PATH_INFO"]
        entry_point, slash, rest = path.removeprefix(PREFIX).partition("/")
        app = self._apps.get(entry_point) if path.startswith(PREFIX) else None
        if app is None:
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"no such function: {path}\n".encode()]
        # The function sees the path alone, as behind Hosting; a SCRIPT_NAME would show up in its URLs.
        environ["PATH_INFO"] = slash + rest or "/"
        environ.pop("RAW_URI", None)
        environ.pop("REQUEST_URI", None)
        return app(environ, start_response)


def load_apps(entry_points: Iterable[str]) -> dict[str, WsgiApp]:
    """One functions-framework application an entry point. Raises what functions/main.py raises when it is imported."""
    source = str(ROOT / "functions" / "main.py")

    apps: dict[str, WsgiApp] = {}
    for entry_point in entry_points:
        # The framework leaves these behind, and would take them for the next entry point's.
        for variable in ("FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE"):
            os.environ.pop(variable, None)
        apps[entry_point] = create_app(target=entry_point, source=source)  # type: ignore[no-untyped-call]
    return apps


def application() -> Dispatcher:
    """What gunicorn serves: every entry point of functions/functions.yaml."""
    endpoints = manifest.load().endpoints.values()
    return Dispatcher(load_apps(endpoint.entry_point for endpoint in endpoints))


def command(port: int) -> list[str]:
    """The command of the functions server's process."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "local.functions_server:application()",
        f"--bind={HOST}:{port}",
        "--worker-class=gthread",
        "--workers=1",
        f"--threads={THREADS}",
        "--worker-connections=1000",
        f"--keep-alive={KEEPALIVE_S}",
        f"--graceful-timeout={GRACE_S}",
        # A debugger may hold a worker as long as it likes.
        "--timeout=0",
        "--no-control-socket",
        "--log-level=warning",
    ]
