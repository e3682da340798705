"""`make up`: start the whole local cloud, seed it, say where everything is, and stop it all on Ctrl-C."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console as Terminal
from rich.table import Table

from local import environment, seed
from local.emulator_files import EmulatorMissingError
from local.emulators import EmulatorError
from local.manifest import ManifestError
from local.ports import PortError
from local.processes import ChildError
from local.seed import Account
from local.stack import Options, Stack, StackError

EXPECTED_ERRORS = (PortError, EmulatorMissingError, EmulatorError, ManifestError, ChildError, StackError)

T = TypeVar("T")


class Stopped(Exception):
    """Somebody asked for a stop before the stack was up."""


class Run:
    """One run of a stack, from start to stop. `output`: "all", "progress" (no table) or "errors"."""

    def __init__(self, options: Options, *, seed: bool, output: str) -> None:
        self._seed = seed
        self._output = output
        self._terminal = Terminal(highlight=False, quiet=output == "errors")
        self._errors = Terminal(stderr=True, highlight=False)
        self._stop = asyncio.Event()
        self._stack = Stack(options)

    async def run(self, *, stop_on_eof: bool) -> int:
        """Exit status: 0 after a stop by signal, 1 after a failure."""
        self._listen(stop_on_eof)
        status = 0
        try:
            await self._unless_stopped(self._stack.start())
            accounts = await self._unless_stopped(self._seeded())
            self._announce(accounts)
            status = await self._until_stopped()
        except Stopped:
            pass
        except EXPECTED_ERRORS as error:
            self._errors.print(f"[bold red]error[/] {_escape(str(error))}", soft_wrap=True)
            status = 1
        finally:
            await self._end()
        return status

    def _listen(self, stop_on_eof: bool) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        if stop_on_eof:
            loop.add_reader(sys.stdin.fileno(), self._read_stdin)

    def _read_stdin(self) -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._stop.set()

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; cancelled, and Stopped raised, if a stop comes first."""
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise Stopped

    async def _seeded(self) -> Sequence[Account]:
        if not self._seed:
            return []
        accounts = await asyncio.to_thread(seed.seed, self._stack.service_env)
        self._stack.report("accounts")
        return accounts

    def _announce(self, accounts: Sequence[Account]) -> None:
        files = self._stack.files
        files.env.write_text(environment.export_lines(self._stack.service_env), encoding="utf-8")
        for warning in self._stack.warnings:
            self._terminal.print(f"[yellow]warning[/] {_escape(warning)}")
        if self._output == "all":
            self._terminal.print(_urls(self._stack), _accounts(accounts))
            self._terminal.print(f"Environment: [bold]. {_short(files.env)}[/]   Logs: {_short(files.logs)}")
            self._terminal.print("[bold]Ctrl-C[/] stops everything.")
        files.ready.write_text(f"{os.getpid()}\n", encoding="utf-8")

    async def _until_stopped(self) -> int:
        failed = asyncio.create_task(self._stack.failed())
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait({failed, stop}, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            stop.cancel()
            self._errors.print(f"[bold red]error[/] {_escape(failed.result())}", soft_wrap=True)
            return 1
        failed.cancel()
        return 0

    async def _end(self) -> None:
        if self._output == "all" and self._stack.running:
            self._terminal.print("stopping …")
        # From here on a second Ctrl-C is for the impatient: the children still end, with this process.
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)
        await self._stack.stop()


def _urls(stack: Stack) -> Table:
    table = Table(title="Konnect, locally", title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in {**environment.links(stack.ports), **stack.env}.items():
        table.add_row(f"[bold]{name}[/]" if name.isupper() else name, value)
    return table


def _accounts(accounts: Sequence[Account]) -> Table | str:
    if not accounts:
        return ""
    table = Table(title="Accounts", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("role", "email", "password", "note"):
        table.add_column(column, header_style="bold")
    for account in accounts:
        table.add_row(account.role, account.email, account.password, account.note)
    return table


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; what it leaves out comes from PORT_BASE, MINUTE_S, DATA and LOCAL_DIR."""
    environ = os.environ
    parser = argparse.ArgumentParser(prog="python -m local.run", description=__doc__)
    parser.add_argument("--port-base", help="first of twenty ports, or auto (PORT_BASE, 8400)")
    parser.add_argument("--signaling", type=int, default=1, help="number of signaling processes, 1 or 2")
    parser.add_argument(
        "--minute-s", type=float, default=float(environ.get("MINUTE_S") or 60), help="seconds in a minute"
    )
    data = environ.get("DATA")
    parser.add_argument("--data", type=Path, default=Path(data) if data else None, help="folder that keeps the data")
    parser.add_argument("--folder", type=Path, help="folder for env, ready and logs (LOCAL_DIR)")
    parser.add_argument("--no-seed", action="store_true", help="no accounts at the start")
    parser.add_argument("--no-schedule", action="store_true", help="scheduled functions run by hand only")
    parser.add_argument("--output", choices=("all", "progress", "errors"), default="all")
    parser.add_argument("--stop-on-eof", action="store_true", help="stop when standard input ends")
    return parser.parse_args(arguments)


def main() -> int:
    given = parse_arguments()
    terminal = Terminal(highlight=False, quiet=given.output == "errors")

    def progress(part: str, elapsed_s: float) -> None:
        terminal.print(f"[green]✓[/] {part:<40}[dim]{elapsed_s:5.1f} s[/]")

    options = Options(
        port_base=given.port_base,
        signaling=given.signaling,
        minute_s=given.minute_s,
        data=given.data.resolve() if given.data else None,
        scheduled=not given.no_schedule,
        folder=given.folder.resolve() if given.folder else None,
        progress=progress,
    )
    try:
        run = Run(options, seed=not given.no_seed, output=given.output)
        return asyncio.run(run.run(stop_on_eof=given.stop_on_eof))
    except StackError as error:
        print(f"error {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
