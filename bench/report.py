"""Tables on the terminal, and BENCH.md from its template."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from local import emulator_files
from local.manifest import ROOT

from .table import Table

TEMPLATE = Path(__file__).with_name("template.md")
OUTPUT = ROOT / "BENCH.md"
PACKAGES = (
    "functions-framework",
    "gunicorn",
    "flask",
    "pydantic",
    "google-cloud-firestore",
    "google-cloud-tasks",
    "python-socketio",
    "uvicorn",
    "grpcio",
)


def show(table: Table, console: Console) -> None:
    drawn = RichTable(title=table.title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for index, column in enumerate(table.columns):
        drawn.add_column(column, header_style="dim", justify="left" if index == 0 else "right")
    for row in table.rows:
        drawn.add_row(*(escape(cell.replace("`", "")) for cell in row))
    console.print(drawn)
    console.print(f"[dim]{escape(table.note)}[/]\n")


def write(sections: dict[str, list[Table]], load: float) -> None:
    """BENCH.md: the template with `{{machine}}`, `{{load}}`, `{{versions}}` and each `{{section}}` filled in."""
    text = TEMPLATE.read_text(encoding="utf-8")
    values = {"machine": machine(), "load": f"{load:.1f}", "versions": versions()}
    values |= {name: "\n\n".join(_markdown(table) for table in tables) for name, tables in sections.items()}
    for name, value in values.items():
        marker = "{{" + name + "}}"
        if marker not in text:
            raise ValueError(f"{TEMPLATE.name} has no {marker}")
        text = text.replace(marker, value)
    OUTPUT.write_text(text, encoding="utf-8")


def machine() -> str:
    """Processor, cores, memory, system."""
    memory_gb = psutil.virtual_memory().total / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()} {platform.release()}"


def versions() -> str:
    named = [f"Python {platform.python_version()}", f"Node {_first_line('node', '--version').lstrip('v')}"]
    named += [f"Java {_java()}"]
    return ", ".join([*named, *(f"{package} {version(package)}" for package in PACKAGES)])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _java() -> str:
    quoted = _first_line(emulator_files.java(), "-version").split('"')
    return quoted[1] if len(quoted) > 1 else "?"


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    lines = (done.stdout or done.stderr).splitlines()
    return lines[0] if lines else "?"


def _markdown(table: Table) -> str:
    lines = [f"### {table.title}", "", "| " + " | ".join(table.columns) + " |"]
    lines.append("|" + "|".join("---" if index == 0 else "--:" for index in range(len(table.columns))) + "|")
    lines += ["| " + " | ".join(row) + " |" for row in table.rows]
    return "\n".join([*lines, "", table.note])
