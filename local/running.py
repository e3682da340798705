"""A stack as a process of its own, for what is not asynchronous: the tests, the demo, the benches."""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.environment import Files, child_environ, read_export_lines
from local.manifest import ROOT
from local.ports import AUTO
from local.processes import StackError

READY_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 30.0
_POLL_S = 0.05
_TAIL_LINES = 60


@contextlib.contextmanager
def running_stack(
    *,
    port_base: str | int = AUTO,
    signaling: int = 1,
    minute_s: float = 60.0,
    data: Path | None = None,
    seed: bool = False,
    scheduled: bool = True,
    folder: Path | None = None,
    show_progress: bool = False,
    timeout_s: float = READY_TIMEOUT_S,
    settings: Mapping[str, str] | None = None,
) -> Iterator[dict[str, str]]:
    """Start `python -m local.run`, wait until everything answers, give its environment, stop it at the end.

    The environment is that of `.local/env`: URLs, emulator hosts and the settings of the functions, of which `settings`
    gives some by their variables' names. Without a `folder` the logs are gone after a clean stop. The stack ends with
    this process, however that ends. Raises StackError.
    """
    (ROOT / ".local").mkdir(exist_ok=True)
    own_folder = Path(tempfile.mkdtemp(prefix="stack-", dir=ROOT / ".local")) if folder is None else None
    files = Files((folder or own_folder or ROOT).resolve())
    files.logs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local.run", f"--port-base={port_base}", f"--signaling={signaling}"]
    command += [f"--minute-s={minute_s:g}", f"--folder={files.folder}", "--stop-on-eof"]
    command += [f"--output={'progress' if show_progress else 'errors'}"]
    command += [f"--data={data}"] if data else []
    command += [] if seed else ["--no-seed"]
    command += [] if scheduled else ["--no-schedule"]
    files.ready.unlink(missing_ok=True)
    output = files.logs / "run.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=child_environ(settings or {}),
            stdin=subprocess.PIPE,
            stdout=None if show_progress else log,
            stderr=log,
            # A terminal's Ctrl-C is for the process that started the stack.
            start_new_session=True,
        )
    try:
        _wait_ready(process, files, output, timeout_s)
        yield read_export_lines(files.env.read_text(encoding="utf-8"))
    finally:
        clean = _stop(process)
    if own_folder and clean:
        shutil.rmtree(own_folder, ignore_errors=True)


def _wait_ready(process: subprocess.Popen[bytes], files: Files, output: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not files.ready.exists():
        if process.poll() is not None:
            raise StackError(f"the stack did not start:\n{_tail(output)}")
        if time.monotonic() > deadline:
            raise StackError(f"the stack was not ready within {timeout_s:g} s:\n{_tail(output)}")
        time.sleep(_POLL_S)


def _stop(process: subprocess.Popen[bytes]) -> bool:
    """Stop the stack; whether it ended cleanly."""
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    if process.stdin:
        process.stdin.close()
    return status == 0


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])
