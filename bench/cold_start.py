"""How long a new instance takes to its first answer, for each entry point alone."""

import os
import shutil
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from local import manifest
from local.manifest import ROOT

from . import entry_point
from .entry_point import EntryPoint, Probe
from .table import Table, median, ms, ratio

ROUNDS = 5
COMPARED = ("api", "tasks")
"""Entry points that are started without .pyc files as well."""
PROJECT = "demo-cold-start"

BASELINE = """
import functions_framework

@functions_framework.http
def baseline(request):
    return "ok"
"""


@dataclass
class Start:
    """One way to start, and what its rounds took: to the answer on the clock, and of the processor."""

    probe: Probe
    source: Path
    environ: Mapping[str, str]
    elapsed_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


def run(env: Mapping[str, str], logs: Path) -> list[Table]:
    """Start each entry point ROUNDS times, in turn, on one core."""
    with entry_point.issuer() as oidc, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        baseline = folder / "main.py"
        baseline.write_text(BASELINE)
        environ = entry_point.environ(env, PROJECT, oidc)
        shipped = {**environ, "PYTHONPYCACHEPREFIX": str(folder / "shipped")}
        deployed = {endpoint.entry_point for endpoint in manifest.load().endpoints.values()}
        probes = [probe for probe in entry_point.probes(oidc, PROJECT) if probe.entry_point in deployed]
        starts = [Start(Probe("baseline", "GET", "/", 200), baseline, shipped)]
        starts += [Start(probe, entry_point.SOURCE, shipped) for probe in probes]
        # The first round writes the .pyc files; nobody writes any after it.
        for start in starts:
            _measure(start)
        bare = _without_packages(folder)
        compared = {
            start.probe: Start(start.probe, start.source, {**environ, "PYTHONPYCACHEPREFIX": str(bare)})
            for start in starts
            if start.probe.entry_point in COMPARED
        }
        for start in [*starts, *compared.values()]:
            start.environ = {**start.environ, "PYTHONDONTWRITEBYTECODE": "1"}
            start.elapsed_s.clear()
            start.cpu_s.clear()
        for _ in range(ROUNDS):
            for start in starts:
                _measure(start)
                if start.probe in compared:
                    _measure(compared[start.probe])
        rows = [_row(start, compared.get(start.probe)) for start in starts]
    columns = ("entry point", "first answer", "ms", "CPU ms", "ms without .pyc", "ratio")
    note = f"Process start to the whole first answer, on one core; medians of {ROUNDS} rounds through all rows."
    return [Table("Cold start", columns, rows, note)]


def _measure(start: Start) -> None:
    with EntryPoint(start.probe.entry_point, start.environ, source=start.source, cpu=_core()) as function:
        answer = function.ask(start.probe)
        start.elapsed_s.append(time.perf_counter() - function.started_s)
        assert function.process
        start.cpu_s.append(_cpu_s(function.process.pid))
        if answer.status != start.probe.status:
            raise RuntimeError(f"{start.probe.label}: {answer.status} {answer.body!r}\n{function.output()}")


def _core() -> int:
    """The last core: whoever measures stays on the others if there are any."""
    return max(os.sched_getaffinity(0))


def _cpu_s(pid: int) -> float:
    master = psutil.Process(pid)
    times = [process.cpu_times() for process in (master, *master.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _without_packages(folder: Path) -> Path:
    """The shipped .pyc files without those of packages and of functions/: Python's own library always has them."""
    bare = folder / "bare"
    shutil.copytree(folder / "shipped", bare)
    for compiled in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(ROOT / "functions")}:
        shutil.rmtree(bare / Path(compiled).relative_to("/"), ignore_errors=True)
    return bare


def _row(start: Start, without: Start | None) -> tuple[str, ...]:
    name = "functions-framework alone" if start.probe.entry_point == "baseline" else f"`{start.probe.entry_point}`"
    row = (name, start.probe.label, ms(median(start.elapsed_s)), ms(median(start.cpu_s)))
    if without is None:
        return (*row, "", "")
    return (*row, ms(median(without.elapsed_s)), ratio(without.elapsed_s, start.elapsed_s))
