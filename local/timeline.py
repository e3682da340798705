"""The demo's timeline: what each client sees, as it sees it, one line each."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from local.clients.process import Event, NodeProcess

POLL_S = 0.04
BAR_WIDTH = 20

Formatter = Callable[[str, dict[str, Any]], str | None]
"""What somebody saw, as a line: (who, the event's data) → markup, or None to leave it out."""


class Timeline:
    """Prints headings and actions of the story, and beside them each event of the clients it watches."""

    def __init__(self, console: Console, colours: dict[str, str]) -> None:
        self._console = console
        self._colours = colours
        self._started = time.time()
        self._lock = threading.Lock()
        self._watched: list[tuple[NodeProcess, dict[str, Formatter]]] = []
        self._marks: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def watch(self, clients: NodeProcess, formatters: dict[str, Formatter]) -> None:
        """Show the events that `formatters` name, from now on."""
        with self._lock:
            self._watched.append((clients, formatters))
            self._marks.append(clients.mark())

    def heading(self, text: str) -> None:
        self._flush()
        with self._lock:
            self._console.print(f"\n[bold]{text}[/]")

    def did(self, who: str, text: str) -> None:
        """A line about what somebody did."""
        self._flush()
        self._line(time.time(), who, "▸", text)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._flush()

    def _run(self) -> None:
        while not self._stop.wait(POLL_S):
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            new: list[tuple[Event, Formatter]] = []
            for index, (clients, formatters) in enumerate(self._watched):
                since = self._marks[index]
                events: Sequence[Event] = clients.events(since=since)
                if events:
                    self._marks[index] = events[-1].index + 1
                new += [(event, formatters[event.event]) for event in events if event.event in formatters]
        for event, formatter in sorted(new, key=lambda pair: pair[0].at):
            text = formatter(event.name, event.args[0] if event.args else {})
            if text is not None:
                self._line(event.at, event.name, "·", text)

    def _line(self, at: float, who: str, mark: str, text: str) -> None:
        seconds, colour = max(0.0, at - self._started), self._colours.get(who, "white")
        line = Text.from_markup(f"[dim]{seconds:6.2f} s[/]  [{colour}]{who:<6}[/] {mark} {text}")
        with self._lock:
            self._console.print(line, soft_wrap=True)


def bar(value: float, full: float) -> str:
    """A balance as a bar."""
    filled = round(BAR_WIDTH * min(1.0, max(0.0, value / full)))
    return "[green]" + "█" * filled + "[/][dim]" + "░" * (BAR_WIDTH - filled) + "[/]"
