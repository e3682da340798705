"""Which packages a cold start spends its time on: python -X importtime, up to the first answer."""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from . import entry_point
from .entry_point import EntryPoint, Probe
from .table import Table, median

ROUNDS = 5
TOP = 12
SHOWN = ("/api/sessions", "/sessions/progress")
PROJECT = "demo-imports"
_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", re.MULTILINE)


def run(env: Mapping[str, str], logs: Path) -> list[Table]:
    with entry_point.issuer() as oidc:
        environ = entry_point.environ(env, PROJECT, oidc)
        probes = [probe for probe in entry_point.probes(oidc, PROJECT) if probe.path in SHOWN]
        return [_table(probe, {**environ, "PYTHONPROFILEIMPORTTIME": "1"}) for probe in probes]


def _table(probe: Probe, environ: Mapping[str, str]) -> Table:
    rounds = [_round(probe, environ) for _ in range(ROUNDS + 1)][1:]
    packages = {name for found in rounds for name in found}
    times_ms = {name: median([found.get(name, 0.0) for found in rounds]) for name in packages}
    largest = sorted(times_ms, key=lambda name: -times_ms[name])[:TOP]
    rows = [(f"`{name}`", f"{times_ms[name]:.1f}") for name in largest]
    rows.append(("all", f"{sum(times_ms.values()):.1f}"))
    note = f"Modules' own time by package, medians of {ROUNDS}; the measuring itself adds to each."
    return Table(f"Imports of `{probe.entry_point}` up to {probe.label}", ("package", "ms"), rows, note)


def _round(probe: Probe, environ: Mapping[str, str]) -> dict[str, float]:
    with EntryPoint(probe.entry_point, environ) as function:
        answer = function.ask(probe)
        if answer.status != probe.status:
            raise RuntimeError(f"{probe.label}: {answer.status} {answer.body!r}")
        found: dict[str, float] = defaultdict(float)
        for own_us, module in _LINE.findall(function.output()):
            found[_package(module)] += int(own_us) / 1000
        return found


def _package(module: str) -> str:
    """Google's packages share a namespace: google.cloud.x, google.x; ours one level deeper; else the first name."""
    parts = module.split(".")
    depth = {"google": 3 if parts[1:2] == ["cloud"] else 2, "konnect": 2}.get(parts[0], 1)
    return ".".join(parts[:depth])
