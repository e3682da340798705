"""Stock socket.io-client connections, driven from Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.clients.process import REPLY_TIMEOUT_S, NodeProcess

SCRIPT = Path(__file__).with_name("socket.mjs")
CONNECT_TIMEOUT_S = 60.0
ACK_TIMEOUT_S = 60.0


class SocketClients(NodeProcess):
    """Any number of socket.io-client connections in one Node process, each under a name of the caller's.

    Besides the server's events a name sees "connect" {sid, recovered}, "connect_error" {message, data},
    "disconnect" {reason} and "reconnect" {attempt}.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        super().__init__(SCRIPT, env)

    def connect(
        self,
        name: str,
        url: str,
        *,
        token: str | None = None,
        auth: Mapping[str, Any] | None = None,
        namespace: str = "/",
        options: Mapping[str, Any] | None = None,
        timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> str:
        """Connect with `auth` (or {"token": token}) and return the socket's id.

        `options` are socket.io-client's (`reconnection`, `reconnectionDelay`, `transports`). Raises ClientError with
        code "connect_error" and the server's message and data when the first attempt fails; where socket.io-client
        retries by itself, it does so still.
        """
        result = self.request(
            "connect",
            timeout_s + REPLY_TIMEOUT_S,
            name=name,
            url=url,
            namespace=namespace,
            auth=_auth(token, auth),
            options=dict(options or {}),
            timeout_ms=round(timeout_s * 1000),
        )
        return str(result["sid"])

    def reconnect(self, name: str, *, timeout_s: float = CONNECT_TIMEOUT_S) -> str:
        """Connect `name` again after `disconnect` or, without automatic reconnection, after `kill`."""
        result = self.request("reconnect", timeout_s + REPLY_TIMEOUT_S, name=name, timeout_ms=round(timeout_s * 1000))
        return str(result["sid"])

    def set_auth(self, name: str, *, token: str | None = None, auth: Mapping[str, Any] | None = None) -> None:
        """Credentials of the next (re)connection."""
        self.request("auth", name=name, auth=_auth(token, auth))

    def emit(self, name: str, event: str, *args: Any) -> None:
        """Emit without waiting for an ack."""
        self.request("emit", name=name, event=event, args=args)

    def call(self, name: str, event: str, *args: Any, timeout_s: float = ACK_TIMEOUT_S) -> Any:
        """Emit and return the ack. Raises ClientError with code "timeout" when none came."""
        return self.request(
            "emit",
            timeout_s + REPLY_TIMEOUT_S,
            name=name,
            event=event,
            args=args,
            ack=True,
            timeout_ms=round(timeout_s * 1000),
        )

    def disconnect(self, name: str) -> None:
        """Say goodbye; the name can `reconnect`."""
        self.request("disconnect", name=name)

    def kill(self, name: str) -> None:
        """Drop the connection without goodbye, as a lost network does. It reconnects unless `options` say otherwise."""
        self.request("kill", name=name)

    def drop(self, name: str) -> None:
        """Disconnect and forget the name."""
        self.request("close", name=name)


def _auth(token: str | None, auth: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**({} if token is None else {"token": token}), **(auth or {})}
