"""Events that were given up: a JSON line each, the latest also at hand for the console."""

import json
from collections import deque
from pathlib import Path
from typing import Any

FILE_NAME = "dead-letters.jsonl"
KEPT = 200


class DeadLetters:
    """An append-only log at `log_dir`/dead-letters.jsonl, with headers and body: all that a replay needs."""

    def __init__(self, log_dir: Path) -> None:
        self.path = log_dir / FILE_NAME
        self._recent: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def add(self, letter: dict[str, Any], *, headers: dict[str, str], body_base64: str) -> None:
        self._recent.append(letter)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**letter, "headers": headers, "body": body_base64}) + "\n")

    @property
    def recent(self) -> list[dict[str, Any]]:
        """The latest 200, newest first: {time, trigger, id, type, document, attempts, reason}."""
        return list(reversed(self._recent))
