"""`python -m bench [section …]`: measure, print, and (when all sections ran) write BENCH.md.

Exits 1 if a tick cost more than 2 reads or 3 writes, a step of a booking more than is recorded for it,
or counting for a rate limit more than its share of writes, or if something that was measured did not do its work.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import psutil
from rich.console import Console

from local.manifest import ROOT
from local.running import running_stack

from . import api, bookings, chat, cloud_tasks, cold_start, experts, imports, limits, report, ticks
from .table import Table

BUSY = 0.5
"""A load average from which on others' work shows in the results."""
FOLDER = ROOT / ".local" / "bench"
"""Where the stack that is measured has its logs."""


@dataclass(frozen=True)
class Section:
    """`run(env, logs)` measures on a stack of its needs; neighbours with the same needs share one."""

    name: str
    what: str
    run: Callable[[Mapping[str, str], Path], list[Table]]
    minute_s: float = 60.0
    signaling: int = 2
    by_default: bool = True


SECTIONS = (
    Section("ticks", "billing ticks, in process and through Cloud Tasks", ticks.run, ticks.MINUTE_S, 1),
    Section("api", "deposit and verify, GET /api/wallet", api.run),
    Section("bookings", "bookings, their reads and writes, full calendars", bookings.run),
    Section("limits", "what counting for the rate limits costs a request", limits.run),
    Section("experts", "searches among 10,000 experts", experts.run),
    Section("chat", "chat messages, on one signaling instance and across two", chat.run),
    Section("cold_start", "process start to first answer of each function", cold_start.run),
    Section("imports", "what a cold start imports (by name only)", imports.run, by_default=False),
    Section("cloud_tasks", "the Cloud Tasks emulator", cloud_tasks.run),
)


def main() -> int:
    chosen = _chosen()
    # As deployed: the stack's own default has a line for each event that a socket gets.
    os.environ.setdefault("LOG_LEVEL", "INFO")
    console = Console(highlight=False)
    began, load = time.monotonic(), psutil.getloadavg()[0]
    if load > BUSY:
        console.print(f"[yellow]the machine is busy (load {load:.1f}): alone, the results would be better[/]")
    results: dict[str, list[Table]] = {}
    for (minute_s, signaling), sections in groupby(chosen, key=lambda section: (section.minute_s, section.signaling)):
        results |= _measure(list(sections), minute_s, signaling, console)
    failures = [failure for tables in results.values() for table in tables for failure in table.failures]
    for failure in failures:
        console.print(f"[bold red]{failure}[/]")
    console.print(f"[dim]{time.monotonic() - began:.0f} s[/]")
    if not failures and {section.name for section in SECTIONS if section.by_default} == results.keys():
        report.write(results, load)
        console.print(f"written: {report.OUTPUT.relative_to(ROOT)}")
    return 1 if failures else 0


def _measure(sections: list[Section], minute_s: float, signaling: int, console: Console) -> dict[str, list[Table]]:
    results: dict[str, list[Table]] = {}
    with running_stack(minute_s=minute_s, signaling=signaling, scheduled=False, folder=FOLDER) as env:
        for section in sections:
            with console.status(f"measuring {section.what} …"):
                results[section.name] = section.run(env, FOLDER / "logs")
            for table in results[section.name]:
                report.show(table, console)
    return results


def _chosen() -> list[Section]:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure, print, and (without a choice) write BENCH.md.",
        epilog="; ".join(f"{section.name}: {section.what}" for section in SECTIONS),
    )
    names = [section.name for section in SECTIONS]
    parser.add_argument(
        "sections", nargs="*", metavar="section", help=f"{', '.join(names)}; by default all but imports"
    )
    given = parser.parse_args().sections
    if unknown := sorted(set(given) - set(names)):
        parser.error(f"unknown: {', '.join(unknown)}; there are: {', '.join(names)}")
    return [section for section in SECTIONS if (section.name in given if given else section.by_default)]


if __name__ == "__main__":
    sys.exit(main())
