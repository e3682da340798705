"""Record what the tests say to the API and its sockets, for the examples of the API's documents (`make captures`).

With KONNECT_CAPTURES=folder each process of a run appends to a file of its own there, a JSON object a line:
{"method", "path", "status", "request", "response"} or {"direction", "namespace", "event", "payload", "ack"?}.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from local.clients import SocketClients

LARGEST = 20_000


def install(folder: Path) -> None:
    """Record from now on, in this process."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / f"{os.getpid()}.jsonl").open("a", encoding="utf-8")

    def write(captured: dict[str, Any]) -> None:
        line = json.dumps(captured)
        if len(line) <= LARGEST:
            file.write(line + "\n")
            file.flush()

    _record_http(write)
    _record_sockets(write)


def _record_http(write: Callable[[dict[str, Any]], None]) -> None:
    send = requests.Session.send

    def recorded(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = send(self, request, **options)
        path = urlsplit(request.url or "").path
        if isinstance(path, str) and "json" in response.headers.get("Content-Type", "") and not options.get("stream"):
            write(
                {
                    "method": request.method,
                    "path": path,
                    "status": response.status_code,
                    "request": _json(request.body),
                    "response": _json(response.content),
                }
            )
        return response

    requests.Session.send = recorded  # type: ignore[method-assign]


def _record_sockets(write: Callable[[dict[str, Any]], None]) -> None:
    namespaces: dict[tuple[int, str], str] = {}
    connect, call, close = SocketClients.connect, SocketClients.call, SocketClients.close

    def connected(self: SocketClients, name: str, url: str, **options: Any) -> str:
        namespaces[id(self), name] = options.get("namespace", "/")
        return connect(self, name, url, **options)

    def called(self: SocketClients, name: str, event: str, *args: Any, **options: Any) -> Any:
        ack = call(self, name, event, *args, **options)
        namespace = namespaces.get((id(self), name), "/")
        payload = args[0] if args else None
        write({"direction": "client", "namespace": namespace, "event": event, "payload": payload, "ack": ack})
        return ack

    def closed(self: SocketClients) -> None:
        for seen in self.events():
            namespace = namespaces.get((id(self), seen.name), "/")
            payload = seen.args[0] if seen.args else None
            write({"direction": "server", "namespace": namespace, "event": seen.event, "payload": payload})
        close(self)

    SocketClients.connect = connected  # type: ignore[method-assign]
    SocketClients.call = called  # type: ignore[method-assign]
    SocketClients.close = closed  # type: ignore[method-assign, assignment]


def _json(data: bytes | str | None) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return None
