"""`make reconcile`: run the console function `reconcile` of the running stack, print what it found, exit 1 if anything
differs. With FIRESTORE_EMULATOR_HOST and GOOGLE_CLOUD_PROJECT set, that database is read directly instead."""

import os
import sys
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

from local.environment import Files, read_export_lines
from local.ports import Ports, environment_base


def main() -> int:
    report = direct() if os.environ.get("FIRESTORE_EMULATOR_HOST") else of_stack(running_env())
    show(report, Console())
    return 0 if report["ok"] else 1


def direct() -> dict[str, Any]:
    """Reconcile the database that the environment names."""
    from konnect.context import context
    from konnect.reconciliation import service

    return service.reconcile(context()).as_json()


def of_stack(env: dict[str, str]) -> dict[str, Any]:
    """Have the stack's console function reconcile."""
    response = requests.post(f"{env['FUNCTIONS_URL']}/reconcile", json={}, timeout=300)
    response.raise_for_status()
    report: dict[str, Any] = response.json()
    return report


def running_env() -> dict[str, str]:
    """The environment of the stack that runs at PORT_BASE. Exits if there is none."""
    files = Files.of(Ports.parse(environment_base(os.environ)))
    if not files.ready.exists():
        sys.exit("no stack is running: `make up` starts one")
    return read_export_lines(files.env.read_text())


def show(report: dict[str, Any], console: Console) -> None:
    """The ledger by kind of account, and the verdict."""
    table = Table(title="Ledger", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("account")
    table.add_column("INR", justify="right")
    for account, paise in report["accountsPaise"].items():
        table.add_row(account, f"{paise / 100:,.2f}")
    table.add_row("[bold]sum[/]", f"[bold]{report['sumPaise'] / 100:,.2f}[/]")
    console.print(table)
    console.print(f"{report['movements']} movements, {report['sessions']} sessions")
    for difference in report["differences"]:
        console.print(f"[red]✗[/] {difference}")
    console.print("[green]reconcile: ok[/]" if report["ok"] else "[red]reconcile: differs[/]")


if __name__ == "__main__":
    sys.exit(main())
