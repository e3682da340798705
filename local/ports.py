"""The ports of one stack: twenty-one in a row from PORT_BASE, so that two stacks can run side by side."""

import os
import random
import socket
from collections.abc import Mapping
from typing import NamedTuple, Self

import psutil

DEFAULT_PORT_BASE = 8400
PORT_COUNT = 21
AUTO = "auto"
HOST = "127.0.0.1"

# Below the range that systems hand out for outgoing connections, which could take a port between choice and use.
_AUTO_FIRST, _AUTO_LAST = 20_000, 32_000
_AUTO_ATTEMPTS = 200

_PURPOSES = (
    "gateway (API, Socket.IO)",
    "Firestore emulator",
    "Auth emulator",
    "Pub/Sub emulator",
    "Cloud Tasks emulator",
    "functions server",
    "signaling",
    "signaling, second instance",
    "Razorpay sandbox",
    "mail sink, HTTP",
    "mail sink, SMTP",
    "events relay",
    "Firebase emulator hub",
    "Firebase emulator logging",
    "console (jobs, OIDC keys, dead letters)",
    "Sheets sandbox",
    "Storage emulator",
    "push sandbox",
    "KMS sandbox",
    "Stripe sandbox",
    "guard (held while a stack runs)",
)


class PortError(RuntimeError):
    """A port that the stack needs is taken, or PORT_BASE is no usable number."""


class Ports(NamedTuple):
    """Twenty-one ports in a row; `purposes` says what each is for."""

    api: int
    firestore: int
    auth: int
    pubsub: int
    tasks: int
    functions: int
    signaling: int
    signaling2: int
    razorpay: int
    mail: int
    smtp: int
    events: int
    hub: int
    logging: int
    console: int
    sheets: int
    storage: int
    push: int
    kms: int
    stripe: int
    guard: int

    @classmethod
    def of(cls, base: int = DEFAULT_PORT_BASE) -> Self:
        return cls(*range(base, base + PORT_COUNT))

    @classmethod
    def parse(cls, value: str) -> Self:
        """The ports of a PORT_BASE: a number from 1024 to 65515. Raises PortError."""
        if not value.isdecimal() or not 1024 <= int(value) <= 65536 - PORT_COUNT:
            raise PortError(f"PORT_BASE must be a number from 1024 to {65536 - PORT_COUNT}, or {AUTO}; not {value!r}")
        return cls.of(int(value))

    @property
    def base(self) -> int:
        return self.api

    @property
    def purposes(self) -> dict[int, str]:
        return dict(zip(self, _PURPOSES, strict=True))

    def url(self, name: str) -> str:
        """The URL of the port with this name."""
        return url(getattr(self, name))


def address(port: int) -> str:
    """host:port"""
    return f"{HOST}:{port}"


def url(port: int) -> str:
    return f"http://{HOST}:{port}"


class Reservation:
    """The ports of one stack, checked to be free and held against other stacks until `release`.

    Only the guard port stays bound (not listening): it is the lock between stacks that start at the same moment. The
    other ports are free for their servers to take.
    """

    def __init__(self, ports: Ports, guard: socket.socket) -> None:
        self.ports = ports
        self._guard = guard

    def release(self) -> None:
        self._guard.close()


def reserve(port_base: str | int | None = None) -> Reservation:
    """Reserve the ports of `port_base`: a number, "auto" (any free ones), or None for the environment's PORT_BASE.

    Raises PortError, naming each port that is taken, what it is for and (where the system tells) by whom.
    """
    chosen = str(port_base if port_base is not None else environment_base(os.environ))
    if chosen == AUTO:
        return _reserve_any()
    ports = Ports.parse(chosen)
    taken = [port for port in ports if not _is_free(port)]
    guard = None if taken else _bind_guard(ports)
    if guard is None:
        raise PortError(_taken_message(ports, taken or [ports.guard]))
    return Reservation(ports, guard)


def environment_base(environ: Mapping[str, str]) -> str:
    """PORT_BASE of the environment, as text."""
    return environ.get("PORT_BASE") or str(DEFAULT_PORT_BASE)


def _reserve_any() -> Reservation:
    choose = random.SystemRandom()
    for _ in range(_AUTO_ATTEMPTS):
        ports = Ports.of(choose.randrange(_AUTO_FIRST, _AUTO_LAST, PORT_COUNT))
        guard = _bind_guard(ports)
        if guard is None:
            continue
        if all(_is_free(port) for port in ports if port != ports.guard):
            return Reservation(ports, guard)
        guard.close()
    raise PortError(f"no {PORT_COUNT} free ports in a row between {_AUTO_FIRST} and {_AUTO_LAST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _bind_guard(ports: Ports) -> socket.socket | None:
    guard = socket.socket()
    try:
        guard.bind((HOST, ports.guard))
    except OSError:
        guard.close()
        return None
    return guard


def _taken_message(ports: Ports, taken: list[int]) -> str:
    lines = [f"  {port} for the {ports.purposes[port]}{_owner(port)}" for port in taken]
    return (
        "these ports are taken:\n" + "\n".join(lines) + f"\nPORT_BASE moves all ports (now {ports.base} to "
        f"{ports.base + PORT_COUNT - 1}): for example PORT_BASE={_other_base(ports.base)} make up"
    )


def _other_base(base: int) -> int:
    return base + 1000 if base + 1000 + PORT_COUNT < 65536 else DEFAULT_PORT_BASE


def _owner(port: int) -> str:
    """The words "held by NAME, process PID", if the system tells; most tell only about one's own processes."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr[1] == port and connection.status == psutil.CONN_LISTEN:
                if connection.pid is None:
                    break
                return f" (held by {psutil.Process(connection.pid).name()}, process {connection.pid})"
    except psutil.Error:
        pass
    return ""
