"""A Node process that hosts clients: commands and replies as JSON lines (see lines.mjs)."""

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

REPLY_TIMEOUT_S = 60.0
WAIT_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 5.0
STDERR_LINES_KEPT = 200


class ClientError(Exception):
    """A client's command failed. `code` and `data` are the other side's, where it gave some ("permission-denied")."""

    def __init__(self, message: str, code: str | None = None, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


@dataclass(frozen=True, slots=True)
class Event:
    """What the client `name` saw, the `index`-th of its process. `at` is in epoch seconds."""

    index: int
    name: str
    event: str
    args: list[Any]
    at: float


class NodeProcess:
    """One Node script with its clients. Synchronous and thread-safe; a context manager."""

    def __init__(self, script: Path, env: Mapping[str, str] | None = None) -> None:
        node = shutil.which("node")
        if node is None:
            raise ClientError("node is not on the PATH")
        self._script = script
        self._process = subprocess.Popen(
            [node, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
            text=True,
            encoding="utf-8",
        )
        # Apart from `_changed`: while a write waits on a full pipe the reader must go on, or both sides wait for ever.
        self._writing = threading.Lock()
        # Guards all of the below; notified on each event and at the process's end.
        self._changed = threading.Condition()
        self._replies: dict[int, Future[Any]] = {}
        self._next_id = 0
        self._events: list[Event] = []
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES_KEPT)
        self._ended = False
        self._errors_reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._errors_reader.start()
        self._reader.start()

    def request(self, op: str, timeout_s: float = REPLY_TIMEOUT_S, **fields: Any) -> Any:
        """Send one command and return its result. Raises ClientError, also when no reply came within `timeout_s`."""
        reply: Future[Any] = Future()
        with self._changed:
            if self._ended:
                raise self._ended_error()
            self._next_id += 1
            number = self._next_id
            self._replies[number] = reply
        try:
            self._write(json.dumps({"id": number, "op": op, **fields}) + "\n")
            return reply.result(timeout_s)
        except FutureTimeoutError:
            raise ClientError(f"no reply to {op} within {timeout_s} s{self._stderr_text()}", "timeout") from None
        finally:
            with self._changed:
                self._replies.pop(number, None)

    def mark(self) -> int:
        """The index of the next event: pass it as `since` to look only at what comes after now."""
        with self._changed:
            return len(self._events)

    def events(self, name: str | None = None, event: str | None = None, *, since: int = 0) -> list[Event]:
        """What was seen so far, in order."""
        with self._changed:
            return self._matching(name, event, since)

    def wait_for(
        self,
        name: str,
        event: str,
        predicate: Callable[..., bool] | None = None,
        timeout_s: float = WAIT_TIMEOUT_S,
        *,
        since: int = 0,
    ) -> Event:
        """The first `event` of `name`, from index `since` on, whose args satisfy `predicate(*args)`; waits for it.

        Raises TimeoutError, which tells what was seen instead.
        """
        deadline = time.monotonic() + timeout_s
        looked_at = since
        with self._changed:
            while True:
                for seen in self._matching(name, event, looked_at):
                    if predicate is None or predicate(*seen.args):
                        return seen
                looked_at = max(since, len(self._events))
                if self._ended:
                    raise self._ended_error()
                if not self._changed.wait(deadline - time.monotonic()):
                    break
            seen_instead = [f"{one.event} {one.args}" for one in self._matching(name, None, since)]
        shown = "\n  ".join(seen_instead) or "nothing"
        raise TimeoutError(f"{name} saw no such {event} within {timeout_s} s; it saw:\n  {shown}{self._stderr_text()}")

    def close(self) -> None:
        """Disconnect every client and end the process. May be called twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(CLOSE_TIMEOUT_S)
        self._errors_reader.join(CLOSE_TIMEOUT_S)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            with self._writing:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except (OSError, ValueError) as error:  # ValueError: closed by `close`
            self._reader.join(CLOSE_TIMEOUT_S)  # so that the error shows all of stderr
            raise self._ended_error() from error

    def _matching(self, name: str | None, event: str | None, since: int) -> list[Event]:
        return [one for one in self._events[since:] if name in (None, one.name) and event in (None, one.event)]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "push" in message:
                with self._changed:
                    self._events.append(
                        Event(len(self._events), message["name"], message["event"], message["args"], message["at"])
                    )
                    self._changed.notify_all()
            else:
                self._settle(message)
        self._errors_reader.join(CLOSE_TIMEOUT_S)
        with self._changed:
            self._ended = True
            pending = list(self._replies.values())
            self._changed.notify_all()
        for reply in pending:
            reply.set_exception(self._ended_error())

    def _settle(self, message: dict[str, Any]) -> None:
        with self._changed:
            reply = self._replies.pop(message["id"], None)
        if reply is None:  # it came after its time-out
            return
        if message["ok"]:
            reply.set_result(message["result"])
        else:
            error = message["error"]
            reply.set_exception(ClientError(error["message"], error.get("code"), error.get("data")))

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._stderr.append(line.rstrip("\n"))

    def _ended_error(self) -> ClientError:
        return ClientError(f"{self._script.name} has ended{self._stderr_text()}", "ended")

    def _stderr_text(self) -> str:
        lines = list(self._stderr)
        return "\nits stderr:\n  " + "\n  ".join(lines) if lines else ""
