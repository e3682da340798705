"""Child processes of the stack: a process group each, output into a log, death noticed, all of the group stopped."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

STOP_TIMEOUT_S = 8.0
TAIL_LINES = 25
_PROBE_INTERVAL_S = 0.05


class StackError(RuntimeError):
    """The stack did not start; the message says which part and shows the end of its log."""


class ChildError(StackError):
    """A child did not start, did not become ready in time or died. The message has the end of its log."""


class Child:
    """One child process, `name` in messages, with stdout and stderr in `log`.

    It leads a session of its own: a terminal's Ctrl-C reaches only the supervisor, which stops the children in order,
    and a stop reaches the grandchildren.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        environ: Mapping[str, str],
        cwd: Path,
        *,
        stop_timeout_s: float = STOP_TIMEOUT_S,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [*_stop_with_parent(), *command]
        self._environ = dict(environ)
        self._cwd = cwd
        self._stop_timeout_s = stop_timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process. Raises ChildError if there is no such program."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=self._environ,
                    cwd=self._cwd,
                    start_new_session=True,
                )
            except OSError as error:
                raise ChildError(f"{self.name} can't be started: {error}") from error

    async def wait_ready(self, probe: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        """Wait until `probe` answers True. Raises ChildError if the process dies before, or after `timeout_s`."""
        process = self._started
        deadline = time.monotonic() + timeout_s
        while not await probe():
            if process.returncode is not None:
                raise ChildError(self._death_message())
            if time.monotonic() > deadline:
                raise ChildError(f"{self.name} did not answer within {timeout_s:g} s; {self._log_message()}")
            await asyncio.sleep(_PROBE_INTERVAL_S)

    async def died(self) -> str:
        """Wait until the process ends by itself; what to say about it. Never returns for one that `stop` ended."""
        await self._started.wait()
        if self._stopping:
            await asyncio.Event().wait()
        return self._death_message()

    async def stop(self) -> None:
        """End the process and its group: SIGTERM, and SIGKILL for what is left when it is gone or late."""
        self._stopping = True
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self._stop_timeout_s)
        # Grandchildren that outlived it are in its group still.
        self._signal(signal.SIGKILL)
        await process.wait()

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of the log."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    @property
    def _started(self) -> asyncio.subprocess.Process:
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._started.pid, number)

    def _death_message(self) -> str:
        code = self._started.returncode
        how = (
            f"was ended by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with code {code}"
        )
        return f"{self.name} {how}; {self._log_message()}"

    def _log_message(self) -> str:
        return f"the end of {self.log}:\n{self.tail() or '(empty)'}"


def _stop_with_parent() -> list[str]:
    """Where Linux's setpriv is at hand: even if the supervisor is killed outright, its children end with it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []
