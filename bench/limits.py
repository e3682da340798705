"""What counting for the rate limits costs a request: its time, and the writes that are paid for."""

import http.client
import json
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

from .entry_point import HOST, EntryPoint, Probe, environ, id_token
from .table import Table, median, ms, percentile, ratio

ROUNDS, ROUND_REQUESTS, WARM_UP = 6, 100, 20
# An instance counts in steps of a twentieth of the limit; the factor keeps everybody from being refused.
WAYS: dict[str, tuple[str, float]] = {
    "not counted": ("100000000", 0.0),
    "one in five (general)": ("100", 0.2),
    "each (auth, payments, bookings)": ("20", 1.0),
}


def run(env: Mapping[str, str], logs: Path) -> list[Table]:
    """GET /api/wallet from a function of its own for each way of counting, in turns."""
    project = f"demo-{uuid.uuid4().hex[:12]}"
    settings = {
        name: {**environ(env, project), "RATE_LIMIT_GENERAL": limit, "RATE_LIMIT_FACTOR": "1000"}
        for name, (limit, _) in WAYS.items()
    }
    token = {"Authorization": f"Bearer {id_token(project, 'bench')}"}
    with ExitStack() as running:
        functions = {name: running.enter_context(EntryPoint("api", setting)) for name, setting in settings.items()}
        times = _times(functions, token)
        writes = {name: _writes(function) for name, function in functions.items()}
    base = [median(one) for one in times["not counted"]]
    rows, failures = [], []
    for name, (_, expected) in WAYS.items():
        taken = [seconds for one in times[name] for seconds in one]
        rows.append(
            (
                name,
                ms(median(taken)),
                ms(percentile(taken, 99)),
                f"{writes[name]:.2f}",
                "" if name == "not counted" else ratio([median(one) for one in times[name]], base),
            )
        )
        if writes[name] > expected + 0.001:
            failures.append(f"{name}: {writes[name]:.2f} writes a request, more than {expected:g}")
    note = (
        f"{ROUNDS} rounds of {ROUND_REQUESTS} requests of one user, one after the other, each way in a process of its "
        "own. The ratio is of rounds that follow each other."
    )
    return [Table("Rate limits", ("GET /api/wallet", "ms", "p99", "writes", "ratio"), rows, note, failures)]


def _times(functions: Mapping[str, EntryPoint], token: Mapping[str, str]) -> dict[str, list[list[float]]]:
    """By way, each round's times."""
    times: dict[str, list[list[float]]] = {name: [] for name in functions}
    for function in functions.values():
        function.ask(Probe("api", "POST", "/api/auth/verify", 200, b"{}", token))
        _round(function, token, WARM_UP)
    for _ in range(ROUNDS):
        for name, function in functions.items():
            times[name].append(_round(function, token, ROUND_REQUESTS))
    return times


def _round(function: EntryPoint, token: Mapping[str, str], requests: int) -> list[float]:
    connection = http.client.HTTPConnection(HOST, function.port, timeout=30)
    taken = []
    for _ in range(requests):
        began = perf_counter()
        connection.request("GET", "/api/wallet", headers=dict(token))
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"GET /api/wallet: {response.status} {body!r}")
        taken.append(perf_counter() - began)
    connection.close()
    return taken


def _writes(function: EntryPoint) -> float:
    """Writes a request, as the function's own log counts what it pays for."""
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in function.output().splitlines() if line.startswith("{") and '"/api/wallet"' in line
    ]
    return sum(line["writes"] for line in lines) / len(lines)
